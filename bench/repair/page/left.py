"""What was found and left as it is, each finding between its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bench.repair.page.outline import outline
from bench.repair.page.pictures import Album
from bench.repair.page.views import factor, of_source, picture
from bench.repair.page.words import reason
from bench.repair.plan import Plan
from bench.repair.scene import Panel, Scene, furthest, scenes
from bench.repair.slices import Slices, Window
from bench.volumes.volume import Volume

MOST = 60  # findings that have pictures
_SIDE = 384  # pixels at most, of a picture


class Shown(NamedTuple):
    """A finding that was left.

    Attributes:
        scene: the finding between its neighbours.
        pictured: whether it is drawn; so many are, the furthest beyond their limits.
    """

    scene: Scene
    pictured: bool

    @property
    def pictures(self) -> int:
        """How many are drawn."""
        return sum(panel.z is not None for panel in self.scene.panels) if self.pictured else 0


def left_in(plan: Plan, volume: Volume) -> list[Shown]:
    """What a plan leaves as it is, by slice."""
    left = [item for item in plan.items if not item.fills]
    found = scenes(left, plan, volume)
    drawn = {id(scene) for scene in furthest(found, MOST)}
    return [Shown(scene, id(scene) in drawn) for scene in found]


def left_shown(left: Iterable[Shown], slices: Slices, album: Album) -> Iterator[dict[str, Any]]:
    """Each finding as the page's template reads it; pictures are saved as they are asked for.

    Args:
        left: the findings.
        slices: of the volume.
        album: where pictures go.
    """
    for number, (scene, pictured) in enumerate(left, start=1):
        finding, window = scene.item.finding, Window.of(scene.box)
        tolerance = max(factor((window.height, window.width), _SIDE) / 2, 0.5)
        name = f"left-{number:04d}"
        yield {
            "called": scene.called(slices.volume.first),
            "reason": reason(finding),
            "note": scene.item.why_left,
            "box": [window.left, window.top, window.width, window.height],
            "outline": outline([finding.place] if finding.place else [], tolerance),
            "panels": [_panel(panel, window, slices, album, name) for panel in scene.panels]
            if pictured
            else [],
        }


def _panel(panel: Panel, window: Window, slices: Slices, album: Album, name: str) -> dict[str, Any]:
    shown = {"name": panel.name, "words": panel.words, "picture": None}
    if panel.z is not None:
        grey = picture(of_source(slices, panel.z), window, _SIDE)
        shown["picture"] = album.add(f"{name}-{panel.name}", grey)
    return shown
