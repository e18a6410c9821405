"""The figures of a report: the paper's, and those that show what the paper's do not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from bench.base.errors import UserError
from bench.base.files import write_text
from bench.base.words import unknown
from bench.report.figures import (
    budget,
    dials,
    learning,
    panels,
    scores,
    segmentation,
    spectrum,
    training,
)
from bench.report.figures.drawing import Drawing, caption
from bench.report.figures.style import look, save
from bench.report.figures.subject import AbsentError, Subject, subject_of
from bench.report.picture import Picture, captioned
from bench.report.render_markdown import inert
from bench.report.selection import EVERY_ROW, Shown
from bench.scores.results import Results
from bench.store.records import file_name

CAPTIONS = "figures.md"


@dataclass(frozen=True)
class Kind:
    """A figure that can be drawn of any dataset.

    Attributes:
        draw: draws it; raises ``AbsentError`` where its cells are not there.
        title: first sentence of its caption.
    """

    draw: Callable[[Subject], Drawing]
    title: str


FIGURES = {
    "3": Kind(training.draw_gamma, "How the weight gamma of the attention evolves in training."),
    "4": Kind(training.draw_style, "How the three terms of the style balance loss evolve."),
    "5": Kind(panels.draw_losses, "What each loss makes of the same network."),
    "6": Kind(panels.draw_own, "Synthesised slices between their real neighbours."),
    "7": Kind(panels.draw_methods, "Methods and losses on one triplet."),
    "8": Kind(segmentation.draw_membranes, "Membranes found in synthesised slices."),
    "learning": Kind(learning.draw_learning, "What each training had learned, and when."),
    "errors": Kind(panels.draw_errors, "Where each method errs on one triplet."),
    "distributions": Kind(scores.draw_distributions, "Scores of the single triplets."),
    "pareto": Kind(scores.draw_pareto, "Gain over the null against time of prediction."),
    "spectrum": Kind(spectrum.draw_spectrum, "Who blurs: spectra of the synthesised slices."),
}


@dataclass(frozen=True)
class Study:
    """A figure of several datasets that belong together.

    Attributes:
        draw: draws it of every such group, with the cells that its caption speaks of; raises
            ``AbsentError`` where the store has no group.
        title: first sentence of its caption.
    """

    draw: Callable[[Results, Shown], list[tuple[Subject, Drawing]]]
    title: str


STUDIES = {
    "budget": Study(
        budget.draw_budgets, "How long is long enough: scores by the crops of a training."
    ),
    "dials": Study(
        dials.draw_dials, "Which method breaks when: the dials of a generated volume, turned."
    ),
}


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        files: that were written, the captions last.
        pictures: as a page shows them.
    """

    files: list[Path]
    pictures: list[Picture]


def draw_figures(
    results: Results,
    wanted: Sequence[str],
    folder: Path,
    tell: Callable[[str], None],
    shown: Shown = EVERY_ROW,
) -> Drawn:
    """Draw figures of every dataset, as PDF and PNG, with their captions in ``figures.md``.

    A figure whose cells are missing, or whose files are damaged, is left out and told of. The
    captions of figures that were not asked for stay.

    Args:
        results: the store.
        wanted: names of ``FIGURES`` and ``STUDIES``.
        folder: where the files go.
        tell: told of each figure that is left out.
        shown: which methods and losses they show.

    Returns:
        Its files and pictures.

    Raises:
        UserError: there is no figure of such a name.
    """
    for name in wanted:
        if name not in FIGURES and name not in STUDIES:
            unknown("figure", name, [*FIGURES, *STUDIES])
    written = _Written(folder, tell, shown)
    with look():
        for dataset in results.datasets:
            subject = subject_of(results, dataset, shown)
            for name in filter(FIGURES.__contains__, wanted):
                try:
                    written.add(name, FIGURES[name].title, subject, FIGURES[name].draw(subject))
                except (AbsentError, UserError) as error:
                    written.leave_out(f"{_head(name)} of {dataset}", error)
        for name in filter(STUDIES.__contains__, wanted):
            try:
                for subject, drawing in STUDIES[name].draw(results, shown):
                    written.add(name, STUDIES[name].title, subject, drawing)
            except (AbsentError, UserError) as error:
                written.leave_out(_head(name), error)
    return written.finish({_stem(name, each) for name in wanted for each in results.datasets})


class _Written:
    """The files of a report's figures, and their captions."""

    def __init__(self, folder: Path, tell: Callable[[str], None], shown: Shown) -> None:
        self._folder, self._tell, self._shown = folder, tell, shown
        self._paths: list[Path] = []
        self._pictures: list[Picture] = []
        self._left_out: list[str] = []

    def add(self, name: str, title: str, subject: Subject, drawing: Drawing) -> None:
        """Write a figure, and the numbers behind it if it has any."""
        dataset = subject.dataset
        stem = _stem(name, dataset)
        self._paths += save(drawing.figure, self._folder / stem)
        if drawing.numbers:
            self._paths.append(self._folder / f"{stem}.csv")
            write_text(self._paths[-1], drawing.numbers)
        head, words = f"{_head(name)}, {dataset}", caption(title, drawing, subject)
        self._pictures.append(Picture(f"{stem}.png", head, words))

    def leave_out(self, what: str, error: Exception) -> None:
        """Tell of a figure that cannot be drawn."""
        chosen = " (of what --methods and --losses choose)" if self._shown.some_rows else ""
        self._left_out.append(f"{what} is left out: {str(error).rstrip('.')}{chosen}.")
        self._tell(self._left_out[-1])

    def finish(self, tried: Collection[str]) -> Drawn:
        """Write the captions, behind those of figures that lie there and were not tried now."""
        path = self._folder / CAPTIONS
        parts = [*_kept(path, tried), *map(inert, captioned(self._pictures))]
        if self._left_out:
            listed = (f"- {inert(sentence)}" for sentence in self._left_out)
            parts.append("\n".join(["Left out:", "", *listed]))
        write_text(path, "\n\n".join(["# Figures", *parts]) + "\n")
        return Drawn([*self._paths, path], self._pictures)


def _stem(name: str, dataset: str) -> str:
    """What the files of a figure are called."""
    return f"{'figure' if name.isdigit() else ''}{name}-{file_name(dataset)}"


def _kept(captions: Path, tried: Collection[str]) -> list[str]:
    """The pictures and captions of an earlier call whose files lie there, but for those tried."""
    if not captions.exists():
        return []
    parts = captions.read_text(encoding="utf-8").strip().split("\n\n")
    kept = []
    for image, words in pairwise(parts):
        file = unquote(image.rpartition("](")[2].removesuffix(")"))
        there = image.startswith("![") and (captions.parent / file).is_file()
        if there and Path(file).stem not in tried:
            kept += [image, words]
    return kept


def _head(name: str) -> str:
    return f"Figure {name}" if name.isdigit() else f"Figure '{name}'"
