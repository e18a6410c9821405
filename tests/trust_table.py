"""How far error maps, expected scores and refusals are to be trusted: docs/explanation/trust.md.

python tests/trust_table.py errors --dataset NAME --data DIR --methods dis ssan[weights=PATH]
python tests/trust_table.py gaps --source VOLUME
python tests/trust_table.py membranes --dataset NAME --data DIR --table membranes.parquet
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from planted import blur

from bench.cells.variants import parse_variant
from bench.repair.disagreement import moved
from bench.repair.error_map import ErrorModel, Features, features, sample
from bench.repair.expected import expected_score
from bench.repair.judged import judged
from bench.repair.refusal import Difference, difference, refusal
from bench.repair.slices import Tone
from bench.scores.metrics import frc_10, psnr
from bench.scores.triplet_table import kept
from bench.stages.predict import predict_frame
from bench.store.weights import load_weights
from bench.triplets.align import Aligner
from bench.triplets.file import TripletFile
from bench.volumes.sources import open_volume
from methods.interface import Interpolator

SCORES = {"psnr": psnr, "frc_10": frc_10}
APART = (3, 4, 5, 10)  # slices from one neighbour to the other
BLURS = (1.5, 2, 4)  # pixels: of one neighbour
HIDDEN = (10, 18, 40)  # slices that are hidden at once
_SEARCH = 24  # pixels
_EACH = 12  # gaps of a kind
_DRAWS = 200  # of hidden slices
_SMOOTHED = 4.0  # pixels: of the error that ranks are compared with, beside that of each pixel
_PIXELS = 5_000  # of a slice

Slice = np.ndarray


def method(words: str) -> Interpolator:
    """A method as the command line of ``bench run`` has it: ``dis``, ``ssan[weights=PATH]``."""
    variant = parse_variant(words, "overnight")
    model = variant.build()
    if variant.weights is not None:
        load_weights(variant.weights, model)
    return model.eval()


class Filled(NamedTuple):
    """A hidden slice: what tells its error, how it was filled, what it is, and its numbers."""

    told: Features
    frame: Slice
    truth: Slice
    row: dict[str, float]


def error_rows(file: TripletFile, model: Interpolator) -> Iterator[str]:
    """Error maps and expected scores of the test split, learned from the validation split."""
    hidden, test = (list(filled(file, model, split)) for split in ("validation", "test"))
    learned = ErrorModel.fit(sample(each.told, each.frame, each.truth) for each in hidden)
    for name, part in (("validation", hidden), ("test", test)):
        maps = [learned.expected(each.told) for each in part]
        for each, expected in zip(part, maps, strict=True):
            each.row["expected"] = float(expected.mean())
        yield f"{name}: {_map_row(part, maps)}"
    known, gaps = (_by_slice(each.row for each in part) for part in (hidden, test))
    yield from _score_rows(known, gaps)
    refused = [words for _, row in gaps.iterrows() if (words := _refusal(row, known))]
    yield f"refused: {len(refused)} of {len(gaps)} {refused}"
    yield f"weights: {', '.join(f'{n} {w:.3f}' for n, w in learned.weights.items())}"


def filled(file: TripletFile, model: Interpolator, split: str) -> Iterator[Filled]:
    """The triplets of a split, filled, and scored."""
    for index in file.indices(split):
        before, truth, after = frames = file.frames(int(index))
        frame = predict_frame(model, frames, torch.device("cpu"))
        neighbours = moved(before, after)
        told = features(before, frame, after, neighbours)
        scores = {name: score(frame, truth) for name, score in SCORES.items()}
        differs = difference(before, after, neighbours)._asdict()
        yield Filled(told, frame, truth, {"z": file.keys.loc[index, "z"], **differs, **scores})


def _map_row(part: Sequence[Filled], maps: Sequence[Slice]) -> str:
    draw = np.random.default_rng(0)
    parts = []
    for each, expected in zip(part, maps, strict=True):
        error = cv2.absdiff(each.frame, each.truth).astype(np.float32)
        smooth = cv2.GaussianBlur(error, (0, 0), _SMOOTHED)
        chosen = draw.choice(error.size, min(_PIXELS, error.size), replace=False)
        parts.append([values.ravel()[chosen] for values in (expected, error, smooth)])
    expected, error, smooth = (np.concatenate(each) for each in zip(*parts, strict=True))
    tenth = (pd.Series(expected).rank(method="first", pct=True) * 10 - 1e-9).astype(int)
    ratio = [expected[tenth == n].mean() / error[tenth == n].mean() for n in range(10)]
    mean = [expected[tenth == n].mean() for n in (0, 9)]
    shown, worst, patches = (v >= np.quantile(v, 0.9) for v in (expected, error, smooth))
    pairs = (expected, error), (expected, smooth), (smooth, error)
    ranks = [pd.Series(one).corr(pd.Series(other), method="spearman") for one, other in pairs]
    return (
        f"error {error.mean():.2f} expected {expected.mean():.2f} (deciles {mean[0]:.1f} to "
        f"{mean[1]:.1f}); over actual by deciles {' '.join(f'{each:.2f}' for each in ratio)}; "
        f"Spearman {ranks[0]:.2f}, with the smoothed error {ranks[1]:.2f}, of that with the error "
        f"{ranks[2]:.2f}; of the worst tenth in the map's {shown[worst].mean():.2f}, of the worst "
        f"tenth smoothed {shown[patches].mean():.2f}; share of the error in the map's tenth "
        f"{_share(error, shown):.3f}, in the worst {_share(error, worst):.3f}"
    )


def _share(error: Slice, chosen: Slice) -> float:
    return error[chosen].sum() / error.sum()


def _by_slice(rows: Iterable[dict[str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows).groupby("z").mean()


def _score_rows(hidden: pd.DataFrame, gaps: pd.DataFrame) -> Iterator[str]:
    for score, by in product(SCORES, ("unlikeness", "expected")):
        held, widths = _coverage(hidden, gaps, score, by)
        every = pd.concat([hidden, gaps])
        yield (
            f"{score} by {by}: {len(hidden)} hidden, {len(gaps)} gaps, held {np.mean(held):.2f}, "
            f"width {np.mean(widths):.3f}, correlation "
            f"{np.corrcoef(np.log(every[by]), every[score])[0, 1]:.2f}, deviation of the scores "
            f"{gaps[score].std():.3f}"
        )


def _coverage(
    hidden: pd.DataFrame, gaps: pd.DataFrame, score: str, by: str
) -> tuple[list[bool], list[float]]:
    held, widths = list[bool](), list[float]()
    for _, gap in gaps.iterrows():
        told = expected_score(gap[by], hidden[by].tolist(), hidden[score].tolist())
        assert told is not None
        held.append(told.low <= gap[score] <= told.high)
        widths.append(told.high - told.low)
    return held, widths


def membrane_rows(file: TripletFile, table: Path) -> Iterator[str]:
    """Coverage of Dice and carried in a stored table of the test split, of draws of its slices."""
    gaps = judged(kept(pd.read_parquet(table)), file)
    by_slice = pd.DataFrame([{**each.scores, **each.difference._asdict()} for each in gaps])
    draw = np.random.default_rng(0)
    for score in (each for each in ("dice", "carried") if by_slice[each].notna().all()):
        held, widths = list[bool](), list[float]()
        for _ in range(_DRAWS):
            order = draw.permutation(by_slice.index)
            known, unknown = by_slice.loc[order[:12]], by_slice.loc[order[12:]]
            more = _coverage(known, unknown, score, "unlikeness")
            held += more[0]
            widths += more[1]
        yield (
            f"{score}: 12 of {len(by_slice)} hidden, held {np.mean(held):.2f}, width "
            f"{np.mean(widths):.3f}, deviation of the scores {by_slice[score].std():.3f}"
        )


def hidden_slices(grey: Sequence[Slice]) -> pd.DataFrame:
    """A row for each slice that is hidden and filled by the average, and by the plain flow.

    Brightness and contrast are matched, as in a repair.
    """
    aligner = Aligner(*grey[0].shape, _SEARCH)
    rows = []
    for z in range(1, len(grey) - 1):
        truth, before, after = _toned(*_on(aligner, grey[z], grey[z - 1], grey[z + 1]))
        neighbours = moved(before, after)
        fills = {
            "average": (before.astype(np.float32) + after) / 2,
            "dis": (neighbours.before + neighbours.after) / 2,
        }
        row = {"z": z, **difference(before, after, neighbours)._asdict()}
        for name, filled in fills.items():
            frame = np.rint(filled).astype(np.uint8)
            row |= {f"{name} {word}": score(frame, truth) for word, score in SCORES.items()}
        rows.append(row)
    return pd.DataFrame(rows).set_index("z")


def planted_gaps(grey: Sequence[Slice]) -> pd.DataFrame:
    """A row for each gap of too many slices, of unrelated neighbours, or of which one is soft."""
    aligner = Aligner(*grey[0].shape, _SEARCH)
    rows = []

    def add(kind: str, z: int, before: Slice, after: Slice) -> None:
        differs = difference(before, after, moved(before, after))
        rows.append({"kind": kind, "z": z, **differs._asdict()})

    for z in np.unique(np.linspace(0, len(grey) - 3, _EACH).astype(int)).tolist():
        for apart in (each for each in APART if z + each < len(grey)):
            add(f"{apart} slices apart", z, *_on(aligner, grey[z], grey[z + apart]))
        before, after = _on(aligner, grey[z], grey[z + 2])
        add("unrelated", z, before, after[::-1, ::-1].copy())
        for width in BLURS:
            soft = blur(after, np.random.default_rng(z), width).grey
            add(f"one blurred, {width:g} px", z, before, soft)
    return pd.DataFrame(rows)


def gap_rows(hidden: pd.DataFrame, planted: pd.DataFrame) -> Iterator[str]:
    """Coverage of the intervals and refusals, of many draws of hidden slices."""
    draw = np.random.default_rng(0)
    for count in (each for each in HIDDEN if each < len(hidden)):
        told = {f"{name} {word}": ([], []) for name in ("average", "dis") for word in SCORES}
        sound, kinds = list[bool](), {kind: list[bool]() for kind in planted["kind"].unique()}
        for _ in range(_DRAWS):
            order = draw.permutation(hidden.index)
            known, gaps = hidden.loc[order[:count]], hidden.loc[order[count : count + 5]]
            for score, (held, widths) in told.items():
                more = _coverage(known, gaps, score, "unlikeness")
                held += more[0]
                widths += more[1]
            sound += [bool(_refusal(gap, known)) for _, gap in gaps.iterrows()]
            for _, gap in planted.iterrows():
                kinds[gap["kind"]].append(bool(_refusal(gap, known)))
        for score, (held, widths) in told.items():
            yield f"{count} hidden: {score}: held {np.mean(held):.2f}, width {np.mean(widths):.3f}"
        yield f"{count} hidden: sound gaps refused: {np.mean(sound):.3f}"
        for kind, refused in kinds.items():
            yield f"{count} hidden: {kind}: refused {np.mean(refused):.2f}"


def _refusal(gap: pd.Series, hidden: pd.DataFrame) -> str:
    seen = [Difference(*each) for each in hidden[["unlikeness", "detail"]].to_numpy()]
    return refusal(Difference(gap["unlikeness"], gap["detail"]), seen)


def _on(aligner: Aligner, first: Slice, *others: Slice) -> list[Slice]:
    """The first slice and others shifted on to it, less a rim of the largest shift."""
    height, width = first.shape
    rim = aligner.search

    def cut(grey: Slice, y: int, x: int) -> Slice:
        return grey[rim + y : height - rim + y, rim + x : width - rim + x].copy()

    matches = [aligner.match(aligner.prepare(first), aligner.prepare(each)) for each in others]
    return [cut(first, 0, 0), *(cut(g, m.y, m.x) for g, m in zip(others, matches, strict=True))]


def _toned(hidden: Slice, before: Slice, after: Slice) -> list[Slice]:
    """All three as bright, and with as much contrast, as lies between the neighbours."""
    slices = hidden, before, after
    tones = [Tone(float(grey.mean()), float(grey.std())) for grey in slices]
    between = tones[1].towards(tones[2], 0.5)
    mapped = (tone.mapped(grey, between) for tone, grey in zip(tones, slices, strict=True))
    return [np.rint(255 * grey).astype(np.uint8) for grey in mapped]


def main() -> None:
    """Print the rows of one dataset or volume."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("what", choices=["errors", "gaps", "membranes"])
    words.add_argument("--dataset")
    words.add_argument("--data", type=Path)
    words.add_argument("--methods", nargs="+", default=["average", "dis"])
    words.add_argument("--source")
    words.add_argument("--table", type=Path)
    told = words.parse_args()
    for row in _rows(told):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def _rows(told: argparse.Namespace) -> Iterator[str]:
    if told.what == "gaps":
        with open_volume(told.source) as volume:
            grey = [volume.slice(z) for z in range(volume.shape[0])]
        yield from gap_rows(hidden_slices(grey), planted_gaps(grey))
        return
    file = TripletFile(told.data / told.dataset / "fold0" / "triplets.h5")
    if told.what == "membranes":
        yield from membrane_rows(file, told.table)
        return
    for words in told.methods:
        for row in error_rows(file, method(words)):
            yield f"{words.partition('[')[0]}: {row}"


if __name__ == "__main__":
    main()
