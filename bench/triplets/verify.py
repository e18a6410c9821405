"""What is wrong with a triplet file, and which triplet it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.triplets.digests import digest_path, labels_digest, stored_digest, triplet_digest
from bench.triplets.file import TripletFile


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
        of_neighbours = source["neighbour_digests"][()] if file.neighbours else digests
    for index, key in enumerate(file.keys.itertuples()):
        where = f"Triplet {index} ({key.volume}, z {key.z}, y {key.y}, x {key.x})"
        try:
            found = triplet_digest(file.frames(index), file.labels(index))
            ids = file.neighbour_labels(index)
        except UserError:
            yield f"{where} is damaged."
            continue
        sound = np.array_equal(found, digests[index])
        if ids is not None:
            sound = sound and np.array_equal(labels_digest(ids), of_neighbours[index])
        if not sound:
            yield f"{where} is not as it was written."
