"""What a repair is to do about each finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from bench.base.errors import UserError
from bench.repair.finding import Finding
from bench.volumes.volume import Volume

Action = Literal["fill slice", "fill place", "leave"]

LONGEST = 3  # slices in a row that are filled
_HOPELESS = 4.0  # times less detail than usual: nothing can be followed through such a slice
_MOST = 0.5  # of a slice: a larger place is the slice
_FILLED = {"missing", "blank", "saturated", "duplicate", "continuity"}


@dataclass(frozen=True)
class Item:
    """One finding, and what is done about it.

    Attributes:
        finding: what is wrong.
        action: ``fill slice``, ``fill place``, or ``leave`` it as it is.
        note: why it is left, for a reader.
    """

    finding: Finding
    action: Action
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """What a repair is to do.

    Attributes:
        source: the volume, as the user named it.
        shape: of the volume, z, y, x.
        first: the number that the source gives to the slice at position 0.
        items: by slice.
    """

    source: str
    shape: tuple[int, int, int]
    first: int
    items: tuple[Item, ...]

    def filled(self) -> tuple[int, int]:
        """How many slices would be filled, and how many places."""
        slices = {item.finding.z for item in self.items if item.action == "fill slice"}
        return len(slices), sum(item.action == "fill place" for item in self.items)


def make_plan(source: str, volume: Volume, findings: Sequence[Finding], longest: int) -> Plan:
    """Decide what is done about each finding.

    Args:
        source: the volume, as the user named it.
        volume: that the findings are of.
        findings: by slice.
        longest: how many slices in a row are filled at most.

    Raises:
        UserError: no slice of the volume would be left to fill the others from.
    """
    items = tuple(_feasible([_item(each, volume) for each in findings], volume, longest))
    return Plan(source, volume.shape, volume.first, items)


def whole_slices_of(plan: Plan) -> Plan:
    """A plan that nobody has looked at, as far as it is carried out: places are left as they are.

    Of the places that are found, some are sound (docs/explanation/damage.md): what is filled
    there is lost.
    """
    note = "not looked at yet; filled only once a plan says so (--plan)"
    items = (
        replace(item, action="leave", note=note) if item.action == "fill place" else item
        for item in plan.items
    )
    return replace(plan, items=tuple(items))


def _item(finding: Finding, volume: Volume) -> Item:
    place = finding.place
    if place is not None:
        whole = place.pixels > _MOST * volume.shape[1] * volume.shape[2]
        return Item(finding, "fill slice" if whole else "fill place")
    if finding.reason == "jump":
        before, here = (volume.first + z for z in (finding.z - 1, finding.z))
        return Item(finding, "leave", f"sections may be lost between {before} and {here}")
    if finding.reason == "blur" and (finding.number or 0) < _HOPELESS:
        return Item(finding, "leave", "soft, but it shows its own section")
    return Item(finding, "fill slice")


def _feasible(items: Iterable[Item], volume: Volume, longest: int) -> Iterator[Item]:
    """What cannot be filled is left, and says why."""
    items = list(items)
    runs = _runs({item.finding.z for item in items if item.action == "fill slice"})
    depth = volume.shape[0]
    if any(len(run) == depth for run in runs):
        raise UserError(
            f"All {depth} slices of '{volume.name}' are missing or damaged; give a volume in "
            "which some are sound."
        )
    reasons = dict[int, str]()
    for run in runs:
        note = _obstacle(run, depth, longest)
        reasons |= dict.fromkeys(run, note)
    for item in items:
        at_the_end = item.finding.z in (0, depth - 1)
        if item.action == "fill slice" and reasons[item.finding.z]:
            yield replace(item, action="leave", note=reasons[item.finding.z])
        elif item.action == "fill place" and at_the_end:
            yield replace(item, action="leave", note="the slice has one neighbour only")
        else:
            yield item


def _obstacle(run: Sequence[int], depth: int, longest: int) -> str:
    """Why slices in a row cannot be filled; empty where they can."""
    if run[0] == 0:
        return "there is no slice before it"
    if run[-1] == depth - 1:
        return "there is no slice after it"
    return f"{len(run)} slices in a row, more than {longest}" if len(run) > longest else ""


def _runs(slices: Iterable[int]) -> list[list[int]]:
    """Ascending positions, those in a row together."""
    numbered = enumerate(sorted(slices))
    return [
        [z for _, z in group] for _, group in groupby(numbered, key=lambda pair: pair[1] - pair[0])
    ]
