"""What a gap is filled with: named, or the best of what was measured on this volume."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import tiny
import torch
from conftest import moving_texture
from report_store import add, followed, judged, scores

from bench.base.errors import UserError
from bench.cells.config import load_config
from bench.repair import choose as choosing
from bench.repair.choose import choose
from bench.repair.wish import Wish, gap_dataset
from bench.run.compute import compute
from bench.scores.results import load_results
from bench.store.records import NONE, WEIGHTS, Store
from methods.timed import at_time


@pytest.fixture(autouse=True)
def _tiny_methods() -> Iterator[None]:
    patches = tiny.patches()
    for patch in patches:
        patch.start()
    yield
    for patch in patches:
        patch.stop()


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    """For a stack of 30 slices of texture that drifts."""
    source = tmp_path / "stack.tif"
    tifffile.imwrite(source, moving_texture(30, 224))
    folders = {"data": tmp_path / "data", "out": tmp_path / "results", "threads": 1}
    return Wish("auto", None, "stack", {"source": str(source), "missing": "3"}, folders)


def test_the_best_on_this_volume_is_taken(wish: Wish, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is measured once; the next repair takes what is there."""
    monkeypatch.setattr(choosing, "COMPARED", ("before", "average", "dis"))
    told = list[str]()
    filler = choose(wish, 1, told.append)
    assert "compared on its sound slices first" in told[0]
    entries = load_results(wish.run["out"], wish.run["data"], print).select(dataset="stack")
    frc = {each.cell.method: round(each.record.means["frc_10"] or 0, 4) for each in entries}
    assert frc[filler.variant.text] == max(frc.values())
    assert "best FRC" in filler.why
    again = choose(wish, 1, told.append)
    assert (again.name, len(told)) == (filler.name, 1)


@pytest.mark.parametrize(("real", "taken"), [(0.9, "dis"), (0.2, "average")])
def test_it_says_what_a_filled_slice_is_worth_to_whoever_follows_neurites(
    tmp_path: Path, real: float, taken: str
) -> None:
    """A judge too weak to tell is not asked: FRC chooses."""
    for name, psnr, share in (("linear", 17.0, 0.3), ("average", 19.0, 0.5), ("dis", 18.0, 0.7)):
        add(tmp_path, name, table=scores(name, psnr), segmented=followed(name, share),
            about={"labels": True}, reference="labels", config={"options": {}})  # fmt: skip
    judged(tmp_path, left_out=0.8, real=real)
    run = {"data": tmp_path / "data", "out": tmp_path}
    filler = choose(Wish("auto", None, "mouse_triplet", {}, run), 1, print)
    assert filler.name == taken
    if taken == "dis":
        assert filler.neurites == (
            "To follow neurites, leaving the slice out carries 0.800, `dis` 0.700: follow them "
            "across the gap without it."
        )
    else:
        assert "best FRC" in filler.why
        assert filler.neurites.startswith("The segmenter is too weak to judge neurites")


def test_a_network_that_is_named_is_trained_on_this_volume(wish: Wish) -> None:
    named = Wish("tiny", None, wish.dataset, wish.volume, wish.run)
    filler = choose(named, 1, print)
    assert (filler.loss, filler.variant.text) == ("l1", "tiny")
    assert filler.weights is not None
    assert filler.learned_from is not None
    assert filler.learned_from.name == "stack"
    model = filler.model([0.5], "cpu")
    trained = choose(Wish(f"tiny[weights={filler.weights}]", None, "-", {}, {}), 1, print)
    assert trained.digest == filler.digest
    both = (each.state_dict()["head.weight"] for each in (model, trained.model([0.5], "cpu")))
    np.testing.assert_array_equal(*(weight.numpy() for weight in both))


def test_a_network_that_was_trained_before_is_taken_as_it_is(wish: Wish) -> None:
    """However long that was: who trained it with `bench run` does not wait for another one."""
    named = Wish("tiny", None, wish.dataset, wish.volume, wish.run)
    dataset = {"methods": ("tiny",), "dataset": ("stack",), "losses": ("l1",), **wish.run}
    for samples in (4, 8):
        compute(load_config(None, dataset | wish.volume | {"samples": samples}))
    told = list[str]()
    filler = choose(named, 1, told.append)
    assert filler.weights is not None
    steps = Store(wish.run["out"]).load(filler.weights.parent)
    assert steps is not None
    assert steps.config["samples"] == 8  # the longest
    assert "8 training crops" in told[-1]
    assert "8 training crops" in filler.why
    longer = choose(replace(named, run={**wish.run, "preset": "quick"}), 1, told.append)
    assert longer.digest != filler.digest  # a preset that is named is what is wanted


def test_the_longest_training_is_taken_beside_one_of_the_usual_length(wish: Wish) -> None:
    """A report compares the usual length; what is named fills with the longest."""
    dataset = {"methods": ("tiny",), "dataset": ("stack",), "losses": ("l1",), **wish.run}
    for length in ({}, {"samples": 90}, {"samples": 30}):  # `quick` has 60
        compute(load_config(None, dataset | wish.volume | length))
    filler = choose(replace(wish, method="tiny"), 1, print)
    assert filler.weights is not None
    taken = Store(wish.run["out"]).load(filler.weights.parent)
    assert taken is not None
    assert taken.config["samples"] == 90


