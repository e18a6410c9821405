"""What is tried before a repair fills: windows are hidden, and filled as the gaps will be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.base.errors import UserError
from bench.base.progress import Progress
from bench.repair.each import Each, counting
from bench.repair.fill import Filling, trust_name
from bench.repair.filler import Filler
from bench.repair.gaps import sound_slices
from bench.repair.gauge import everywhere
from bench.repair.hidden import HiddenPlace, places, unlearned
from bench.repair.judged import judged
from bench.repair.plan import Plan
from bench.repair.slices import Slices
from bench.repair.trust import Reached, Seen, learned
from bench.volumes.stack_volume import StackVolume

_REVISION = 2  # to be raised when what hidden windows say changes


@dataclass(frozen=True)
class Trial:
    """The windows that are hidden for gaps of a size.

    Attributes:
        own: that the method fills.
        others: windows of the whole volume, which the gauge fills, as it does ``own``; empty where
            ``own`` are of the whole volume.
    """

    own: list[HiddenPlace]
    others: list[HiddenPlace]


def trial(plan: Plan, volume: StackVolume, filler: Filler, size: int) -> Trial:
    """The windows that are hidden to see how far to trust a method.

    Raises:
        UserError: there is none.
    """
    sound = sound_slices(plan, volume)
    spread = places(sound, size, volume.shape)
    file = filler.learned_from
    own = spread if file is None else unlearned(file, sound, size, volume)
    chosen = Trial(own, [] if file is None else spread)
    if not chosen.own:
        raise UserError(
            f"Nothing says how far to trust a gap of {size}, for nowhere are {size + 2} sound "
            "slices in a row that could be hidden; say of what is falsely found that it is "
            "left, in a plan (--plan-out, --plan)."
        )
    return chosen


def learn_trust(filling: Filling, size: int, chosen: Trial, each: Each, tick: Progress) -> None:
    """Have it known what hidden windows say of gaps of a size.

    Args:
        filling: of this process.
        size: of the gaps.
        chosen: the windows.
        each: who fills them.
        tick: told of each.
    """
    filler, search = filling.fillers[size], filling.manner.search
    name, key = trust_name(size), _key(filler, chosen, filling.slices, search)
    if filling.evidence.kept(name, key) is not None:
        return
    done = counting(tick, len(chosen.own) + len(chosen.others), "hidden windows")
    hidden, reaching = _tried(chosen, each, done)
    filling.evidence.vouch(name, key, (), learned(hidden, reaching, _judged(filler)).as_json())


def _tried(
    chosen: Trial, each: Each, done: Callable[[], None]
) -> tuple[list[Seen], tuple[Reached, ...]]:
    """What the windows say, and what windows of the whole volume reach, or would reach."""
    if not chosen.others:
        hidden = each(Filling.hide, chosen.own, done)
        return hidden, tuple(one.reached for one in hidden)
    both = each(Filling.hide_and_gauge, chosen.own, done)
    anywhere = each(Filling.gauge, chosen.others, done)
    hidden, there = [one for one, _ in both], [other for _, other in both]
    return hidden, everywhere([one.reached for one in hidden], there, anywhere)


def _judged(filler: Filler) -> tuple[Reached, ...]:
    """What the benchmark of this volume says of neurites."""
    if filler.membranes is None or filler.tested_on is None:
        return ()
    return judged(filler.membranes, filler.tested_on)


def _key(filler: Filler, chosen: Trial, slices: Slices, search: int) -> dict[str, Any]:
    """All that what hidden windows say depends on; the first one stands for the volume."""
    windows, others = (
        [[each.gap.before, each.gap.after, each.z, *each.window] for each in hidden]
        for hidden in (chosen.own, chosen.others)
    )
    return {
        "revision": _REVISION,
        "method": filler.as_json(),
        "windows": windows,
        "others": others,
        "seen": slices.digest(chosen.own[0].z),
        "search": search,
        "judged": None if filler.membranes is None else filler.membranes.to_csv(index=False),
    }
