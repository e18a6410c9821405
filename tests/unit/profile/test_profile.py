from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from command import bench
from rich.console import Console
from torch import nn
from torch.nn import functional

from bench.cells.presets import PRESETS
from bench.profile.counting import UncountedError, count, count_pass, how
from bench.profile.layers import equations, layer_subjects, profile_layers
from bench.profile.measuring import PeakMeter, measure_apart
from bench.profile.methods import method_subjects, profile_methods
from bench.profile.rows import Setting, profile_subject
from bench.profile.step_memory import counted_peak
from bench.profile.subjects import LayerSubject, MethodSubject
from bench.profile.terminal import print_profile
from methods.layers.attention import macs
from methods.layers.correlation import correlation
from methods.layers.separable import separable_convolution, separable_macs
from methods.layers.warp import adaptive_warp, backward_warp

FORMS = ["equation", "released"]
CPU = torch.device("cpu")
MIB = 2**20


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def counted(function, *shapes, backward=False):
    inputs = [torch.zeros(shape, requires_grad=backward) for shape in shapes]
    return count_pass(Call(function), inputs, backward=backward).macs


def test_counts_of_explicit_layers_are_their_closed_forms():
    for subject in layer_subjects(16, 32, 64):
        if subject.implementation != "fused":
            assert count(subject, backward=False).total == subject.closed_form(), subject.title


@pytest.mark.parametrize("name", ["sa", "ssa", "aal"])
def test_fused_attention_in_equation_form_is_counted_by_its_formula(name):
    subject = LayerSubject(name, "equation", "fused", 16, 64, 64)
    found = count(subject, backward=False)
    assert found.total == subject.closed_form()
    operator = "aten._scaled_dot_product_flash_attention_for_cpu"
    assert found.macs[operator] > 0
    assert how(operator) == "formula"


def test_fused_attention_in_released_form_multiplies_padded_queries():
    subject = LayerSubject("sa", "released", "fused", 16, 32, 64)
    positions, narrow, wide = 32 * 64, 2, 16
    padding = positions**2 * (wide - narrow)
    assert count(subject, backward=False).total == subject.closed_form() + padding


def test_backward_of_fused_attention_computes_affinities_and_output_projection_again():
    both = {
        implementation: count(
            LayerSubject("sa", "equation", implementation, 16, 32, 32), backward=True
        ).total
        for implementation in ("explicit", "fused")
    }
    positions, narrow = 32 * 32, 16 // 8
    again = positions**2 * narrow + positions * narrow * 16
    assert both["fused"] - both["explicit"] == again


def test_the_papers_ratio_is_counted_at_its_size():
    ssa, aal = (
        count(LayerSubject(name, "released", "explicit", 64, 512, 512), backward=False).total
        for name in ("ssa", "aal")
    )
    assert (round(ssa / 1e9, 2), round(aal / 1e9, 2)) == (81.20, 10.37)
    assert round(100 * aal / ssa, 2) == 12.77


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96)])
def test_equations_9_and_11_are_what_is_counted_and_10_is_not(height, width):
    found = {entry["equation"]: entry for entry in equations(16, height, width)}
    assert {number: entry["agrees"] for number, entry in found.items()} == {
        9: True, 10: False, 11: True,
    }  # fmt: skip
    assert found[10]["gmac"] < found[10]["counted"]
    assert "inconsistent with equation 11" in found[10]["note"]


def test_equation_10_at_the_papers_size():
    entry = equations(64, 512, 512)[1]
    assert (round(entry["gmac"], 2), round(entry["counted"], 2)) == (13.62, 18.52)


def test_a_convolution_is_counted_by_hand():
    inputs = [torch.zeros(1, 2, 5, 7)]
    convolution = nn.Conv2d(2, 3, 3, padding=1)
    by_hand = 2 * 3 * 9 * 5 * 7
    assert count_pass(convolution, inputs, backward=False).total == by_hand
    # Backward: the weight's gradient alone, as nothing wants the image's.
    assert count_pass(convolution, inputs, backward=True).total == 2 * by_hand


