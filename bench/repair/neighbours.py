"""The sound slices around a gap, laid on each other: nothing looks at what is not there."""

from __future__ import annotations

from dataclasses import dataclass

from bench.repair.gaps import Gap
from bench.repair.slices import Grey, Slices, Tone, Window
from bench.triplets.align import Aligner, Match
from bench.volumes.tissue import filled


@dataclass(frozen=True)
class Neighbours:
    """The slices before and after a gap.

    Attributes:
        slices: of the volume.
        gap: between them.
        match: what lies at (y, x) in the slice before lies at (y + shift, x + shift) in that after.
        tones: how bright they are.
    """

    slices: Slices
    gap: Gap
    match: Match
    tones: tuple[Tone, Tone]

    def tone(self, z: int) -> Tone:
        """How bright a slice of the gap is taken to be."""
        return self.tones[0].towards(self.tones[1], self.gap.time(z))

    def laid_on(self, z: int, window: Window) -> tuple[Grey, Grey]:
        """What both show where a slice of the gap has a window, HW in [0, 1] each.

        The slice is shifted by its share of the shift between them, and both get its tone.
        """
        time, tone = self.gap.time(z), self.tone(z)
        y, x = round(time * self.match.y), round(time * self.match.x)
        before = self.slices.read(self.gap.before, window.moved(-y, -x))
        after = self.slices.read(self.gap.after, window.moved(self.match.y - y, self.match.x - x))
        return self.tones[0].mapped(before, tone), self.tones[1].mapped(after, tone)


def neighbours(slices: Slices, gap: Gap, search: int) -> Neighbours:
    """The slices around a gap, matched by their middles.

    Args:
        slices: of the volume.
        gap: between them.
        search: largest shift along each axis, in pixels.

    Raises:
        UserError: the search radius does not fit the slices.
    """
    match, tones = matched(slices, gap.before, gap.after, search)
    return Neighbours(slices, gap, match, tones)


def matched(slices: Slices, one: int, other: int, search: int) -> tuple[Match, tuple[Tone, Tone]]:
    """Where another slice continues one, and how bright both are.

    Raises:
        UserError: the search radius does not fit the slices.
    """
    seen = [slices.centre(z, search) for z in (one, other)]
    height, width = seen[0].grey.shape
    aligner = Aligner(height, width, search)
    match = aligner.match(*(aligner.prepare(filled(each.grey, each.tissue)) for each in seen))
    return match, (seen[0].tone, seen[1].tone)
