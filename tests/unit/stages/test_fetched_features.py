"""What a run says before it fetches VGG16, and where it cannot."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

import pytest

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.stages.features import run_features
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile


@pytest.fixture(autouse=True)
def nothing_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights at hand, and a network in which every connection is refused."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it would remember other proxies


def refused(built: TripletFile, data: Path, **words: object) -> tuple[str, str]:
    """What is told before the download, and how it is refused."""
    target = dataset_path(data, "mine", 0)
    target.parent.mkdir(parents=True)
    shutil.copy(built.path, target)
    said = {"methods": "ssan", "dataset": "mine", "data": data, **words}
    config, lines = RunConfig.model_validate(said), list[str]()
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        run_features(plan(config), config, PlainDisplay(lines.append))
    (line,) = lines
    return line, str(error.value)


def test_data_with_ids_are_offered_the_loss_that_looks_for_membranes(
    cells: TripletFile, tmp_path: Path
) -> None:
    for said in refused(cells, tmp_path / "data"):
        assert "--losses lm (membranes, from the labels) needs none" in said
        assert "without --losses the loss is ls" in said


def test_data_without_labels_are_offered_pixels(texture: TripletFile, tmp_path: Path) -> None:
    line, error = refused(texture, tmp_path / "data", losses="lf")
    assert line.startswith("The loss lf looks through VGG16, whose weights (half a GB)")
    for said in (line, error):
        assert said.endswith("--losses l1 needs none.")
    assert "--vgg-weights random" in error


def test_what_is_generated_fetches_nothing() -> None:
    config, lines = RunConfig(methods=("ssan",), dataset=("phantom",)), list[str]()
    found = run_features(plan(config), config, PlainDisplay(lines.append))
    assert found is not None
    assert found.name == "random"
    assert lines == []
