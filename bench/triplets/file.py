"""The triplets of a dataset on disk: reading, checking and describing ``triplets.h5``.

Layout, schema 1: ``frames`` (uint8, N x 3 x tile x tile) and, where the volume has labels,
``labels`` of the middle slice (uint64, N x tile x tile), both in chunks of one triplet with
a checksum each, and how many pixels of each are ``labelled``; ``digests`` (SHA-256 of each
triplet's frames and labels); one dataset for each column of ``keys``; for each volume the grey
counts and tables of its slices; and as attributes the card, the options, what is doubted of the
labels, and the fingerprint.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import canonical_json, file_digest
from bench.triplets.dataset_paths import anew
from bench.triplets.labelled_slices import label_rows
from bench.triplets.reject import REASONS, upsampled
from bench.triplets.split import SPLITS, measured_leakage, split_words
from bench.triplets.tile_coverage import poor_coverage
from bench.volumes.formats.stack import Resolution
from bench.volumes.formats.voxel_size import doubt_size
from bench.volumes.formats.voxel_size import words as size_words
from bench.volumes.holes import missing_by_volume
from bench.volumes.label_ids import known_pixels
from bench.volumes.remarks import told
from bench.volumes.tissue import padding_words

SCHEMA = 1


def digest_path(path: Path) -> Path:
    """Where the SHA-256 of a whole triplet file stands."""
    return path.with_name(f"{path.name}.sha256")


def stored_digest(path: Path) -> str | None:
    """The SHA-256 that a whole triplet file had when it was written; None where it is missing."""
    beside = digest_path(path)
    if not beside.exists():
        return None
    return beside.read_text(encoding="utf-8", errors="replace").split(" ")[0]


class TripletFile:
    """The triplets of a dataset, read one at a time.

    May be used after a fork and pickled to other processes: each opens the file for itself.
    Opening checks the keys and digests against the fingerprint; every read checks the
    triplet's own checksum.

    Attributes:
        path: of the file.
        name: of the dataset.
        fingerprint: SHA-256 over keys, digests of every triplet, options and voxel size;
            it changes with any pixel and any membership.
        card: what is known of the dataset.
        options: of the build.
        tile: side of a frame in pixels.
        voxel_size: in nm (z, y, x), or None where neither file nor card says; z may be None.
        has_labels: whether there are labels of the middle slices.
        doubts: a sentence for each way in which the labels look like something else than they
            are taken for, or seem to lie elsewhere.
        keys: a row for each candidate: volume, z, y, x, the neighbours' shifts and peaks,
            the values of the rejection rules, column, reason (empty: kept), split.

    Raises:
        UserError: missing, damaged, or written by a newer version.
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
        self.name = str(file.attrs["name"])
        self.fingerprint = str(file.attrs["fingerprint"])
        self.card: dict[str, Any] = json.loads(file.attrs["card"])
        self.options: dict[str, Any] = json.loads(file.attrs["options"])
        self.tile = int(file.attrs["tile"])
        size = json.loads(file.attrs["voxel_size"])
        self.voxel_size: Resolution | None = tuple(size) if size else None
        self.has_labels = "labels" in file
        self.doubts: list[str] = json.loads(file.attrs.get("doubts", "[]"))
        self.volumes: list[dict[str, Any]] = json.loads(file.attrs["volumes"])
        self.keys = _read_keys(file["keys"])
        found = fingerprint(
            self.keys, file["digests"][()], self.options, self.voxel_size,
            missing_by_volume(self.volumes),
        )  # fmt: skip
        if found != self.fingerprint:
            raise ValueError("its keys do not fit its fingerprint")

    def __len__(self) -> int:
        return len(self.keys)

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

    def facts(self) -> dict[str, Any]:
        """What a record keeps of its dataset, for tables and footnotes."""
        return {
            "title": self.card["title"],
            "credit": self.card["credit"],
            "licence": self.card["licence"],
            "fingerprint": self.fingerprint,
            "generated": self.card.get("phantom") is not None,
            "tile": self.tile,
            "voxel_size": self.voxel_size,
            "split": self.options["split"],
            "align": self.options["align"],
            "leakage": self.leakage(),
            "labels": self.has_labels,
            "doubts": self.doubts,
            "triplets": {split: len(self.indices(split)) for split in SPLITS},
        }

    def leakage(self) -> float:
        """Share of test triplets that share a pixel with a training or validation triplet."""
        return measured_leakage(self.keys, self.tile)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        """By its name; to look that up takes a quarter as long as to read a triplet."""
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


def leakage_between(training: TripletFile, test: TripletFile) -> float:
    """Share of one file's test triplets that share a pixel with what another one learns from.

    Volumes are told by their content, so that a file under another name is still the same.
    """
    parts = []
    for file, splits in ((training, ("train", "validation")), (test, ("test",))):
        contents = {volume["name"]: volume["sha256"] for volume in file.volumes}
        keys = file.keys[file.keys["split"].isin(splits)]
        parts.append(keys.assign(volume=keys["volume"].map(contents), tile=file.tile))
    both = pd.concat(parts, ignore_index=True)
    return measured_leakage(both, both["tile"])


