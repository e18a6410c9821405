"""What a repair is told, and what follows from that: the volume, the plan, the method."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from bench.api.given_options import missing_of
from bench.base.device import check_device, check_threads
from bench.base.errors import UserError
from bench.base.invalid_option import parsed
from bench.base.progress import open_display
from bench.base.words import unknown
from bench.cells.presets import PRESETS
from bench.repair.caution import cautioned
from bench.repair.evidence import Evidence, path_of
from bench.repair.find import SEARCH, find_defects
from bench.repair.finding import WHOLE
from bench.repair.given import given_places
from bench.repair.limits import Limits
from bench.repair.plan import LONGEST, Plan, make_plan
from bench.repair.plan_file import read_plan
from bench.repair.record import RepairRecord
from bench.volumes.cards import fold_of, parse_voxel_size
from bench.volumes.grey_range import parse_grey_range
from bench.volumes.holes import as_ranges
from bench.volumes.region import parse_region
from bench.volumes.sources import Given
from bench.volumes.stack_volume import StackVolume
from bench.volumes.volume import present_slices
from bench.workers.options import Workers, load_workers

# What has a place of its own in a record, or changes no byte.
_NOT_SAID = {"source", "out", "device", "threads", "jobs", "scheduler", "scheduler_file"}


@dataclass(frozen=True)
class RepairOptions:
    """What a repair is told; None is what is not said.

    Attributes:
        source: the volume; never written to.
        out: the volume that is written, whole: ``.ome.zarr``, ``.tif``, ``.h5``, a folder/ and
            others.
        mask_out: a volume that is written: 255 where the other is synthetic, 0 elsewhere.
        missing: numbers of slices that are not there, whatever the source holds in their place.
        defects: places of your own: a volume of masks, or a CSV headed z,y0,y1,x0,x1[,reason].
        plan: a plan that ``bench repair --plan-out`` wrote, in place of both.
        method: that fills: ``"dis"``, ``"rife[weights=FILE]"``; ``"auto"`` if not said: the best
            on this volume, which is measured first where nothing was.
        loss: that a network is trained under; ``lm`` with ``labels``, else ``l1``.
        preset: of its training.
        dataset: triplets of this volume; called as the volume is, if not said.
        labels: of the volume, where its triplets are to be built.
        data: folder of the datasets.
        results: folder of the results of runs.
        force: whether what cannot be trusted is filled too.
        device: ``cuda``, ``cpu`` or ``auto``.
        threads: that torch computes with.
        jobs: workers side by side, each a process on this machine; 1 if not said.
        scheduler: address of a running Dask scheduler, whose workers compute instead.
        scheduler_file: the file in which it has written its address.
        longest: slices in a row that are filled at most; 3 if not said.
        search: radius of the alignment in pixels.
        grey_range: the two values that become 0 and 255, or ``"auto"``, of a volume that is not
            8-bit.
        region: of the volume, that is repaired and written, as ``"0:100,:,1um:3um"``.
        level: which scale is read, from 0.
        axes: a letter for each axis of the array as stored.
        channel: which one is read, from 0.
        voxel_size: in nm (z, y, x), ``"30,6,6"``, where the volume says none or a wrong one; it is
            written with the repaired one.
    """

    source: str
    out: str | None = None
    mask_out: str | None = None
    missing: str | Iterable[int] | None = None
    defects: str | Path | None = None
    plan: str | Path | None = None
    method: str | None = None
    loss: str | None = None
    preset: str | None = None
    dataset: str | None = None
    labels: str | Path | None = None
    data: str | Path | None = None
    results: str | Path | None = None
    force: bool = False
    device: str | None = None
    threads: int | None = None
    jobs: int | None = None
    scheduler: str | None = None
    scheduler_file: str | Path | None = None
    longest: int | None = None
    search: int = SEARCH
    grey_range: str | tuple[float, float] | None = None
    region: str | None = None
    level: int | None = None
    axes: str | None = None
    channel: int | None = None
    voxel_size: str | tuple[float, float, float] | None = None

    def check(self) -> None:
        """Refuse options that do not go together before a slice is read.

        Raises:
            UserError: some do not.
        """
        if self.plan is not None:
            for option, given in (
                ("missing", self.missing),
                ("defects", self.defects),
                ("longest", self.longest),
            ):
                if given is not None:
                    raise UserError(
                        f"--plan says what is filled; leave --{option} out, or change the plan."
                    )
        if self.longest is not None and self.longest < 1:
            raise UserError(f"--longest takes 1 or more slices, not {self.longest}.")
        self._check_mask_out()
        if self.search < 1:
            raise UserError(f"--search takes 1 pixel or more, not {self.search}.")
        check_threads(self.threads)
        if self.device is not None:
            check_device(self.device)
        if self.preset is not None and self.preset not in PRESETS:
            unknown("--preset value", self.preset, list(PRESETS))

    def _check_mask_out(self) -> None:
        """Refuse a mask that is in the way of what else is written."""
        if self.mask_out is None:
            return
        if self.out is None:
            raise UserError("--mask-out says what of --out is synthetic; give --out too.")
        mask, folder = _path(self.mask_out), Evidence(self.out).folder
        if mask == _path(self.out):
            raise UserError("--mask-out is the same as --out; give it another name.")
        if mask.is_relative_to(folder.resolve()):
            raise UserError(
                f"--mask-out names {self.mask_out}, but {folder} is for the evidence of --out; "
                "give it another name, outside of that folder."
            )

    def given(self) -> Given:
        """The volume, and how it is read.

        Raises:
            UserError: an option is not valid, or the plan cannot be read.
        """
        return self._given(self._missing())

    def _missing(self) -> tuple[int, ...]:
        """The numbers of the slices that are not there, as was said, or as the plan says."""
        if self.plan is None:
            return () if self.missing is None else missing_of(self.missing)
        with self._given(()).open_grey() as volume:
            found = [item.finding for item in read_plan(Path(self.plan), volume).items]
            return tuple(volume.first + each.z for each in found if each.reason == "missing")

    def _given(self, missing: tuple[int, ...]) -> Given:
        bounds, said, size = self.region, self.grey_range, self.voxel_size
        return Given(
            sources=(self.source,),
            missing=(missing,),
            grey_range=None if said is None else parsed("grey-range", parse_grey_range, said),
            axes=self.axes,
            channel=self.channel,
            level=self.level or 0,
            regions=() if bounds is None else (parsed("region", parse_region, bounds),),
            voxel_size=None if size is None else parsed("voxel-size", parse_voxel_size, size),
        )

    def check_filling(self, volume: StackVolume) -> None:
        """Refuse what could not be written, or a method that there is not, before hours go into it.

        Raises:
            UserError: a target is there already or of no kind that is written, a method or worker
                is not known, triplets cannot have that name, or those that have it are of another
                volume.
        """
        from bench.repair.same_volume import check_same_volume
        from bench.repair.wish import check_dataset_name
        from bench.volumes.writing.write_volume import check_target

        self._workers()
        if self._needs_triplets():
            check_dataset_name(self.dataset or volume.name)
            if self.dataset is None:
                check_same_volume(volume.name, self._data, volume)
        self._check_loss(self.dataset or volume.name)
        for target in filter(None, (self.out, self.mask_out)):
            # What a repair that was killed had finished is not in the way.
            if not Evidence(str(self.out)).is_open:
                check_target(target, volume.raw, volume.voxel_size)

    @property
    def _data(self) -> Path:
        """The folder of the datasets."""
        return Path(self.data or "data")

    def _needs_triplets(self) -> bool:
        """Whether the method is chosen, or trained, on triplets of the volume.

        Raises:
            UserError: the method is not known.
        """
        from bench.cells.variants import parse_variant
        from bench.repair.filler import is_ready
        from bench.repair.wish import AUTO

        if self.method in (None, AUTO):
            return True
        return not is_ready(parse_variant(str(self.method), self.preset or "quick"))

    def _check_loss(self, dataset: str) -> None:
        """Refuse a loss that there is not, or that looks for membranes that nobody has marked."""
        from bench.cells.variants import parse_loss
        from bench.triplets.dataset_paths import dataset_path
        from bench.triplets.file import readable

        if self.loss is None:
            return
        if not parse_loss(self.loss, PRESETS["quick"]).needs_teacher or self.labels:
            return
        file = readable(dataset_path(self._data, dataset, fold_of(dataset, None)))
        if file is None or not file.has_labels:
            raise UserError(
                f"--loss {self.loss} looks for membranes, and nothing says where they are; give "
                "the --labels of the volume, or another --loss."
            )

    def planned(self, volume: StackVolume) -> Plan:
        """What is to be filled: what the plan says, or what is found.

        Raises:
            UserError: a file cannot be read, or no slice is sound.
        """
        plan = self._found(volume) if self.plan is None else self._read_plan(volume)
        display = open_display()
        try:
            return cautioned(plan, volume, self.search, display.stage("look around places"))
        finally:
            display.close()

    def _found(self, volume: StackVolume) -> Plan:
        """What is found, and what was given."""
        self._check_missing(volume)
        given = None if self.defects is None else given_places(str(self.defects), volume)
        display = open_display()
        try:
            tick = display.stage("look for damage")  # all slices are read twice
            done, total = 0, len(present_slices(volume)) * (2 if given is None else 1)

            def ticked() -> None:
                nonlocal done
                done += 1
                tick(done, total, "")

            findings = find_defects(volume, Limits(), self.search, ticked, given)
        finally:
            display.close()
        return make_plan(self.source, volume, findings, self.longest or LONGEST)

    def _read_plan(self, volume: StackVolume) -> Plan:
        """What the plan says; that it is of another volume is told."""
        plan = read_plan(Path(str(self.plan)), volume)
        if _path(plan.source).name != _path(self.source).name:
            volume.notes += (
                f"{self.plan} was made of {plan.source}, and is carried out on {self.source}.",
            )
        return replace(plan, source=self.source)

    def _check_missing(self, volume: StackVolume) -> None:
        """Refuse slices that the region leaves out: nothing would be said of them."""
        numbers = () if self.missing is None else missing_of(self.missing)
        there = range(volume.first, volume.first + volume.shape[0])
        outside = [number for number in numbers if number not in there]
        if outside:
            raise UserError(
                f"--missing names {as_ranges(outside)}, but --region takes the slices {there[0]} "
                f"to {there[-1]}; leave out what lies outside, or widen the region."
            )

    def filled(
        self, plan: Plan, volume: StackVolume, given: Given, tell: Callable[[str], None]
    ) -> RepairRecord | None:
        """Fill what a plan names, and write what is asked for.

        Args:
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

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        workers = self._workers()
        order = Order(
            plan=plan,
            wish=self._wish(plan, volume),
            out=str(self.out),
            mask_out=self.mask_out,
            manner=Manner(self.search, self.force, self.device or "auto"),
            helpers=Helpers(workers, given, self.threads) if workers.on_workers else None,
            options=self._said(),
        )
        return carry_out(order, volume, tell, open_display)

    def _said(self) -> dict[str, Any]:
        """The options that were given, but for those that change no byte, as JSON has them."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        said = {
            each.name: given[each.name]
            for each in fields(self)
            if given[each.name] != each.default and each.name not in _NOT_SAID
        }
        if self.missing is not None:
            said["missing"] = as_ranges(missing_of(self.missing))
        if self.mask_out is not None:
            said["mask_out"] = path_of(self.mask_out).name
        return {name: str(each) if isinstance(each, Path) else each for name, each in said.items()}

    def _workers(self) -> Workers:
        return load_workers({name: getattr(self, name) for name in Workers.model_fields})

    def _wish(self, plan: Plan, volume: StackVolume) -> Any:
        """With what is to be filled; a dataset that is built already needs no volume."""
        from bench.repair.wish import AUTO, Wish

        given: dict[str, Any] = {
            "source": self.source,
            "labels": self.labels,
            "missing": _not_shown(plan),
            "grey_range": self.grey_range,
            "region": self.region,
            "level": self.level,
            "axes": self.axes,
            "channel": self.channel,
            "voxel_size": self.voxel_size,
        }
        runs = {
            "preset": self.preset,
            "data": self._data,
            "out": self.results,
            "device": self.device,
            "threads": self.threads,
            **{name: getattr(self, name) for name in Workers.model_fields},
        }
        return Wish(
            method=self.method or AUTO,
            loss=self.loss,
            dataset=self.dataset or volume.name,
            # The first channel is 0, which counts as little as nothing where truth is asked.
            volume={key: value for key, value in given.items() if value not in (None, "")},
            run={key: value for key, value in runs.items() if value is not None},
            named=self.dataset is not None,
        )


def _path(target: str) -> Path:
    return path_of(target).resolve()


def _not_shown(plan: Plan) -> str:
    """The numbers of the slices that are missing, or that show another section than their own."""
    bad = {
        plan.first + item.finding.z
        for item in plan.items
        if item.action == "fill slice" or item.finding.reason in WHOLE.keys() - {"jump", "blur"}
    }
    return ",".join(map(str, sorted(bad)))