def test_a_network_of_another_fold_or_build_is_not_taken(wish: Wish) -> None:
    """It may have learned from the slices that are hidden to foretell its errors."""
    dataset = {"methods": ("tiny",), "dataset": ("stack",), "losses": ("l1",), **wish.run}
    run = dataset | wish.volume | {"samples": 8}
    compute(load_config(None, run | {"fold": 1}))
    named = replace(wish, method="tiny")
    own = choose(named, 1, print)
    assert own.weights is not None
    taken = Store(wish.run["out"]).load(own.weights.parent)
    assert taken is not None
    assert taken.cell["fold"] == 0
    # The same fold, built anew of fewer slices: none of its trainings counts any more.
    shutil.rmtree(wish.run["data"])
    fewer = {"missing": "3,20", "methods": ("before",), "out": wish.run["out"] / "elsewhere"}
    compute(load_config(None, run | fewer))
    told = list[str]()
    assert choose(named, 1, told.append).digest != own.digest
    assert told[0].startswith("tiny is trained on 'stack'")
    assert choose(named, 1, told.append).why.endswith("crops)")


def test_where_the_first_training_failed_the_one_that_was_scored_fills(wish: Wish) -> None:
    """Of several seeds the best method has one without scores."""
    run = {"dataset": ("stack",), "losses": ("l1",), **wish.run, "samples": 4}
    methods = {"methods": ("before", "tiny")}
    compute(load_config(None, run | wish.volume | methods | {"seeds": (0, 1)}))
    store = Store(wish.run["out"])
    results = load_results(wish.run["out"], wish.run["data"], print)
    [null] = results.select(method="linear")  # as good, and faster
    shutil.rmtree(null.folder)
    first, other = sorted(results.select(method="tiny"), key=lambda entry: entry.cell.seed)
    first.record.stages.pop("score")
    first.record.status = "failed"
    (first.folder / WEIGHTS).unlink()
    store.save(first.record, first.folder)
    filler = choose(wish, 1, print)
    assert filler.weights is not None
    assert (filler.variant.text, filler.weights.parent) == ("tiny", other.folder)


def test_wider_gaps_have_triplets_of_their_own(wish: Wish) -> None:
    """A network is trained for the times of the gap, and its weights are for no other."""
    named = Wish("tiny", None, wish.dataset, wish.volume, wish.run)
    filler = choose(named, 2, print)
    assert filler.learned_from is not None
    assert filler.learned_from.name == "stack[gap=2]"
    one, other = torch.rand(2, 1, 1, 64, 64)
    model = filler.model([1 / 3, 2 / 3], "cpu")
    with torch.no_grad():
        early, late = at_time(model, one, other, 1 / 3), at_time(model, other, one, 2 / 3)
    torch.testing.assert_close(early.middle, late.middle)
    with pytest.raises(UserError, match="do not fit"):
        filler.model([0.5], "cpu")


def test_a_dataset_with_options_keeps_them_for_wider_gaps() -> None:
    assert gap_dataset("mine[align=no]", 1) == "mine[align=no]"
    assert gap_dataset("mine[tile=64,align=no]", 2) == "mine[align=no,gap=2,tile=64]"


def test_a_method_without_weights_needs_no_triplets(wish: Wish) -> None:
    filler = choose(Wish("dis", None, "-", {}, wish.run), 3, print)
    assert (filler.name, filler.loss, filler.weights, filler.learned_from) == (
        "dis",
        NONE,
        None,
        None,
    )
    assert not Path(wish.run["data"]).exists()


def test_a_volume_that_is_too_small_to_learn_from_says_so(tmp_path: Path) -> None:
    source = tmp_path / "small.tif"
    tifffile.imwrite(source, moving_texture(6, 160))
    run = {"data": tmp_path / "data", "out": tmp_path / "results"}
    with pytest.raises(UserError, match=r"or name a --method that needs no triplets, such as dis"):
        choose(Wish("auto", None, "small", {"source": str(source)}, run), 1, print)


def test_results_under_the_name_of_a_file_are_not_taken_without_its_triplets(
    tmp_path: Path,
) -> None:
    """They may be those of another volume; who names the dataset says which they are."""
    for name, psnr in (("linear", 17.0), ("average", 19.0), ("dis", 18.0)):
        add(tmp_path, name, table=scores(name, psnr), dataset="small", config={"options": {}})
    source = tmp_path / "small.tif"
    tifffile.imwrite(source, moving_texture(6, 160))
    run = {"data": tmp_path / "data", "out": tmp_path}
    asked = Wish("auto", None, "small", {"source": str(source)}, run)
    assert choose(asked, 1, print).name == "average"
    told = list[str]()
    with pytest.raises(UserError, match="or name a --method that needs no triplets"):
        choose(replace(asked, named=False), 1, told.append)
    assert told[0].startswith("Nothing was measured on 'small' yet")
