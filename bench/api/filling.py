"""What a repair plans is filled, by the method that was asked for, and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from bench.api.given_options import missing_of
from bench.api.repair_options import RepairOptions
from bench.base.errors import UserError
from bench.base.progress import open_display
from bench.cells.presets import PRESETS
from bench.repair.evidence import Evidence, path_of
from bench.repair.finding import WHOLE
from bench.repair.plan import Plan
from bench.repair.record import RepairRecord
from bench.repair.same_volume import check_same_volume
from bench.repair.wish import AUTO, Wish, check_dataset_name
from bench.volumes.cards import fold_of
from bench.volumes.holes import as_ranges
from bench.volumes.sources import Given
from bench.volumes.stack_volume import StackVolume
from bench.workers.options import Workers, load_workers

# What has a place of its own in a record, or changes no byte.
_NOT_SAID = {"source", "out", "device", "threads", "jobs", "scheduler", "scheduler_file"}


def check_filling(options: RepairOptions, volume: StackVolume) -> None:
    """Refuse what could not be written, or a method that there is not, before hours go into it.

    Raises:
        UserError: a target is there already or of no kind that is written, a method or worker
            is not known, triplets cannot have that name, or those that have it are of another
            volume.
    """
    from bench.volumes.writing.write_volume import check_target

    _workers(options)
    if _needs_triplets(options):
        check_dataset_name(options.dataset or volume.name)
        if options.dataset is None:
            check_same_volume(volume.name, _data(options), volume)
    _check_loss(options, options.dataset or volume.name)
    for target in filter(None, (options.out, options.mask_out)):
        # What a repair that was killed had finished is not in the way.
        if not Evidence(str(options.out)).is_open:
            check_target(target, volume.raw, volume.voxel_size)


def fill_plan(
    options: RepairOptions,
    plan: Plan,
    volume: StackVolume,
    given: Given,
    tell: Callable[[str], None],
) -> RepairRecord | None:
    """Fill what a plan names, and write what is asked for.

    Args:
        options: what was asked for.
        plan: of the volume.
        volume: that is repaired.
        given: how it was opened.
        tell: told what is compared first, where nothing was measured yet.

    Returns:
        What was done; None where there is nothing to fill.

    Raises:
        UserError: a target is there already or cannot be written, or nothing can be filled.
    """
    import torch

    from bench.repair.each import Helpers
    from bench.repair.fill import Manner
    from bench.repair.repair import Order, carry_out

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    workers = _workers(options)
    order = Order(
        plan=plan,
        wish=_wish(options, plan, volume),
        out=str(options.out),
        mask_out=options.mask_out,
        manner=Manner(options.search, options.force, options.device or "auto"),
        helpers=Helpers(workers, given, options.threads) if workers.on_workers else None,
        options=_said(options),
    )
    return carry_out(order, volume, tell, open_display)


def _data(options: RepairOptions) -> Path:
    """The folder of the datasets."""
    return Path(options.data or "data")


def _needs_triplets(options: RepairOptions) -> bool:
    """Whether the method is chosen, or trained, on triplets of the volume.

    Raises:
        UserError: the method is not known.
    """
    from bench.cells.variants import parse_variant
    from bench.repair.filler import is_ready

    if options.method in (None, AUTO):
        return True
    return not is_ready(parse_variant(str(options.method), options.preset or "quick"))


def _check_loss(options: RepairOptions, dataset: str) -> None:
    """Refuse a loss that there is not, or that looks for membranes that nobody has marked."""
    from bench.cells.variants import parse_loss
    from bench.triplets.dataset_paths import dataset_path
    from bench.triplets.file import readable

    if options.loss is None:
        return
    if not parse_loss(options.loss, PRESETS["quick"]).needs_teacher or options.labels:
        return
    file = readable(dataset_path(_data(options), dataset, fold_of(dataset, None)))
    if file is None or not file.has_labels:
        raise UserError(
            f"--loss {options.loss} looks for membranes, and nothing says where they are; give "
            "the --labels of the volume, or another --loss."
        )


def _said(options: RepairOptions) -> dict[str, Any]:
    """The options that were given, but for those that change no byte, as JSON has them."""
    given = {each.name: getattr(options, each.name) for each in fields(options)}
    said = {
        each.name: given[each.name]
        for each in fields(options)
        if given[each.name] != each.default and each.name not in _NOT_SAID
    }
    if options.missing is not None:
        said["missing"] = as_ranges(missing_of(options.missing))
    if options.mask_out is not None:
        said["mask_out"] = path_of(options.mask_out).name
    return {name: str(each) if isinstance(each, Path) else each for name, each in said.items()}


def _workers(options: RepairOptions) -> Workers:
    return load_workers({name: getattr(options, name) for name in Workers.model_fields})


def _wish(options: RepairOptions, plan: Plan, volume: StackVolume) -> Wish:
    """With what is to be filled; a dataset that is built already needs no volume."""
    given: dict[str, Any] = {
        "source": options.source,
        "labels": options.labels,
        "missing": _not_shown(plan),
        "grey_range": options.grey_range,
        "region": options.region,
        "level": options.level,
        "axes": options.axes,
        "channel": options.channel,
        "voxel_size": options.voxel_size,
    }
    runs = {
        "preset": options.preset,
        "data": _data(options),
        "out": options.results,
        "device": options.device,
        "threads": options.threads,
        **{name: getattr(options, name) for name in Workers.model_fields},
    }
    return Wish(
        method=options.method or AUTO,
        loss=options.loss,
        dataset=options.dataset or volume.name,
        # The first channel is 0, which counts as little as nothing where truth is asked.
        volume={key: value for key, value in given.items() if value not in (None, "")},
        run={key: value for key, value in runs.items() if value is not None},
        named=options.dataset is not None,
    )


def _not_shown(plan: Plan) -> str:
    """The numbers of the slices that are missing, or that show another section than their own."""
    bad = {
        plan.first + item.finding.z
        for item in plan.items
        if item.action == "fill slice" or item.finding.reason in WHOLE.keys() - {"jump", "blur"}
    }
    return ",".join(map(str, sorted(bad)))
