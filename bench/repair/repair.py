"""A repair: what a plan names is filled, and the volume written anew beside its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.base.progress import Display
from bench.base.provenance import provenance
from bench.repair.choose import choose
from bench.repair.each import Each, Helpers, counting, each_here
from bench.repair.evidence import RECORD, Evidence, path_of
from bench.repair.fill import Filling, Kept, Manner
from bench.repair.gaps import Task, tasks_of
from bench.repair.gauge import gauge
from bench.repair.page import write_page
from bench.repair.plan import Plan
from bench.repair.record import READ, RepairRecord, left_of, save_record
from bench.repair.said import absolute, keep_plan, now
from bench.repair.trial import learn_trust, trial
from bench.repair.wish import Wish
from bench.scores.notation import interval_json
from bench.scores.results import Tell
from bench.volumes.stack_volume import StackVolume
from bench.volumes.writing.content import Notes
from bench.volumes.writing.filled_stack import FilledMask
from bench.volumes.writing.write_volume import check_target, write_volume


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        plan: what is to be filled.
        wish: with what.
        out: the volume that is written; its ending says of which kind.
        mask_out: a volume that says what of it is synthetic; None for none.
        manner: how it is filled.
        helpers: who fills it; None for this process alone.
        options: as they were given, for the record.
    """

    plan: Plan
    wish: Wish
    out: str
    mask_out: str | None
    manner: Manner
    helpers: Helpers | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All that changes what is filled."""
        entries = [
            [each.z, each.reason, item.action, *(each.place.as_json() if each.place else ())]
            for item in self.plan.items
            for each in [item.finding]
        ]
        return {
            "source": self.plan.source,
            "shape": list(self.plan.shape),
            "read": {name: self.options[name] for name in READ if name in self.options},
            "plan": entries,
            "method": self.wish.method,
            "losses": list(self.wish.losses),
            "dataset": self.wish.dataset,
            "preset": self.wish.run.get("preset"),
            "out": self.out,
            "mask_out": self.mask_out,
            "search": self.manner.search,
            "force": self.manner.force,
        }


def carry_out(
    order: Order, volume: StackVolume, tell: Tell, open_display: Callable[[], Display]
) -> RepairRecord | None:
    """Fill what a plan names, and write the volume, its mask and its evidence.

    Where nothing could be filled, the evidence alone is written. A repair that was killed goes on
    where it was when the same is asked for again.

    Args:
        order: what is asked for.
        volume: that is repaired; it is never written to.
        tell: told what is compared first, where nothing was measured yet.
        open_display: where progress goes.

    Returns:
        What was done; None where there is nothing to fill.

    Raises:
        UserError: a target is there already or cannot be written, or nothing can be filled.
    """
    tasks = tasks_of(order.plan, volume)
    if not tasks:
        return None
    evidence = _begun(order, volume)
    with evidence.held(tell):
        fillers = {
            size: choose(order.wish, size, tell)
            for size in sorted({task.gap.size for task in tasks})
        }
        display = open_display()
        try:
            filling = Filling(volume, fillers, order.manner, evidence)
            trials = {
                size: trial(order.plan, volume, filler, size) for size, filler in fillers.items()
            }
            most = max(len(tasks), *(len(one.own) for one in trials.values()))
            with _hands(order, filling, most, display) as each:
                for size, chosen in trials.items():
                    learn_trust(filling, size, chosen, each, display.stage(f"hide gaps of {size}"))
                record = _filled(order, filling, tasks, each, display)
            if record.filled:
                _write(order, filling, tasks, record, display)
            write_page(record, order.plan, tasks, filling, display.stage("page"))
        finally:
            display.close()
        evidence.clear()
    return record


def _begun(order: Order, volume: StackVolume) -> Evidence:
    """The folder of the evidence; what a killed repair has finished is not in the way."""
    evidence = Evidence(order.out)
    goes_on = evidence.was_begun(order.as_json())
    for target in filter(None, (order.out, order.mask_out)):
        if not (goes_on and path_of(target).exists()):
            check_target(target, volume.raw, volume.voxel_size)
    evidence.begin(order.as_json())
    return evidence


@contextmanager
def _hands(order: Order, filling: Filling, most: int, display: Display) -> Iterator[Each]:
    """Those who fill: this process, or workers, ``most`` of which have something to do."""
    if order.helpers is None:
        yield partial(each_here, filling)
        return
    from bench.repair.on_workers import each_on_workers  # Dask is imported for no other repair

    with each_on_workers(order.helpers, filling, most, display) as each:
        yield each


def _filled(
    order: Order, filling: Filling, tasks: Sequence[Task], each: Each, display: Display
) -> RepairRecord:
    """Fill everything, and write down what was done."""
    slices = each(Filling.record, tasks, counting(display.stage("fill"), len(tasks), "slices"))
    volume = filling.volume
    record = RepairRecord(
        source={
            "path": absolute(volume.raw.where),
            "shape": list(volume.shape),
            "dtype": volume.raw.dtype.name,
            "voxel_size": volume.voxel_size,
            "grey_range": None if volume.grey is None else list(volume.grey.range),
        },
        out=path_of(order.out).name,
        first=volume.first,
        methods={
            size: filler.as_json()
            | {
                "measured": {name: interval_json(mean) for name, mean in filler.measured.items()},
                "weights_file": "" if filler.weights is None else str(filler.weights.resolve()),
                "gauge": "" if filler.learned_from is None else gauge().name,
                "neurites": filler.neurites,
            }
            | filling.trust(size).told()
            for size, filler in filling.fillers.items()
        },
        slices=tuple(slices),
        left=left_of(order.plan.items, order.plan.first),
        packages=provenance()["packages"],
        written=now(),
        options=order.options,
        plan=keep_plan(order.plan, filling.evidence.folder),
    )
    save_record(record, filling.evidence.folder)
    return record


def _write(
    order: Order,
    filling: Filling,
    tasks: Sequence[Task],
    record: RepairRecord,
    display: Display,
) -> None:
    """Write the volume, and its mask; one that is there already was written before a kill."""
    volume, first = filling.volume, filling.volume.first
    there = {each.slice: each for each in record.filled}
    kept = {
        task.z: Kept(filling.evidence, filling.name(task), task.whole)
        for task in tasks
        if first + task.z in there
    }
    words = {
        z: "synthesised" if each.filled == "whole" else "in places" for z, each in there.items()
    }
    # What the source holds in place of a slice that is called missing is the user's: it stays.
    left = sorted(first + z for z in volume.missing - volume.raw.missing - set(kept))
    notes = Notes(volume.voxel_size, words, f"{filling.evidence.folder.name}/{RECORD}", left)
    if not path_of(order.out).exists():
        write_volume(order.out, volume.raw, kept, notes, display.stage("write"))
    if order.mask_out is not None and not path_of(order.mask_out).exists():
        mask, tick = FilledMask(volume.raw, kept), display.stage("write the mask")
        write_volume(order.mask_out, mask, {}, notes, tick)
