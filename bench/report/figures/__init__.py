"""The figures of a report: the paper's, and those that show what the paper's do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.files import write_text
from bench.registry import unknown
from bench.report.figures import learning, panels, scores, segmentation, spectrum, training
from bench.report.figures.drawing import Drawing, caption
from bench.report.figures.style import look, save
from bench.report.figures.subject import AbsentError, Subject, subject_of
from bench.report.render_markdown import inert
from bench.report.results import Results
from bench.store import file_name

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


def draw_figures(
    results: Results, wanted: Sequence[str], folder: Path, tell: Callable[[str], None]
) -> list[Path]:
    """Draw figures of every dataset, as PDF and PNG, with their captions in ``figures.md``.

    A figure whose cells are missing, or whose files are damaged, is left out and told of.

    Args:
        results: the store.
        wanted: names of ``FIGURES``.
        folder: where the files go.
        tell: told of each figure that is left out.

    Returns:
        The files, the captions last.

    Raises:
        UserError: there is no figure of such a name.
    """
    for name in wanted:
        if name not in FIGURES:
            unknown("figure", name, list(FIGURES))
    paths: list[Path] = []
    parts, left_out = ["# Figures"], []
    with look():
        for dataset in results.datasets:
            subject = subject_of(results, dataset)
            for name in wanted:
                head = f"Figure {name}" if name.isdigit() else f"Figure '{name}'"
                try:
                    drawing = FIGURES[name].draw(subject)
                except (AbsentError, UserError) as error:
                    left_out.append(f"{head} of {dataset} is left out: {str(error).rstrip('.')}.")
                    tell(left_out[-1])
                    continue
                stem = f"{'figure' if name.isdigit() else ''}{name}-{file_name(dataset)}"
                paths += save(drawing.figure, folder / stem)
                words = caption(FIGURES[name].title, drawing, subject)
                parts += [f"![{head}, {dataset}]({stem}.png)", f"**{head}, {dataset}.** {words}"]
    if left_out:
        parts.append("\n".join(["Left out:", "", *(f"- {sentence}" for sentence in left_out)]))
    write_text(folder / CAPTIONS, inert("\n\n".join(parts)) + "\n")
    return [*paths, folder / CAPTIONS]