def test_operators_the_counter_does_not_see_have_formulas():
    image, flow = (1, 3, 8, 6), (1, 2, 8, 6)
    assert counted(backward_warp, image, flow) == {"aten.grid_sampler_2d": 4 * 3 * 48}
    assert counted(backward_warp, image, flow, backward=True) == {
        "aten.grid_sampler_2d": 4 * 3 * 48,
        "aten.grid_sampler_2d_backward": 3 * 4 * 3 * 48,
    }
    kernels = (1, 5, 8, 6)
    once = separable_macs(3, 5, 8, 6)
    assert counted(separable_convolution, image, kernels, kernels, backward=True) == {
        "interslice.separable": once,
        "interslice.separable_backward": 3 * once,
    }
    alike = counted(lambda a, b: correlation(a, b, 2), image, image, backward=True)
    assert alike == {
        "interslice.correlation": 25 * 3 * 48,
        "interslice.correlation_backward": 2 * 25 * 3 * 48,
    }
    assert counted(adaptive_warp, image, flow, (1, 16, 8, 6)) == {
        "aten.mm": 4 * 16 * 48,  # the bilinear factors
        "interslice.window_sum": 16 * 3 * 48,
    }
    twice = counted(lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), image)
    assert twice == {"aten.upsample_bilinear2d": 4 * 3 * 4 * 48}
    assert counted(lambda x: functional.avg_pool2d(x, 2), image) == {"aten.avg_pool2d": 3 * 48}


@pytest.mark.parametrize("method", ["ssan[aggregation=kel]", "dain"])
def test_shapes_alone_are_counted_like_numbers(method):
    subject = MethodSubject(method, "quick", 64, 64)
    inputs = subject.inputs(CPU, backward=True)
    real = count_pass(subject.build().train(), inputs, backward=True)
    assert count(subject, backward=True).macs == real.macs


def test_what_computes_outside_torch_is_not_counted():
    with pytest.raises(UncountedError):
        count(MethodSubject("phase", "quick", 32, 32), backward=False)


def test_the_predicted_peak_is_the_most_that_lives_at_once():
    def three_one_after_another(x):
        first = x + 1
        second = first * 2
        del first
        return second + 1

    found = count_pass(Call(three_one_after_another), [torch.zeros(MIB)], backward=False)
    assert found.peak == 2 * 4 * MIB


