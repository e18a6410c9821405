"""Figures 5, 6, 7 and the error maps: slices side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bench.cells.cell import NULL
from bench.report.figures.drawing import Drawing
from bench.report.figures.scene import Scene, scene_of, triplets_of, typical
from bench.report.figures.sheet import Sheet, head, leave_empty, mark, scale_bar, show_inset
from bench.report.figures.subject import (
    AbsentError,
    Subject,
    drawn,
    label,
    loss_of,
    method_of,
)
from bench.report.run_picture import show_error, show_frame
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from methods.losses import LOSSES

_WIDE = 6  # squares side by side
_PAIRS = _WIDE // 2  # of a slice and its inset
_LEVELS = ((0.1, "hard"), (0.5, "typical"), (0.9, "easy"))


def draw_losses(subject: Subject) -> Drawing:
    """Figure 5: slice before, truth, what each loss makes of one method, slice after.

    Raises:
        AbsentError: no trained method has frames under two losses, or there are no triplets.
    """
    found = {loss: entry for loss in LOSSES if (entry := subject.find(subject.own, loss))}
    shown = _pictured(subject, list(found.values()))
    if len(shown) < 2:
        raise AbsentError(f"{subject.own} has scored frames under one loss only")
    scene = scene_of(subject, shown, typical(subject, shown))
    middle = [
        _panel(scene, subject, method_of(entry), entry, loss) for loss, entry in found.items()
    ]
    before, truth, after = _real(scene)
    lines = [[before, truth, *middle, after]]
    if len(lines[0]) > _WIDE:
        lines = [[before, truth, after], middle]
    sheet = Sheet([2, 0] * len(lines), max(map(len, lines)))
    for number, line in enumerate(lines):
        for column, panel in enumerate(line):
            first, second = sheet.place(2 * number, column), sheet.place(2 * number + 1, column)
            head(first, panel.heading)
            _draw_pair(first, second, panel, scene, bar=number == column == 0)
    return Drawing(sheet.figure, f"{_which(subject, scene)} {scene.rule}", shown, 1)


def draw_own(subject: Subject) -> Drawing:
    """Figure 6: one method on a hard, a typical and an easy triplet, between its neighbours.

    Raises:
        AbsentError: no trained method has frames, or there are no triplets.
    """
    every = [subject.find(subject.own, loss) for loss in reversed(list(LOSSES))]
    entry = _pictured(subject, [entry for entry in every if entry])[0]
    scenes = [scene_of(subject, [entry], typical(subject, [entry], at)) for at, _ in _LEVELS]
    sheet = Sheet([1, 1, 2, 1], len(scenes))  # the third has a name and a score
    for column, (scene, (_, level)) in enumerate(zip(scenes, _LEVELS, strict=True)):
        heading, frame = _of_cell(scene, entry)
        rows = {
            f"before ({level})": scene.before, "truth": scene.truth,
            heading: frame, "after": scene.after,
        }  # fmt: skip
        for row, (words, picture) in enumerate(rows.items()):
            axes = sheet.place(row, column, words)
            if picture is None:
                leave_empty(axes, "no frame")
                continue
            show_frame(axes, picture)
            if row == 0 and column == 0:
                scale_bar(axes, scene.nanometres, len(picture))
    numbers = ", ".join(str(scene.triplet) for scene in scenes)
    words = (
        f"Triplets {numbers}: at 10, 50 and 90 % of the {_judge(subject)} PSNR, from hard to easy; "
        f"central {len(scenes[0].truth)} px. PSNR in dB over the whole slice."
    )
    return Drawing(sheet.figure, words, [entry], len(scenes))


def draw_methods(subject: Subject) -> Drawing:
    """Figure 7: a pair of slice and inset for each method and loss, three pairs a row.

    Where the losses of a method fill rows, it has rows of its own; else one follows the other.

    Raises:
        AbsentError: no cell has frames, or there are no triplets.
    """
    entries = _pictured(subject, subject.leading)
    trained = list(dict.fromkeys(method_of(entry) for entry in entries if entry.trained))
    losses = [loss for loss in LOSSES if any(loss_of(e) == loss for e in subject.leading)]
    losses = losses or list(LOSSES)[-1:]
    simple = _best_untrained(subject, entries)
    shown = [entry for entry in entries if entry.trained or entry in simple]
    scene = scene_of(subject, shown, typical(subject, shown))
    untrained = [_Panel(*_of_cell(scene, entry)) for entry in simple]
    networks = [
        _panel(scene, subject, method, subject.find(method, loss), loss)
        for method in trained
        for loss in losses
    ]
    parts = [untrained, networks] if len(losses) % _PAIRS == 0 else [untrained + networks]
    rows = [_real(scene), *(row for part in parts for row in _rows(part))]
    sheet = Sheet([1] * len(rows), _WIDE)
    for number, row in enumerate(rows):
        for pair, panel in enumerate(row):
            title, _, quality = panel.heading.partition("\n")
            left = sheet.place(number, 2 * pair, title)
            right = sheet.place(number, 2 * pair + 1, quality)
            _draw_pair(left, right, panel, scene, bar=number == pair == 0)
    return Drawing(sheet.figure, f"{_which(subject, scene)} {scene.rule}", shown, 1)


def draw_errors(subject: Subject) -> Drawing:
    """Where each cell is too bright and where too dark.

    Raises:
        AbsentError: no cell has frames, or there are no triplets.
    """
    shown = _pictured(subject, subject.leading)
    scene = scene_of(subject, shown, typical(subject, shown))
    there = [entry for entry in shown if scene.frames[label(entry)] is not None]
    count = len(there) + 1
    rows = -(-count // _WIDE)
    columns = min(_WIDE, count) if rows == 1 else -(-count // rows)
    sheet = Sheet([2] * rows, max(2, columns), foot=104)
    axes = sheet.place(0, 0, "truth")
    _show(axes, scene.truth, scene, bar=True, box=False)
    image = None
    for number, entry in enumerate(there, 1):
        frame = scene.frames[label(entry)]
        if frame is None:
            continue
        axes = sheet.place(*divmod(number, columns))
        head(axes, f"{drawn(label(entry))}\n{_quality(entry, scene.triplet, 'ie')}")
        image = show_error(axes, frame, scene.truth)
    if image is None:
        raise AbsentError("none of its cells has frames")
    bar = sheet.figure.colorbar(image, cax=sheet.strip(440, 14, 78), orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_label("synthesised less true (grey levels)", labelpad=1)
    words = f"{_which(subject, scene)} IE: mean absolute error of the whole slice in grey levels."
    return Drawing(sheet.figure, words, there, 1)


def _pictured(subject: Subject, entries: list[Entry]) -> list[Entry]:
    triplets_of(subject)
    found = [e for e in entries if e.scores is not None and "predict" in e.record.stages]
    if not found:
        what = f"{subject.own} with any loss" if subject.own else "any trained method"
        raise AbsentError(
            f"no scored frames of {what if entries != subject.leading else 'any cell'}"
        )
    return found


def _best_untrained(subject: Subject, entries: list[Entry]) -> list[Entry]:
    """The null and the two untrained methods with the highest FRC; all, if they were named."""
    simple = [entry for entry in entries if not entry.trained]
    if subject.shown.methods:
        return simple
    ranked = sorted(simple, key=lambda e: -float(subject.values(e, "frc_10").mean()))
    others = [entry for entry in ranked if method_of(entry) != NULL]
    chosen = [entry for entry in simple if method_of(entry) == NULL]
    chosen += others[: _PAIRS - len(chosen)]
    return [entry for entry in simple if entry in chosen]


def _rows(panels: Sequence[_Panel]) -> list[Sequence[_Panel]]:
    """So many pairs a row as there is room for."""
    return [panels[first : first + _PAIRS] for first in range(0, len(panels), _PAIRS)]


class _Panel(NamedTuple):
    """A slice and its heading; where there is none, why."""

    heading: str
    frame: NDArray[np.uint8] | None
    why_not: str = ""


def _real(scene: Scene) -> list[_Panel]:
    """The slices that nobody made."""
    return [
        _Panel("before", scene.before), _Panel("truth", scene.truth), _Panel("after", scene.after)
    ]  # fmt: skip


def _panel(scene: Scene, subject: Subject, method: str, entry: Entry | None, loss: str) -> _Panel:
    if entry is not None and scene.frames.get(label(entry)) is not None:
        return _Panel(*_of_cell(scene, entry))
    title = next(e.method.title or method for e in subject.leading if method_of(e) == method)
    return _Panel(f"{drawn(title)}-{_loss_title(loss)}", None, _why_not(entry))


def _draw_pair(first: Axes, second: Axes, panel: _Panel, scene: Scene, *, bar: bool) -> None:
    """A slice, and the part of it that is enlarged."""
    if panel.frame is None:
        leave_empty(first, panel.why_not)
        leave_empty(second, panel.why_not)
        return
    _show(first, panel.frame, scene, bar=bar)
    show_inset(second, panel.frame, scene.inset)


def _of_cell(scene: Scene, entry: Entry | None) -> tuple[str, NDArray[np.uint8] | None]:
    """Heading and crop of a cell; no crop where it has none."""
    frame = None if entry is None else scene.frames.get(label(entry))
    if entry is None or frame is None:
        return "", None
    return f"{drawn(label(entry))}\n{_quality(entry, scene.triplet, 'psnr')}", frame


def _quality(entry: Entry, triplet: int, metric: str) -> str:
    """The score of the stored frame, as the store has it."""
    if entry.scores is None:
        return ""
    row = entry.scores.set_index("triplet")[metric]
    value = f"{float(row.loc[triplet]):.{1 if metric == 'ie' else 2}f}"
    return f"{METRICS[metric].title} {value}" if metric == "ie" else f"{value} dB"


def _show(
    axes: Axes, frame: NDArray[np.uint8], scene: Scene, *, bar: bool, box: bool = True
) -> None:
    show_frame(axes, frame)
    if box:
        mark(axes, scene.inset)
    if bar:
        scale_bar(axes, scene.nanometres, len(frame))


def _loss_title(loss: str) -> str:
    return loss[:1].upper() + loss[1:]


def _why_not(entry: Entry | None) -> str:
    if entry is None:
        return "not run"
    unfinished = {"running": "not finished", "partial": "no frames", "done": "no frames"}
    return unfinished.get(entry.record.status, entry.record.status)


def _judge(subject: Subject) -> str:
    return "null's" if subject.null else "first cell's"


def _which(subject: Subject, scene: Scene) -> str:
    return (
        f"Triplet {scene.triplet} (median of the {_judge(subject)} PSNR), central "
        f"{len(scene.truth)} px; PSNR in dB over the whole slice."
    )
