"""What `make gpu` does on a card is tried here with the CPU in its place, on small inputs."""

from __future__ import annotations

import csv
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from gpu import costs, training
from gpu.deadline import Deadline
from gpu.equality import Passes, compare, errors, verdict
from gpu.idle import Watch, idle_share
from gpu.machine import machine
from gpu.parts import PARTS, Part, plain, run
from gpu.subjects import Subject, subjects
from gpu.table import NOT_MEASURED, failures, markdown

from bench.cells.presets import PRESETS
from bench.cells.registry import METHODS
from bench.cells.variants import parse_variant
from bench.stages.training import train
from bench.stages.training_step import Training
from methods.losses import LossOptions, build_loss

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[3]


def silent(line: str) -> None:
    """Nobody listens."""


def test_the_cpu_equals_itself_in_every_subject(one_thread):
    small = [(name, make) for name, make in subjects(side=32, many=32) if "medium" not in name]
    found = compare(small, CPU, Deadline(600), silent)
    assert {row["name"]: row["verdict"] for row in found["rows"]} == {
        name: "equal" for name, _ in small
    }
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["ssan, quick"]["float32"] == {"values": 0, "gradients": 0}
    assert min(rows["ssan, quick"]["bf16"].values()) > 1e-5
    assert rows["flow"]["float64"]["gradients"] is None


def test_every_method_and_every_layer_is_compared():
    names = [name for name, _ in subjects(side=32, many=32)]
    assert len(set(names)) == len(names)
    for name, method in METHODS.items():
        presets = [f"{name}, quick", f"{name}, medium"] if method.kind == "trained" else [name]
        assert set(presets) <= set(names)
    words = (ROOT / "tests/gpu/subjects.py").read_text(encoding="utf-8")
    layers = {path.stem for path in (ROOT / "methods/layers").glob("[a-z]*.py")}
    # Affinities are what attention is made of; recomputing is no arithmetic of its own.
    missing = {name for name in layers if f"methods.layers.{name} " not in words}
    assert missing == {"affinity", "recompute"}


def test_no_weight_is_left_at_zero():
    make = dict(subjects(side=32, many=32))["dain, quick"]
    assert all(weights.any() for weights in make().function.parameters())


def unsteady(step: float):
    """A function that returns more at each call."""
    calls = itertools.count()
    return lambda image: image + step * next(calls)


def refusing(image):
    raise RuntimeError("invalid configuration argument\nadvice")


def test_what_differs_or_fails_is_a_row_and_stops_nothing():
    image = torch.ones(1, 1, 4, 4, requires_grad=True)
    work = {"unsteady": unsteady(1e-3), "refusing": refusing, "steady": lambda image: 2 * image}
    makes = [(name, lambda f=function: Subject(f, [image])) for name, function in work.items()]
    part = compare(makes, CPU, Deadline(60), silent)
    assert [row["verdict"] for row in part["rows"]] == ["differs", "failed", "equal"]
    told = failures({"parts": {"equality": part}})
    assert len(told) == 2
    assert told[0].startswith("equality: unsteady: differs, float32 by 2e-03")
    assert told[1] == "equality: refusing: invalid configuration argument"


def found(values, gradients, values64=1e-15, gradients64=1e-15):
    return {
        "float32": {"values": values, "gradients": gradients},
        "float64": {"values": values64, "gradients": gradients64},
    }


def test_float64_decides_only_where_values_agree():
    nan = float("nan")
    assert verdict(found(1e-6, 1e-4)) == "equal"
    assert verdict(found(1e-6, None)) == "equal"
    assert verdict(found(1e-6, 5e-3)) == "equal in float64"
    assert verdict(found(1e-6, 5e-3, gradients64=1e-6)) == "differs"
    assert verdict(found(2e-4, 1e-6)) == "differs"
    assert verdict(found(1e-6, nan, gradients64=nan)) == "differs"
    assert verdict(found(nan, 1e-6)) == "differs"


def test_errors_are_relative_to_the_largest_value():
    reference = Passes([torch.tensor([0.0, -4.0])], [torch.tensor([1.0]), torch.tensor([1e-9])])
    other = Passes([torch.tensor([0.1, -4.0])], [torch.tensor([1.0]), torch.tensor([2e-9])])
    assert errors(reference, other) == {
        "values": pytest.approx(0.025),
        "gradients": pytest.approx(1e-6),  # nothing but rounding beside the other
    }


def test_costs_are_those_of_both_sides(one_thread, monkeypatch):
    monkeypatch.setattr(costs, "_PATIENCE", 0)
    rows = costs.measure(costs.pairs((32,)), CPU, Deadline(600), silent)["rows"]
    assert len(rows) == 10
    assert rows[1]["name"] == "attention, equation, 32 x 32, forward + backward"
    assert all(row[side]["seconds"] > 0 for row in rows for side in ("reference", "ours"))