def test_explicit_attention_is_predicted_to_hold_its_affinities_twice():
    positions = 64 * 64
    found = count(LayerSubject("sa", "equation", "explicit", 16, 64, 64), backward=False)
    assert 2 * 4 * positions**2 <= found.peak < 2.1 * 4 * positions**2


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells its peak")
def test_the_measured_peak_of_a_known_allocation():
    # Falling, so that neither a peak before nor the memory it left behind can pass for it.
    for mib in (256, 64, 16, 16):
        meter = PeakMeter(CPU)
        held = torch.ones(mib * MIB // 4)
        del held
        # The kernel counts pages in batches for each core.
        assert meter.peak() / MIB == pytest.approx(mib, abs=2)


def test_what_does_not_fit_the_memory_is_computed_and_says_so():
    subject = LayerSubject("sa", "released", "explicit", 16, 64, 64)
    document = profile_layers([subject], Setting(CPU, threads=1, memory=100 * MIB))
    (row,) = document["rows"]
    assert (row["forward"], row["backward"], row["computed"]) == (None, None, True)
    assert "forward not run: needs about" in row["note"]
    assert "0.0977 GiB are at hand" in row["note"]
    assert row["gmac"] == row["gmac_closed_form"] == macs(16, 64, 64, (), "released") / 1e9


def test_what_takes_minutes_waits_for_slow():
    subject = LayerSubject("sa", "released", "fused", 64, 512, 512)
    profile = profile_subject(subject, Setting(CPU, threads=1, backward=False, memory=2**60))
    assert profile.measured["forward"] is None
    assert "--slow runs it" in profile.notes[0]


def test_a_profile_of_layers_is_written_as_it_is_read():
    subject = LayerSubject("aal", "equation", "fused", 16, 32, 32)
    document = profile_layers([subject], Setting(CPU, threads=1, repeats=3))
    assert set(document) >= {"schema", "size", "device", "rows", "counted", "equations"}
    assert (document["schema"], document["size"]) == (1, [1, 16, 32, 32])
    (row,) = json.loads(json.dumps(document, allow_nan=False))["rows"]
    assert (row["layer"], row["form"], row["implementation"]) == ("aal", "equation", "fused")
    assert row["computed"] is False
    for name in ("forward", "backward"):
        seconds = row[name]["seconds"]
        assert 0 < seconds["low"] <= seconds["median"] <= seconds["high"]
        assert seconds["repeats"] == 3
        assert row[name]["peak_mib"] > 0.1
    assert sum(entry["gmac"] for entry in document["counted"]) == pytest.approx(row["gmac"])
    assert {entry["how"] for entry in document["counted"]} <= {"counter", "formula"}


def test_a_process_that_is_ended_is_told_from_an_error():
    with pytest.raises(ChildProcessError):
        measure_apart(_Ended(), CPU, 1, 1, backward=False)
    with pytest.raises(ValueError, match="no such layer"):
        measure_apart(_Broken(), CPU, 1, 1, backward=False)


class _Ended:
    def build(self):
        os.kill(os.getpid(), signal.SIGKILL)


class _Broken:
    def build(self):
        raise ValueError("no such layer")


def test_a_module_lies_in_memory_as_in_a_run():
    assert measure_apart(_LaidOut(), CPU, 1, 1, backward=False).repeats == 1


class _LaidOut:
    def build(self):
        return _LooksAtItself(2, 2, 3)

    def inputs(self, device, *, backward):
        return [torch.zeros(1, 2, 8, 8, device=device)]

    def small(self):
        return self


class _LooksAtItself(nn.Conv2d):
    def forward(self, slices):
        assert self.weight.is_contiguous(memory_format=torch.channels_last)
        assert not self.weight.is_contiguous()
        return super().forward(slices)


def test_what_was_measured_before_is_kept(capsys, tmp_path):
    profile = tmp_path / "profile"
    for method in ("average", "before", "after"):
        words = ["--methods", method, "--size", 32, "--out", tmp_path, "--repeats", 1]
        _, _, err = bench(capsys, "profile", *words, "--device", "cpu")
    assert f"kept as {profile / 'methods.json.2.earlier'}" in err
    found = [
        json.loads((profile / name).read_text())["rows"][0]["method"]
        for name in ("methods.json.earlier", "methods.json.2.earlier", "methods.json")
    ]
    assert found == ["average", "before", "after"]


def test_methods_are_profiled_from_the_command_line(capsys, tmp_path):
    words = ["--methods", "average", "--size", "32x48", "--out", tmp_path, "--repeats", 1]
    code, out, err = bench(capsys, "profile", *words, "--device", "cpu", "--json")
    document = json.loads(out)["methods"]
    assert code == 0
    assert json.loads((tmp_path / "profile/methods.json").read_text()) == document
    (row,) = document["rows"]
    assert (row["method"], row["height"], row["width"]) == ("average", 32, 48)
    assert (row["parameters"], row["gmac"], row["backward"]) == (0, 0, None)
    assert row["note"] == "nothing to learn, so no backward pass"
    assert document["provenance"]["threads"] == torch.get_num_threads()
    assert "average (quick): forward" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Nothing to profile"),
        (["--methods", "sepcon"], "did you mean 'sepconv'?"),
        (["--methods", "ssan", "--preset", "quik"], "did you mean 'quick'?"),
        (["--layers", "--size", "100"], "multiples of 32, not 100 x 100"),
        (["--layers", "--size", "wide"], "SIDE or HEIGHTxWIDTH"),
        (["--layers", "--channels", "12"], "multiple of 8, 8 at least, not 12"),
        (["--layers", "--channels", "0"], "8 at least, not 0"),
        (["--layers", "--device", "cdua"], "did you mean 'cuda'?"),
        (["--layers", "--repeats", "0"], "--repeats must be at least 1"),
        (["--layers", "--threads", "0"], "--threads must be at least 1"),
    ],
)
def test_words_that_are_off_end_in_one_sentence(capsys, tmp_path, words, sentence):
    code, out, err = bench(capsys, "profile", *words, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells its peak")
def test_a_method_is_profiled_with_a_training_step_of_its_preset(monkeypatch, capsys):
    (subject,) = method_subjects("sepconv[taps=5]", "quick", 32, 32)
    document = profile_methods([subject], Setting(CPU, threads=1, repeats=1))
    (row,) = document["rows"]
    step, preset = row["training_step"], PRESETS["quick"]
    assert (step["loss"], step["crop"], step["batch"]) == ("l1", preset.crop, preset.batch)
    counted = counted_peak(subject) / MIB
    assert 0.8 * counted < step["peak_mib"] < 1.5 * counted + 64
    print_profile(document, Console(width=240))
    assert f"{step['peak_mib']:,.0f} (2 x 128^2)" in capsys.readouterr().out


def test_a_training_step_that_does_not_fit_is_not_run():
    (subject,) = method_subjects("sepconv[taps=5]", "paper", 32, 32)
    document = profile_methods([subject], Setting(CPU, threads=1, repeats=1, memory=2 * 2**30))
    (row,) = document["rows"]
    assert row["training_step"]["peak_mib"] is None
    assert row["forward"] is not None
    assert "training step not run: needs about" in row["note"]
