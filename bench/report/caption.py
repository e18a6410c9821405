"""What every table says of itself: preset, seeds, training, how it departs from the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.report.remarks import departures_of, training_note
from bench.report.selection import Selection
from bench.report.table import Aside
from bench.scores.cautions import seeds_caution
from bench.scores.departures import first_look
from bench.scores.measurement import Measurement, every_seed
from bench.store.records import NONE

EMPHASIS = "Best bold, second underlined, by unrounded values."


def caption(
    selection: Selection,
    title: str,
    measurements: Mapping[str, Sequence[Measurement]],
    *more: str,
    ranked: bool = True,
) -> tuple[str, ...]:
    """The sentences of a caption; the first is the title and says when little was computed.

    Args:
        selection: what the report is about.
        title: of the table.
        measurements: of the rows on each dataset.
        more: what else has to be said.
        ranked: whether the best are marked.
    """
    every = [each for rows in measurements.values() for each in rows if each.count]
    trained = [each for each in every if any(entry.trained for entry in each.entries)]
    seeds = every_seed(every)
    sentences = [_title(selection.preset if trained else NONE, title)]
    entries = [entry for each in trained for entry in each.entries]
    if trained:
        length = training_note(selection.preset, entries)
        said = f"Networks: preset `{selection.preset}`, {length}, {_seeds(seeds)}."
        cautions = filter(None, [seeds_caution(seeds), departures_of(entries)])
        sentences += map(Aside, [said, *cautions])
    counts = [
        f"{dataset} {max((each.count for each in rows), default=0)}"
        for dataset, rows in measurements.items()
    ]
    sentences.append(f"Test triplets: {', '.join(counts)}.")
    folds = sorted({entry.cell.fold for each in every for entry in each.entries})
    if len(folds) > 1:
        sentences.append(f"Over folds {', '.join(map(str, folds))}.")
    return (*sentences, *more, *([EMPHASIS] if ranked else []))


def _title(preset: str, title: str) -> str:
    said = first_look(preset)
    return f"{title} ({said})." if said else f"{title}."


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    names = ", ".join(map(str, seeds))
    return (
        f"seeds {names} (a triplet's scores are averaged over those of its row, and how much these "
        "trainings differ is in every interval)"
    )
