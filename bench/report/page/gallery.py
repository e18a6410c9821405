"""What the viewer of the page shows: the triplets of each cell, their scores and pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np

from bench.base.errors import UserError
from bench.report.page.command import command
from bench.report.page.leaderboard import Leaderboard, leaders
from bench.report.page.pictures import CROP, LIMITS, SHOWN, Album, Frame, Quality, listing
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.notation import finite
from bench.scores.results import Results
from bench.scores.skill import null_of, triplet_gains
from bench.triplets.file import TripletFile

Real = dict[Quality, dict[int, list[int]]]  # places of before, truth, after by triplet


@dataclass
class Shown:
    """A cell in the viewer.

    Attributes:
        entry: the cell.
        ranked: what its triplets are ranked by: ``gain`` over the null in PSNR, or ``psnr``.
        triplets: a row for each, the median, worst and best first, with ``triplet``, ``label``,
            scores and the place of its picture under its quality.
    """

    entry: Entry
    ranked: str
    triplets: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Gallery:
    """What the viewer shows.

    Attributes:
        cells: those with scores, in the order of the leaderboard.
        opens: the cell that is shown first, by dataset.
        real: places of the real slices' pictures, by dataset.
        pictures: base64 by quality.
        problems: a sentence for every frame that could not be read.
    """

    cells: list[Shown]
    opens: dict[str, Entry]
    real: dict[str, Real]
    pictures: dict[Quality, list[str]]
    problems: list[str]

    def data(self, results: Results) -> dict[str, Any]:
        """The gallery as the page's script reads it."""
        return {
            "crop": CROP,
            "opens": {dataset: entry.folder.name for dataset, entry in self.opens.items()},
            "datasets": {name: self._dataset(name, results) for name in results.datasets},
            "cells": [_cell(cell) for cell in self.cells],
            "pictures": self.pictures,
        }

    def _dataset(self, name: str, results: Results) -> dict[str, Any]:
        facts = results.select(dataset=name)[0].dataset
        words = {"title": facts.title, "credit": facts.credit, "tile": facts.tile}
        return words | {"real": self.real.get(name, {"crop": {}, "preview": {}})}


def gallery(results: Results, board: Leaderboard) -> Gallery:
    """Choose and read the pictures of every dataset that is at hand."""
    cells = [_shown(row.entry, results) for row in board.rows]
    albums = [Album("crop"), Album("preview")]
    problems: list[str] = []
    real = {}
    for name, file in results.files.items():
        for album in albums:
            album.open(LIMITS[album.quality] // len(results.files))
        among = [cell for cell in cells if _belongs(cell.entry, file)]
        real[name] = _take_pictures(among, file, albums, problems)
    pictures = {album.quality: album.pictures for album in albums}
    return Gallery(cells, leaders(board), real, pictures, problems)


def detail(entry: Entry) -> str:
    """What tells apart cells of one title: fold, and preset and seed of a trained one."""
    cell = entry.cell
    if not entry.trained:
        return f"fold {cell.fold}"
    return f"{cell.preset}, fold {cell.fold}, seed {cell.seed}"


def _shown(entry: Entry, results: Results) -> Shown:
    table = entry.scores
    if table is None:
        raise ValueError(f"{entry.folder} has no scores to show.")
    gain = np.full(len(table), math.nan)
    null = null_of(entry, results.entries)
    if null is not None:
        with np.errstate(invalid="ignore"):
            gain = triplet_gains(entry, null, "psnr").to_numpy()
    cell = Shown(entry, "psnr" if null is None else "gain")
    for position, label in listing(table["psnr"].to_numpy() if null is None else gain):
        row = table.iloc[position]
        cell.triplets.append(
            {
                "triplet": int(row["triplet"]),
                "place": f"{row['volume']}, z {row['z']}, y {row['y']}, x {row['x']}",
                "label": label,
                "gain": _rounded(gain[position], METRICS["psnr"].digits),
            }
            | {name: _rounded(row[name], METRICS[name].digits) for name in ("psnr", "ssim", "ie")}
        )
    return cell


def _take_pictures(
    cells: list[Shown], file: TripletFile, albums: list[Album], problems: list[str]
) -> Real:
    real: Real = {"crop": {}, "preview": {}}
    for album in albums:
        order = _crops(cells) if album.quality == "crop" else _previews(cells)
        for cell, row in order:
            if "crop" in row:
                continue
            triplet = row["triplet"]
            try:
                own = album.add(
                    (cell.entry.folder.name, triplet), partial(_own, cell.entry, triplet)
                )
                slices = album.add((file.fingerprint, triplet), partial(_real, file, triplet))
            except UserError as error:
                if str(error) not in problems:
                    problems.append(str(error))
                continue
            if own and slices:
                real[album.quality][triplet] = slices
                row[album.quality] = own[0]
    return real


def _crops(cells: list[Shown]) -> Iterator[tuple[Shown, dict[str, Any]]]:
    """First each cell's own median, worst and best; then the other cells on the same triplets."""
    chosen: dict[int, None] = {}
    for label in SHOWN:
        for cell in cells:
            for row in cell.triplets:
                if row["label"] == label:
                    chosen[row["triplet"]] = None
                    yield cell, row
    for triplet in chosen:
        for cell in cells:
            for row in cell.triplets:
                if row["triplet"] == triplet:
                    yield cell, row


def _previews(cells: list[Shown]) -> Iterator[tuple[Shown, dict[str, Any]]]:
    for rows in zip_longest(*(cell.triplets for cell in cells)):
        for cell, row in zip(cells, rows, strict=True):
            if row is not None:
                yield cell, row


def _own(entry: Entry, triplet: int) -> list[Frame]:
    frame = entry.frame(triplet)
    return [] if frame is None else [frame]


def _real(file: TripletFile, triplet: int) -> list[Frame]:
    return list(file.frames(triplet))


def _belongs(entry: Entry, file: TripletFile) -> bool:
    return entry.dataset.fingerprint == file.fingerprint


def _cell(cell: Shown) -> dict[str, Any]:
    return {
        "id": cell.entry.folder.name,
        "dataset": cell.entry.cell.dataset,
        "title": cell.entry.title,
        "detail": detail(cell.entry),
        "command": command(cell.entry),
        "ranked": cell.ranked,
        "triplets": cell.triplets,
    }


def _rounded(value: float, digits: int) -> float | None:
    number = finite(value)
    return None if number is None else round(number, digits)