def fingerprint(
    keys: pd.DataFrame,
    digests: NDArray[np.uint8],
    options: dict[str, Any],
    voxel_size: Resolution | None,
    missing: dict[str, list[int]] | None = None,
) -> str:
    """SHA-256 over all that a result can depend on; no word of missing slices where none is."""
    facts = [options, voxel_size, *([missing] if missing else [])]
    digest = hashlib.sha256(canonical_json(facts).encode())
    for name in sorted(keys.columns):
        values = keys[name]
        digest.update(name.encode())
        if pd.api.types.is_string_dtype(values):
            digest.update("\0".join(values).encode())
        else:
            kind = "<f8" if pd.api.types.is_float_dtype(values) else "<i8"
            digest.update(values.to_numpy().astype(kind).tobytes())
    digest.update(digests.tobytes())
    return digest.hexdigest()


def triplet_digest(
    frames: NDArray[np.uint8], labels: NDArray[np.uint64] | None
) -> NDArray[np.uint8]:
    """SHA-256 of one triplet, as 32 bytes."""
    digest = hashlib.sha256(frames.tobytes())
    if labels is not None:
        digest.update(labels.astype("<u8").tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def verify(path: Path) -> list[str]:
    """What is wrong with a triplet file, down to the triplet where that can be told.

    Any byte that differs from what was written is found by the digest of the whole file.

    Returns:
        One sentence for each problem; none for a sound file.
    """
    beside = digest_path(path)
    try:
        written = stored_digest(path)
        found = file_digest(path)
    except OSError as error:
        return [f"{error.filename} cannot be read ({error.strerror}); mend that first."]
    if written is None:
        problems = [f"{beside} is missing, so {path.name} cannot be compared to it."]
    elif found == written:
        return []
    else:
        problems = [f"{path} is not as it was written: its SHA-256 is not the one in {beside}."]
    try:
        with TripletFile(path) as file:
            problems += _damaged_triplets(file)
    except UserError as error:
        problems.append(str(error))
    return problems


def _damaged_triplets(file: TripletFile) -> Iterator[str]:
    with h5py.File(file.path, "r") as source:
        digests = source["digests"][()]
    for index, key in enumerate(file.keys.itertuples()):
        where = f"Triplet {index} ({key.volume}, z {key.z}, y {key.y}, x {key.x})"
        try:
            found = triplet_digest(file.frames(index), file.labels(index))
        except UserError:
            yield f"{where} is damaged."
            continue
        if not np.array_equal(found, digests[index]):
            yield f"{where} is not as it was written."


def describe(file: TripletFile) -> list[tuple[str, str]]:
    """What a triplet file holds, as rows of a table."""
    keys, options = file.keys, file.options
    shapes = [volume["shape"] for volume in file.volumes]
    kept = int((keys["reason"] == "").sum())
    rows = [
        ("dataset", f"{file.name}: {file.card['title']}"),
        ("file", str(file.path)),
        *(("volume", f"{v['name']}, {' x '.join(map(str, v['shape']))}") for v in file.volumes),
        *(("note", note) for volume in file.volumes for note in volume.get("notes", ())),
        ("voxel size", _voxel_size(file)),
        *(("caution", words) for words in [doubt_size(file.voxel_size)] if words),
        ("tile, stride", f"{options['tile']}, {options['stride']} px"),
        *told(file.volumes),
        *(("coverage", line) for line in poor_coverage(shapes, options)),
        *(("no tissue", line) for line in _no_tissue(file)),
        ("alignment", _alignment(keys, options)),
        ("histogram", options["histogram"]),
        ("labels", _labels(file)),
        ("candidates", f"{len(keys)}, of which {kept} are kept"),
    ]
    if caution := upsampled(keys["reason"]):
        rows.append(("caution", caution))
    rows += [(f"rejected: {name}", str(int((keys["reason"] == name).sum()))) for name in REASONS]
    words = split_words(options["split"], options["split_axis"], options["fold"])
    rows.append(("split", words))
    for name in SPLITS:
        every = int((keys["split"] == name).sum())
        rows.append((name, f"{len(file.indices(name))} ({every} with rejected ones)"))
    rows += label_rows(file)
    rows.append(("leakage", f"{100 * file.leakage():.1f} % of test triplets"))
    rows += [(name, file.card[name]) for name in ("source", "licence", "credit") if file.card[name]]
    return [*rows, ("fingerprint", file.fingerprint)]


def _no_tissue(file: TripletFile) -> Iterator[str]:
    for volume in file.volumes:
        slices = volume["shape"][0] - len(volume.get("missing", []))
        yield from padding_words(volume.get("padding", {}), slices)


def _voxel_size(file: TripletFile) -> str:
    if file.voxel_size is None:
        return "not known, as no file says it; --voxel-size Z,Y,X does"
    return f"{size_words(file.voxel_size)} nm (z, y, x)"


def _labels(file: TripletFile) -> str:
    if not file.has_labels:
        return "none"
    kind = str(file.card["label_kind"])
    return f"{kind}, 0 = {file.card['label_zero']}" if kind == "ids" else kind


def _alignment(keys: pd.DataFrame, options: dict[str, Any]) -> str:
    if not options["align"]:
        return "none"
    shifts = keys[[name for name in keys.columns if name.startswith("shift_")]].to_numpy()
    return f"largest shift {np.abs(shifts).max()} px of {options['search']} searched"


def _read_keys(group: h5py.Group) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name in json.loads(group.attrs["order"]):
        values = group[name]
        columns[name] = values.asstr()[()] if values.dtype.kind == "O" else values[()]
    return pd.DataFrame(columns)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