def test_a_side_without_memory_enough_is_left_out():
    def greedy(image):
        raise torch.OutOfMemoryError("out of memory")

    assert costs.cost(greedy, [torch.ones(1)], CPU, backward=False) is None


def test_idle_is_what_no_work_covers():
    assert idle_share([(0, 10)], 10) == 0
    assert idle_share([(5, 6), (0, 2), (1, 3), (5, 5.5)], 10) == pytest.approx(0.6)


def test_a_device_that_waits_is_idle():
    watch = Watch(CPU)
    torch.ones(10).add(1)
    time.sleep(0.2)
    assert 0.5 < watch.share() < 1


def test_a_training_is_watched_and_ended(tiny_bench, texture, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_WATCHED", 5)
    plan = training.Plan("tiny", bf16=False, seconds=0, preset="quick")
    facts = training.run(plan, texture, CPU, tmp_path)
    assert facts["steps"] == 17  # 10 to warm up, 2 timed, 5 watched
    assert facts["images_per_second"] > 0
    assert (facts["idle_by"], facts["crop"], facts["batch"]) == ("profiler", 32, 2)
    assert 0 <= facts["idle"] < 1
    # The same losses as those of the whole training, validations left out.
    logged = whole_training(texture, tmp_path / "whole")[:17]
    assert facts["first_loss"] == pytest.approx(statistics.fmean(logged), rel=1e-6)


def whole_training(file, folder):
    torch.manual_seed(0)
    preset = PRESETS["quick"]
    loss = build_loss("l1", LossOptions(lowpass=preset.lowpass), None)
    indices = file.indices("train"), file.indices("validation")
    folder.mkdir()
    train(
        parse_variant("tiny", "quick").build(),
        Training(file, *indices, preset, loss, 0, CPU),
        folder,
        lambda *_: None,
    )
    with (folder / "training.csv").open() as lines:
        return [float(row["loss"]) for row in csv.DictReader(lines)]


def test_a_part_leaves_its_rows_and_their_table(tiny_bench, tmp_path, monkeypatch, one_thread):
    monkeypatch.setattr(training, "_WATCHED", 3)
    names = "average", "ssan, quick", "loss l1"
    chosen = [(name, make) for name, make in subjects(side=32, many=32) if name in names]
    plans = [
        (method, training.Plan(method, bf16=False, seconds=0, preset="quick"))
        for method in ("tiny", "tiny[fail=nan]")
    ]
    dataset = "phantom_small[depth=16,height=160,width=160]"
    parts = {
        "equality": Part(60, lambda *given: compare(chosen, *given)),
        "costs": Part(0, lambda *given: costs.measure(costs.pairs((32,)), *given)),
        "training": Part(60, lambda *given: training.measure(plans, *given, dataset=dataset)),
    }
    document = {
        "date": "2026-01-02T03:04:05", "machine": machine(CPU), "seconds": 1.0,
        "parts": {name: run(name, CPU, parts) for name in PARTS},
    }  # fmt: skip
    target = tmp_path / "gpu.json"
    target.write_text(json.dumps(document, allow_nan=False))

    found = document["parts"]
    assert [row["name"] for row in found["equality"]["rows"]] == [
        "average",
        "ssan, quick",
        "loss l1",
    ]
    assert len(found["costs"]["cut"]) == 5
    good, bad = found["training"]["rows"]
    assert "diverged at step 1" in bad["error"]
    text = markdown(target)
    assert "| average | 0e+00 / - | 0e+00 / - | 0e+00 / - | equal |" in text
    assert "Not begun within 0 s: attention, equation, 32 x 32;" in text
    assert f"| tiny | {good['images_per_second']:.3g} | " in text
    assert failures(document) == [f"training: tiny[fail=nan]: {bad['error']}"]
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert all(len({line.count("|") for line in table}) == 1 for table in tables)


def test_json_has_no_word_for_nan():
    assert plain({"rows": [{"a": float("nan"), "b": 1.5}]}) == {"rows": [{"a": None, "b": 1.5}]}


def test_without_a_card_a_sentence_says_so(tmp_path):
    target = tmp_path / "gpu.json"
    given = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "gpu", "--out", str(target)]
    answer = subprocess.run(
        command, env={**os.environ, **given}, cwd=tmp_path, capture_output=True, text=True
    )
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("Nothing was measured, because torch ")
    assert not target.exists()


def test_the_docs_hold_what_was_measured():
    words = (ROOT / "docs/how-to/gpu.md").read_text(encoding="utf-8")
    text = markdown(ROOT / "results/speed/gpu.json")
    assert text in words
    assert (text == NOT_MEASURED) == (NOT_MEASURED in words)
