"""The figures of a report: the paper's, and those that show what the paper's do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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

    draw: Callable[[Results], list[tuple[Subject, Drawing]]]
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
    results: Results, wanted: Sequence[str], folder: Path, tell: Callable[[str], None]
) -> Drawn:
    """Draw figures of every dataset, as PDF and PNG, with their captions in ``figures.md``.

    A figure whose cells are missing, or whose files are damaged, is left out and told of.

    Args:
        results: the store.
        wanted: names of ``FIGURES`` and ``STUDIES``.
        folder: where the files go.
        tell: told of each figure that is left out.

    Returns:
        Its files and pictures.

    Raises:
        UserError: there is no figure of such a name.
    """
    for name in wanted:
        if name not in FIGURES and name not in STUDIES:
            unknown("figure", name, [*FIGURES, *STUDIES])
    written = _Written(folder, tell)
    with look():
        for dataset in results.datasets:
            subject = subject_of(results, dataset)
            for name in filter(FIGURES.__contains__, wanted):
                try:
                    written.add(name, FIGURES[name].title, subject, FIGURES[name].draw(subject))
                except (AbsentError, UserError) as error:
                    written.leave_out(f"{_head(name)} of {dataset}", error)
        for name in filter(STUDIES.__contains__, wanted):
            try:
                for subject, drawing in STUDIES[name].draw(results):
                    written.add(name, STUDIES[name].title, subject, drawing)
            except (AbsentError, UserError) as error:
                written.leave_out(_head(name), error)
    return written.finish()


class _Written:
    """The files of a report's figures, and their captions."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._tell = folder, tell
        self._paths: list[Path] = []
        self._pictures: list[Picture] = []
        self._left_out: list[str] = []

    def add(self, name: str, title: str, subject: Subject, drawing: Drawing) -> None:
        """Write a figure, and the numbers behind it if it has any."""
        dataset = subject.dataset
        stem = f"{'figure' if name.isdigit() else ''}{name}-{file_name(dataset)}"
        self._paths += save(drawing.figure, self._folder / stem)
        if drawing.numbers:
            self._paths.append(self._folder / f"{stem}.csv")
            write_text(self._paths[-1], drawing.numbers)
        head, words = f"{_head(name)}, {dataset}", caption(title, drawing, subject)
        self._pictures.append(Picture(f"{stem}.png", head, words))

    def leave_out(self, what: str, error: Exception) -> None:
        """Tell of a figure that cannot be drawn."""
        self._left_out.append(f"{what} is left out: {str(error).rstrip('.')}.")
        self._tell(self._left_out[-1])

    def finish(self) -> Drawn:
        """Write the captions."""
        parts = ["# Figures", *captioned(self._pictures)]
        if self._left_out:
            listed = (f"- {sentence}" for sentence in self._left_out)
            parts.append("\n".join(["Left out:", "", *listed]))
        path = self._folder / CAPTIONS
        write_text(path, inert("\n\n".join(parts)) + "\n")
        return Drawn([*self._paths, path], self._pictures)


def _head(name: str) -> str:
    return f"Figure {name}" if name.isdigit() else f"Figure '{name}'"
