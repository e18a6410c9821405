"""The gaps of a volume: slices that are to be filled, and the nearest sound ones around them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bench.base.errors import UserError
from bench.repair.finding import WHOLE
from bench.repair.plan import Item, Plan
from bench.volumes.volume import Volume

_SOUND = {"jump", "blur"}  # such a slice shows its own section


@dataclass(frozen=True)
class Gap:
    """What lies between two sound slices.

    Attributes:
        before: position of the sound slice before it.
        after: position of the sound slice after it.
    """

    before: int
    after: int

    @property
    def size(self) -> int:
        """How many slices are between."""
        return self.after - self.before - 1

    @property
    def slices(self) -> range:
        """The positions between."""
        return range(self.before + 1, self.after)

    def time(self, z: int) -> float:
        """Where a position lies between before, 0, and after, 1."""
        return (z - self.before) / (self.after - self.before)


@dataclass(frozen=True)
class Task:
    """A slice that is filled, as a whole or in places.

    Attributes:
        z: its position.
        gap: that it is filled from.
        items: of the plan: the slice, or its places.
    """

    z: int
    gap: Gap
    items: tuple[Item, ...]

    @property
    def whole(self) -> bool:
        """Whether all of the slice is synthesised."""
        return self.items[0].action == "fill slice"


def tasks_of(plan: Plan, volume: Volume) -> list[Task]:
    """What a plan has filled, by slice.

    Raises:
        UserError: a slice that is to be filled has no sound one on one of its sides.
    """
    unsound = _unsound(plan, volume)
    tasks = list[Task]()
    for z, items in _by_slice(plan):
        gap = _gap(z, unsound, volume)
        if gap is None:
            raise UserError(
                f"Slice {plan.first + z} has no sound slice on one of its sides to be filled from; "
                'write a plan with --plan-out, set its action to "leave", and give it with --plan.'
            )
        tasks.append(Task(z, gap, items))
    return tasks


def sound_slices(plan: Plan, volume: Volume) -> list[int]:
    """The slices in which nothing is missing or damaged, in order."""
    named = {item.finding.z for item in plan.items} | volume.missing
    return [z for z in range(volume.shape[0]) if z not in named]


def beside(z: int, plan: Plan, volume: Volume) -> tuple[int | None, int | None]:
    """The nearest slices before and after one that show their own section; None where none does.

    Args:
        z: position of the slice.
        plan: that says which slices are filled, or show another section.
        volume: of the plan.
    """
    return _nearest_two(z, _unsound(plan, volume), volume)


def _by_slice(plan: Plan) -> Iterator[tuple[int, tuple[Item, ...]]]:
    """The items of each slice that is filled; its places do not count where all of it is."""
    wanted = [item for item in plan.items if item.fills]
    for z in sorted({item.finding.z for item in wanted}):
        here = [item for item in wanted if item.finding.z == z]
        whole = [item for item in here if item.action == "fill slice"]
        yield z, tuple(whole[:1] or here)


def _unsound(plan: Plan, volume: Volume) -> Collection[int]:
    """The slices that nothing is filled from: those that are filled, or show another section."""
    unsound = set(volume.missing)
    for item in plan.items:
        shows_another = item.finding.reason in WHOLE and item.finding.reason not in _SOUND
        if item.action == "fill slice" or shows_another:
            unsound.add(item.finding.z)
    return unsound


def _gap(z: int, unsound: Collection[int], volume: Volume) -> Gap | None:
    before, after = _nearest_two(z, unsound, volume)
    return None if before is None or after is None else Gap(before, after)


def _nearest_two(z: int, unsound: Collection[int], volume: Volume) -> tuple[int | None, int | None]:
    before = _nearest(range(z - 1, -1, -1), unsound)
    return before, _nearest(range(z + 1, volume.shape[0]), unsound)


def _nearest(candidates: Sequence[int], unsound: Collection[int]) -> int | None:
    return next((z for z in candidates if z not in unsound), None)
