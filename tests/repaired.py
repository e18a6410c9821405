"""A repair that is done, without a method: what was filled is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from conftest import moving_texture

from bench.repair.error_file import write_errors
from bench.repair.evidence import Evidence
from bench.repair.fill import ERROR, GREY, MASK, Filling, Manner
from bench.repair.finding import Finding, Mask, Place
from bench.repair.gaps import Task, tasks_of
from bench.repair.page import write_page
from bench.repair.parts import mask_of
from bench.repair.plan import Item, Plan
from bench.repair.record import ExpectedScore, RepairRecord, SliceRecord, left_of, save_record
from bench.volumes.formats.array import ArrayStack
from bench.volumes.stack_volume import StackVolume

FIRST = 100  # the number of the first slice
LOW, HIGH = 1000, 3000  # stored values that are black and white
REFUSED = "its neighbours differ by 40.0 grey levels"
NEURITES = "To follow neurites, leaving the slice out carries 0.956, `dis` 0.724: do."
MEANS = {3: 12.0, 6: 34.0, 9: None, 12: 20.5}  # expected errors; slice 9 was refused
REACHED = {
    "filled": {"psnr": 17.82, "frc_10": 0.612},
    "copy": {"psnr": 15.31, "frc_10": 0.481},
    "mean": {"psnr": None, "frc_10": 0.553},
}


class Repaired(NamedTuple):
    """A repair with its page.

    Attributes:
        folder: of the page.
        volume: that was repaired: slice 3 is missing, 6 has two places, 12 is a copy.
        record: of the repair.
        filled: stored values of each position, HW.
        errors: expected errors of each position, HW.
        masks: where each position is filled, HW.
    """

    folder: Path
    volume: StackVolume
    record: RepairRecord
    filled: dict[int, np.ndarray]
    errors: dict[int, np.ndarray]
    masks: dict[int, Mask]


def repaired(folder: Path, grey: np.ndarray | None = None) -> Repaired:
    """A repair of a volume of uint16 values, and its page.

    Args:
        folder: where the repaired volume would lie.
        grey: uint8 ZYX; a texture if not given.
    """
    grey = moving_texture(16, 120)[:, :96] if grey is None else grey
    stored = (LOW + np.round(grey / 255 * (HIGH - LOW))).astype(np.uint16)
    volume = StackVolume("texture", ArrayStack("texture", stored), None, (LOW, HIGH), missing=(3,))
    volume.first = FIRST
    plan = Plan("texture.tif", volume.shape, FIRST, _items(volume.shape[1:]))
    tasks = tasks_of(plan, volume)
    filling = Filling(volume, {}, Manner(16, False, "cpu"), Evidence(str(folder / "out.tif")))
    made = Repaired(filling.evidence.folder, volume, _record(plan, tasks), {}, {}, {})
    for task in tasks:
        _keep(made, filling, task)
    save_record(made.record, made.folder)
    write_page(made.record, plan, tasks, filling, lambda *_: None)
    return made


def _items(shape: tuple[int, int]) -> tuple[Item, ...]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    ring = np.abs(np.hypot(y - 40, x - 30) - 15) < 5
    box = (y >= shape[0] - 30) & (x >= shape[1] - 20)
    return (
        Item(Finding(3, "missing"), "fill slice"),
        Item(Finding(6, "stain", 61.25, 40.0, Place.of(ring)), "fill place"),
        Item(Finding(6, "knife </script> mark", place=Place.of(box)), "fill place"),
        Item(Finding(9, "blank", 0.9, 0.5), "fill slice"),
        Item(Finding(12, "duplicate", 58.3, 10.0, twin="before"), "fill slice"),
        Item(Finding(13, "fold", 70.0, 40.0, Place.of(ring)), "leave"),
        Item(Finding(14, "jump", 5.0, 4.0), "leave", "sections may be <lost>"),
    )


def _record(plan: Plan, tasks: list[Task]) -> RepairRecord:
    method = {"options": {"preset": "medium"}, "revision": 1, "loss": "-", "weights": None}
    return RepairRecord(
        source={
            "path": plan.source, "shape": plan.shape, "dtype": "uint16",
            "voxel_size": (30.0, 4.0, 4.0), "grey_range": (LOW, HIGH),
        },
        out="out.tif",
        first=FIRST,
        methods={1: method | {
            "method": "dis", "why": "it was named", "neurites": NEURITES,
            "hidden": 20, "tried": 20, "gauge": "", "reached": REACHED,
            "brightness": {"median": 11.94, "low": None, "high": 27.3},
        }},
        slices=tuple(map(_slice, tasks)),
        left=left_of(plan.items, FIRST),
        packages={"interslice": "0.1.0", "SimpleITK": None},
    )  # fmt: skip


def _slice(task: Task) -> SliceRecord:
    mean = MEANS[task.z]
    number, refused = FIRST + task.z, mean is None
    return SliceRecord(
        slice=number,
        filled="no" if refused else "whole" if task.whole else "places",
        reasons=tuple(item.finding.reason for item in task.items),
        before=number - 1,
        after=number + 1,
        fraction=0.5,
        shift=(-2, 3),
        peak=0.25,
        unlikeness=0.41,
        detail=1.1,
        expected={
            "psnr": ExpectedScore(score=17.46, low=16.6, high=18.2, coverage=0.9),
            "carried": ExpectedScore(score=0.912, low=0.874, high=0.948, coverage=0.9),
        },
        mean_error=mean,
        error=None if refused else f"error/{number:05d}.tif",
        sha256=None if refused else "0123456789abcdef" * 4,
        note=REFUSED if refused else "",
    )


def _keep(made: Repaired, filling: Filling, task: Task) -> None:
    """Leave what a slice was filled with where a repair leaves it."""
    mean = MEANS[task.z]
    if mean is None:
        return
    shape, random = made.volume.shape[1:], np.random.default_rng(task.z)
    mask = np.ones(shape, np.bool_) if task.whole else mask_of(task, shape)
    grey = np.where(mask, random.integers(LOW, HIGH + 1, shape), 0).astype(np.uint16)
    errors = np.where(mask, random.integers(0, round(2 * mean), shape), 0).astype(np.uint8)
    for what, values in ((GREY, grey), (ERROR, errors), (MASK, mask)):
        with filling.evidence.room(filling.name(task), what, shape, values.dtype) as room:
            room[:] = values
    made.filled[task.z], made.errors[task.z], made.masks[task.z] = grey, errors, mask
    write_errors(errors, made.folder, filling.name(task))
