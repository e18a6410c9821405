"""What a triplet file holds, for a reader."""

from __future__ import annotations

import numpy as np

from bench.triplets.file import TripletFile
from bench.triplets.gap import gap_rows
from bench.triplets.labelled_slices import label_rows
from bench.triplets.reject import REASONS, upsampled
from bench.triplets.split import SPLITS, split_words
from bench.triplets.tile_coverage import drawn_words, poor_coverage
from bench.volumes.facts_in_words import told
from bench.volumes.formats.voxel_size import doubt_size
from bench.volumes.formats.voxel_size import words as size_words

Rows = list[tuple[str, str]]


def describe(file: TripletFile) -> Rows:
    """What a triplet file holds, as rows of a table."""
    return [
        *_origin(file),
        *_preparation(file),
        *_counts(file),
        *label_rows(file),
        ("leakage", f"{100 * file.leakage():.1f} % of test triplets"),
        *_credits(file),
        ("fingerprint", file.fingerprint),
    ]


def _origin(file: TripletFile) -> Rows:
    return [
        ("dataset", f"{file.name}: {file.card.title}"),
        ("file", str(file.path)),
        *(("volume", f"{v.name}, {' x '.join(map(str, v.shape))}") for v in file.volumes),
        *(("note", note) for volume in file.volumes for note in volume.notes),
        ("voxel size", _voxel_size(file)),
        *(("caution", words) for words in [doubt_size(file.voxel_size)] if words),
    ]


def _drawn(file: TripletFile) -> list[str]:
    return drawn_words(len(file), file.keys["column"].nunique(), file.options)


def _preparation(file: TripletFile) -> Rows:
    options = file.options
    shapes = [volume.shape for volume in file.volumes]
    return [
        ("tile, stride", f"{options.tile}, {options.stride} px"),
        *gap_rows(options.gap),
        *told(file.volumes),
        *(("drawn", line) for line in _drawn(file)),
        *(("coverage", line) for line in poor_coverage(shapes, options)),
        ("alignment", _alignment(file)),
        ("histogram", options.histogram),
        ("labels", _labels(file)),
    ]


def _counts(file: TripletFile) -> Rows:
    keys, options = file.keys, file.options
    kept = int((keys["reason"] == "").sum())
    return [
        ("candidates", f"{len(keys)}, of which {kept} are kept"),
        *(("caution", words) for words in [upsampled(keys["reason"])] if words),
        *((f"rejected: {name}", str(int((keys["reason"] == name).sum()))) for name in REASONS),
        ("split", split_words(options.split, options.split_axis, options.fold)),
        *((name, _split_count(file, name)) for name in SPLITS),
    ]


def _split_count(file: TripletFile, split: str) -> str:
    every = len(file.indices(split, rejected=True))
    return f"{len(file.indices(split))} ({every} with rejected ones)"


def _credits(file: TripletFile) -> Rows:
    card = file.card
    rows = [("source", card.source), ("licence", card.licence), ("credit", card.credit)]
    return [(name, words) for name, words in rows if words]


def _voxel_size(file: TripletFile) -> str:
    if file.voxel_size is None:
        return "not known, as no file says it; --voxel-size Z,Y,X does"
    return f"{size_words(file.voxel_size)} nm (z, y, x)"


def _labels(file: TripletFile) -> str:
    if not file.has_labels:
        return "none"
    kind = file.card.label_kind
    return f"{kind}, 0 = {file.card.label_zero}" if kind == "ids" else kind


def _alignment(file: TripletFile) -> str:
    if not file.options.align:
        return "none"
    shifts = file.keys[[name for name in file.keys.columns if name.startswith("shift_")]]
    largest = np.abs(shifts.to_numpy()).max()
    searched = file.options.search
    if file.gap > 1:
        return f"largest shift {largest} px, {searched} searched from slice to slice"
    return f"largest shift {largest} px of {searched} searched"
