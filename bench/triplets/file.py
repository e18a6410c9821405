"""The triplets of a dataset on disk; see ``layout`` for what stands where in the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bench.base.closing import Closing
from bench.base.errors import UserError
from bench.triplets.dataset_paths import anew
from bench.triplets.gap import positions, times_of
from bench.triplets.layout import (
    SCHEMA,
    is_as_written,
    read_doubts,
    read_header,
    read_keys,
    read_neighbours,
)
from bench.triplets.leakage import measured_leakage
from bench.triplets.split import SPLITS
from bench.volumes.label_ids import known_pixels


class TripletFile(Closing):
    """The triplets of a dataset, read one at a time.

    It may be used after a fork, and pickled to other processes: each opens the file for itself.
    Opening checks the keys and digests against the fingerprint; every read checks the
    triplet's own checksum.

    Attributes:
        path: of the file.
        name: of the dataset.
        fingerprint: SHA-256 over digests of every triplet, options, voxel size and those keys
            that were not measured; it changes with any pixel and any membership.
        card: what is known of the dataset.
        options: of the build.
        tile: side of a frame in pixels.
        gap: how many slices in a row are missing; the triplets of one gap stand next to each other.
        times: how far each missing slice of a gap lies from before (0) towards after (1).
        voxel_size: in nm (z, y, x), or None where neither file nor card says; z may be None.
        volumes: what is kept of each volume.
        has_labels: whether there are labels of the middle slices.
        neighbours: digest of the neuron ids of the slices before and after; None without any,
            and in a file of before they were stored.
        doubts: a sentence for each way in which the labels look like something else than they
            are taken for, or seem to lie elsewhere.
        keys: a row for each candidate: volume, z, y, x, the neighbours' shifts and peaks,
            the values of the rejection rules, column, reason (empty: kept), split; where gaps are
            wider than one slice, also the slice's position in its gap, from 1.

    Raises:
        UserError: the file is missing, damaged, or written by a newer version.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise UserError(f"There is no {path}; `bench data build NAME` makes it.")
        self.path = path
        self.name = "NAME"
        self._file: h5py.File | None = None
        self._process = 0
        self._datasets: dict[str, h5py.Dataset] = {}
        with self._damage("It"):
            self._read_header(self._open())

    def _read_header(self, file: h5py.File) -> None:
        if int(file.attrs["schema"]) > SCHEMA:
            raise UserError(
                f"{self.path} was written by a newer version of interslice (schema "
                f"{file.attrs['schema']}, this one reads {SCHEMA}); update interslice, or build "
                "the dataset again."
            )
        self.name = str(file.attrs["name"])  # for messages, should what follows be damaged
        header = read_header(file)
        self.card, self.options = header.card, header.options
        self.voxel_size, self.volumes = header.voxel_size, header.volumes
        self.tile = int(file.attrs["tile"])
        self.gap, self.times = self.options.gap, times_of(self.options.gap)
        self.fingerprint = str(file.attrs["fingerprint"])
        self.has_labels = "labels" in file
        self.neighbours = read_neighbours(file)
        self.doubts = read_doubts(file)
        self.keys = read_keys(file["keys"])
        if not is_as_written(file, header, self.keys):
            raise ValueError("its keys do not fit its fingerprint")

    def __len__(self) -> int:
        return len(self.keys)

    def position(self, index: int) -> int:
        """Which missing slice of its gap a triplet's middle is, from 1."""
        return int(self._positions[index])

    def time(self, index: int) -> float:
        """How far a triplet's middle lies from before (0) towards after (1)."""
        return self.times[self.position(index) - 1]

    @cached_property
    def _positions(self) -> NDArray[np.int64]:
        return np.asarray(positions(self.keys), np.int64)

    def indices(self, split: str, *, rejected: bool = False) -> NDArray[np.intp]:
        """The triplets of a split in file order.

        Args:
            split: ``train``, ``validation``, ``test`` or ``gap``.
            rejected: whether to return the rejected ones too.
        """
        chosen = self.keys["split"] == split
        if not rejected:
            chosen &= self.keys["reason"] == ""
        return np.flatnonzero(chosen.to_numpy())

    def frames(self, index: int) -> NDArray[np.uint8]:
        """The frames of a triplet, 3HW: before, middle, after.

        Raises:
            UserError: they are damaged.
        """
        with self._damage(f"Triplet {index}"):
            frames: NDArray[np.uint8] = self._dataset("frames")[index]
        return frames

    def labels(self, index: int) -> NDArray[np.uint64] | None:
        """The labels of a triplet's middle slice, HW, 2^64 - 1 where unlabelled; None without any.

        Raises:
            UserError: they are damaged.
        """
        if not self.has_labels:
            return None
        with self._damage(f"The labels of triplet {index}"):
            labels: NDArray[np.uint64] = self._dataset("labels")[index]
        return labels

    def neighbour_labels(self, index: int) -> NDArray[np.uint64] | None:
        """The neuron ids of a triplet's slices before and after, 2HW, each pixel as in its frame.

        2^64 - 1 where unlabelled; None where the file has none.

        Raises:
            UserError: they are damaged.
        """
        if self.neighbours is None:
            return None
        with self._damage(f"The neighbours' labels of triplet {index}"):
            labels: NDArray[np.uint64] = self._dataset("neighbour_labels")[index]
        return labels

    @cached_property
    def labelled(self) -> NDArray[np.int64]:
        """How many pixels of each triplet's middle slice are labelled.

        Raises:
            UserError: they are damaged.
        """
        with self._damage("It"):
            file = self._open()
            if "labelled" in file:
                stored: NDArray[np.int64] = file["labelled"][()]
                return stored
        # Of a file that was built before they were stored.
        every = (self.labels(index) for index in range(len(self)))
        return np.array([0 if ids is None else known_pixels(ids, self.card) for ids in every])

    def grey_counts(self) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
        """Of each volume that was read whole: its name, its step, its grey counts.

        Counts are z x region x 256, with z counted from where the volume begins.

        Raises:
            UserError: they are damaged.
        """
        if self.options.tiles is not None:
            return
        with self._damage("A histogram"):
            stored = self._open()["histograms"]
            every = [
                (v.name, self.options.every, stored[v.name]["counts"][()]) for v in self.volumes
            ]
        yield from every

    def facts(self) -> dict[str, Any]:
        """What a record keeps of its dataset, for tables and footnotes."""
        return {
            "title": self.card.title,
            "credit": self.card.credit,
            "licence": self.card.licence,
            "fingerprint": self.fingerprint,
            "generated": self.card.generated,
            "tile": self.tile,
            "voxel_size": self.voxel_size,
            "split": self.options.split,
            "align": self.options.align,
            "leakage": self.leakage(),
            "labels": self.has_labels,
            "doubts": self.doubts,
            "triplets": {split: len(self.indices(split)) for split in SPLITS},
        }

    def leakage(self) -> float:
        """Share of test triplets that share a pixel with a training or validation triplet."""
        return measured_leakage(self.keys, self.tile, self.options.every, self.gap)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def __reduce__(self) -> tuple[type[TripletFile], tuple[Path]]:
        return TripletFile, (self.path,)

    def _open(self) -> h5py.File:
        # A handle that was open before a fork shares its file position with the parent's.
        if self._file is None or self._process != os.getpid():
            self._file = h5py.File(self.path, "r")
            self._process = os.getpid()
            self._datasets = {}
        return self._file

    def _dataset(self, name: str) -> h5py.Dataset:
        """A dataset, looked up once: a look-up takes a quarter of the time of a read."""
        file = self._open()
        if name not in self._datasets:
            self._datasets[name] = file[name]
        return self._datasets[name]

    @contextmanager
    def _damage(self, what: str) -> Iterator[None]:
        try:
            yield
        except (UserError, IndexError):
            raise
        # A damaged HDF5 file raises nearly anything, depending on the byte.
        except Exception as error:
            self.close()
            if isinstance(error, OSError) and error.strerror:  # the system's words, not HDF5's
                raise UserError(
                    f"{self.path} cannot be read ({error.strerror}); mend that first."
                ) from error
            raise UserError(
                f"{what} is damaged in {self.path} ({_first_line(error)}); repeat "
                f"{anew(self.name)}."
            ) from error


def readable(path: Path) -> TripletFile | None:
    """Open a file if its keys and options are whole; None if they are damaged."""
    try:
        return TripletFile(path)
    except UserError:
        return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
