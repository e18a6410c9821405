import errno
import os
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.files import atomic_path, is_full, probe_folder, remove_leftovers, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_failing_replace_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "record.json"
    write_text(target, "old")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-frames.h5-abc").write_text("half")
    (tmp_path / "record.json").write_text("whole")
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_file_in_the_way_of_a_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(UserError, match="choose another one"):
        probe_folder(tmp_path / "results")


def test_a_full_disk_is_recognised_through_a_chain_of_errors() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    outer = RuntimeError("cannot write")
    outer.__cause__ = full
    assert is_full(full)
    assert is_full(outer)
    assert is_full(OSError("Can't write data (No space left on device)"))
    assert not is_full(OSError(errno.EACCES, os.strerror(errno.EACCES)))
