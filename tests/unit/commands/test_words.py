from pathlib import Path

import pytest
from command import bench

from bench.base.errors import UserError
from bench.cells.config import RunConfig


def told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object
) -> RunConfig:
    """The configuration that a run is told, which then ends."""
    seen: list[RunConfig] = []

    def stop(settings: RunConfig) -> None:
        seen.append(settings)
        raise UserError("Enough.")

    monkeypatch.setattr("bench.cells.names.check_names", stop)
    assert bench(capsys, "run", *words)[0] == 2
    [settings] = seen
    return settings


def test_words_win_over_the_file_and_leave_it_what_they_do_not_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'methods = "ssan"\ndataset = "phantom"\nfold = 3\nchannel = 2\nsource = "a.tif"\n'
        "rerun = true\ndownload = true\njobs = 4\n"
    )
    plain = told(capsys, monkeypatch, "--config", file)
    assert (plain.fold, plain.channel, plain.jobs) == (3, 2, 4)
    assert (plain.rerun, plain.download) == (True, True)
    # 0 is a word too.
    words = ("--fold", 0, "--channel", 0, "--methods", "flow", "--source", "b.tif", "--jobs", 2)
    other = told(capsys, monkeypatch, "--config", file, *words)
    assert (other.fold, other.channel, other.jobs) == (0, 0, 2)
    assert (other.methods, other.source) == (("flow",), "b.tif")
    assert (other.rerun, other.download, other.dataset) == (True, True, ("phantom",))


def test_flags_are_said_by_themselves(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--methods", "ssan", "--dataset", "phantom")
    silent = told(capsys, monkeypatch, *words)
    assert (silent.rerun, silent.download) == (False, False)
    said = told(capsys, monkeypatch, *words, "--rerun", "--download")
    assert (said.rerun, said.download) == (True, True)
