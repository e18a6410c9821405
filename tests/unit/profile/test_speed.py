"""Benchmarks compare like with like: every reference computes what ours does."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from speed import building, exponents, losses, scoring, separable, shares, stages, steps, warping
from speed.attention import layer
from speed.figures import Figure, UnequalError, agree, worst
from speed.racing import both_passes, same
from speed.running import run
from speed.starting import heavy_imports
from speed.subjects import textures, triplet
from speed.table import markdown, print_table

from bench.stages.predict import predict, stored_frames
from methods.layers.attention import macs
from methods.layers.separable import separable_convolution
from methods.layers.warp import adaptive_warp, project_flow
from methods.losses import LossOptions, build_loss

CPU = torch.device("cpu")


def doubles(*shapes):
    torch.manual_seed(0)
    return [torch.rand(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_the_separable_reference_equals_ours():
    found = [
        both_passes(function, separable.inputs(20, torch.float64, taps=5))
        for function in (separable.reference_separable, separable_convolution)
    ]
    same("separable", *found, 1e-10)


def test_the_references_of_warping_equal_ours():
    flow = warping.smooth_flow(24).double().requires_grad_()
    image, kernels, weight = doubles((1, 3, 24, 24), (1, 16, 24, 24), (1, 1, 24, 24))
    warped = [
        both_passes(function, [image, flow, kernels])
        for function in (warping.reference_warp, adaptive_warp)
    ]
    same("adaptive warping", *warped, 1e-10)
    projected = [
        both_passes(function, [flow, weight])
        for function in (warping.reference_projection, lambda *given: project_flow(*given)[0])
    ]
    same("flow projection", *projected, 1e-10)


def test_scikit_image_scores_as_we_do():
    one, other = textures(2, 48)
    ours, reference = scoring.our_scores(one, other), scoring.reference_scores(one, other)
    assert ours == pytest.approx(reference, abs=1e-6)


def test_scikit_image_builds_the_triplets_we_build(tmp_path):
    volume = textures(15, 160)
    ours = building.our_triplets(volume, tmp_path / "triplets.h5")
    reference = building.reference_triplets(volume)
    np.testing.assert_array_equal(ours.shifts, reference.shifts)
    assert ours.shifts.any()
    assert np.abs(ours.frames.astype(int) - reference.frames).max() <= 1


@pytest.mark.parametrize("method", ["ssan", "sepconv", "dain"])
def test_a_training_step_is_the_same_in_either_layout(method, one_thread):
    assert steps.equality(method).error <= 1e-10


def test_the_reference_has_no_convolution_in_channels_last():
    model = steps.network("dain", "quick", last=False)
    seen = []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, __, out: seen.append(out.is_contiguous()))
    batch = triplet(64)
    model(batch.before, batch.after)
    assert seen
    assert all(seen)


def test_the_straightforward_loss_has_the_gradient_of_ours(one_thread):
    batch = triplet(32, batch=2)
    same("loss", *(losses.gradient(form, batch) for form in losses.forms()))


def test_the_bare_loop_predicts_what_the_stage_predicts(texture, tmp_path, one_thread):
    model = steps.network("ssan", "quick", last=True).eval()
    indices = texture.indices("test")
    batches = [stages.to_triplets(texture.frames(int(index))[None]) for index in indices]
    predict(model, texture, indices, tmp_path / "frames.h5", CPU, None, lambda *_: None)
    expected = list(stored_frames(tmp_path / "frames.h5"))
    np.testing.assert_array_equal(stages.bare_loop(model, batches), expected)


def test_every_convolution_of_a_step_is_found():
    model = steps.network("sepconv", "quick", last=True)
    batch = triplet(32)
    shapes = steps.convolutions(model, batch)
    assert len(shapes) == sum(isinstance(m, torch.nn.Conv2d) for m in model.modules())
    counted = steps.count_pass(model, [batch.before, batch.after], backward=True)
    assert (
        sum(map(steps._macs, shapes))
        == counted.macs["aten.convolution"] + (counted.macs["aten.convolution_backward"])
    )


@pytest.mark.parametrize("method", shares.METHODS)
def test_the_time_of_a_step_is_found_where_it_is_spent(method, one_thread):
    loss = build_loss("l1", LossOptions(), None)
    found = shares.seconds(steps.network(method, "quick", last=True), loss, triplet(32))
    assert min(found.values()) > 0


def test_the_exponent_is_that_of_the_formula():
    sides = [64, 128, 256]
    assert exponents.slope(sides, [7.0 * side**3 for side in sides]) == pytest.approx(3)
    assert exponents.operations(exponents.SUBJECTS["aal"], 64) == macs(64, 64, 64)
    assert all(exponents.operations(make, 64) > 0 for make in exponents.SUBJECTS.values())


def test_a_layer_that_is_measured_does_attend():
    image = torch.randn(1, 8, 32, 32)
    assert (layer((8,), "released", fused=True, channels=8)(image) - image).abs().max() > 1e-3


def test_a_target_is_a_ratio_or_a_distance():
    assert Figure("time", "s", 10.0, 2.0, limit=0.2).met
    assert not Figure("time", "s", 10.0, 2.1, limit=0.2).met
    assert Figure("exponent", "", 2.0, 1.9, limit=0.15, compare="difference").met
    assert not Figure("exponent", "", 2.0, 2.2, limit=0.15, compare="difference").met


def test_what_differs_is_not_timed():
    assert agree("scores", 1e-7, 1e-6).error == 1e-7
    for error in (1e-5, worst([0.0, float("nan")])):
        with pytest.raises(UnequalError):
            agree("scores", error, 1e-6)


@pytest.mark.parametrize("words", [["--help"], ["list", "methods"]])
def test_nothing_heavy_is_imported_to_say_what_there_is(words):
    assert heavy_imports(*words) == set()


def test_a_benchmark_leaves_a_document_and_a_table(tmp_path, one_thread):
    document = json.loads(json.dumps(run("scoring", size=64, patience=0.01, threads=1)))
    (tmp_path / "scoring.json").write_text(json.dumps(document))
    assert (document["size"], document["provenance"]["threads"]) == (64, 1)
    (figure,) = document["figures"]
    assert figure["value"] == pytest.approx(figure["ours"] / figure["reference"])
    assert figure["met"] == (figure["value"] <= 0.2)
    console = Console(width=160, record=True, file=io.StringIO())
    print_table(tmp_path, console)
    assert f"{figure['value']:.1%}" in console.export_text()


def test_the_figures_in_the_docs_are_those_of_the_files():
    root = Path(__file__).parents[3]
    measured, words = root / "results/speed", (root / "docs/reference/speed.md").read_text()
    assert markdown(measured) in words
    assert shares.markdown(measured) in words
