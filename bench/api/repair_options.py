"""What a repair is told, and how its volume is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.api.given_options import missing_of
from bench.base.device import check_device, check_threads
from bench.base.errors import UserError
from bench.base.invalid_option import parsed
from bench.base.words import unknown
from bench.cells.presets import PRESETS
from bench.repair.evidence import Evidence, path_of
from bench.repair.find import SEARCH
from bench.repair.plan_file import read_plan
from bench.volumes.cards import parse_voxel_size
from bench.volumes.grey_range import parse_grey_range
from bench.volumes.region import parse_region
from bench.volumes.sources import Given


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


def _path(target: str) -> Path:
    return path_of(target).resolve()
