"""What a repair is to do about each finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from bench.base.errors import UserError
from bench.repair.finding import WHOLE, Finding
from bench.volumes.volume import Volume

Action = Literal["fill slice", "fill place", "look", "leave"]

LONGEST = 3  # slices in a row that are filled
_SOUND = {"jump", "blur"}  # such a slice shows its own section
_HOPELESS = 4.0  # times less detail than usual: nothing can be followed through such a slice
_MOST = 0.5  # of a slice: a larger place is the slice
_UNDECIDED = 'not decided; a plan that says "fill place" has it filled'


@dataclass(frozen=True)
class Item:
    """One finding, and what is done about it.

    Attributes:
        finding: what is wrong.
        action: ``fill slice``, ``fill place``, ``leave`` it as it is, or ``look`` at it: until
            somebody has decided it is left, too.
        note: why it is left, for a reader.
        caution: what has to be known of what is filled; empty where it is nothing.
    """

    finding: Finding
    action: Action
    note: str = ""
    caution: str = ""

    @property
    def fills(self) -> bool:
        """Whether anything is filled."""
        return self.action in ("fill slice", "fill place")

    @property
    def why_left(self) -> str:
        """Why nothing is filled, in words."""
        default = _UNDECIDED if self.action == "look" else "the plan says leave"
        return self.note or default


@dataclass(frozen=True)
class Plan:
    """What a repair is to do.

    Attributes:
        source: the volume, as the user named it.
        shape: of the volume, z, y, x.
        first: the number that the source gives to the slice at position 0.
        items: by slice.
        corner: row and column of the source where its slices begin; None where all of each is
            taken, or nobody knows.
    """

    source: str
    shape: tuple[int, int, int]
    first: int
    items: tuple[Item, ...]
    corner: tuple[int, int] | None = None

    def filled(self) -> tuple[int, int]:
        """How many slices would be filled, and how many places of others."""
        slices = {item.finding.z for item in self.items if item.action == "fill slice"}
        places = (item.finding.z for item in self.items if item.action == "fill place")
        return len(slices), sum(z not in slices for z in places)

    @property
    def undecided(self) -> int:
        """How many places somebody has to look at."""
        return sum(item.action == "look" for item in self.items)

    def surest_first(self) -> list[Item]:
        """The items by the rank of their findings."""
        return sorted(self.items, key=lambda item: item.finding.rank)


def unsound(items: Iterable[Item], volume: Volume) -> set[int]:
    """The slices that nothing is filled from: those that are filled, or show another section.

    Args:
        items: of a plan.
        volume: of the plan.
    """
    found = set(volume.missing)
    for item in items:
        shows_another = item.finding.reason in WHOLE and item.finding.reason not in _SOUND
        if item.action == "fill slice" or shows_another:
            found.add(item.finding.z)
    return found


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
    return Plan(source, volume.shape, volume.first, items, corner_of(volume))


def corner_of(volume: Volume) -> tuple[int, int] | None:
    """Row and column of the source where slices begin that are a part of it; None of whole ones."""
    part = volume.shape[1:] != volume.source_shape[1:]
    return volume.corner[1:] if part else None


def _item(finding: Finding, volume: Volume) -> Item:
    place = finding.place
    if place is not None:
        whole = place.pixels > _MOST * volume.shape[1] * volume.shape[2]
        # Somebody has named what was not measured; of what the search found some is sound.
        named = finding.number is None
        return Item(finding, "fill slice" if whole else "fill place" if named else "look")
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
    sound = sorted(set(range(depth)) - unsound(items, volume)) or [0]
    for item in items:
        z = item.finding.z
        alone = not sound[0] < z < sound[-1]
        if item.action == "fill slice" and reasons[z]:
            yield replace(item, action="leave", note=reasons[z])
        elif item.finding.place is not None and item.action != "fill slice" and alone:
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
