"""The digests of a triplet file: of a triplet, of all that a result depends on, of every byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.files import canonical_json
from bench.volumes.formats.stack import Resolution


def triplet_digest(
    frames: NDArray[np.uint8], labels: NDArray[np.uint64] | None
) -> NDArray[np.uint8]:
    """SHA-256 of one triplet, as 32 bytes."""
    digest = hashlib.sha256(frames.tobytes())
    if labels is not None:
        digest.update(labels.astype("<u8").tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def labels_digest(labels: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """SHA-256 of the labels of one triplet's neighbours (2HW), as 32 bytes."""
    return np.frombuffer(hashlib.sha256(labels.astype("<u8").tobytes()).digest(), dtype=np.uint8)


def neighbours_digest(digests: NDArray[np.uint8]) -> str:
    """SHA-256 over the digests (N x 32) of the labels of all neighbours.

    They are no part of the fingerprint: what was learned from a dataset of before they were
    stored was learned from this one.
    """
    return hashlib.sha256(digests.tobytes()).hexdigest()


def fingerprint(
    keys: pd.DataFrame,
    digests: NDArray[np.uint8],
    options: dict[str, Any],
    voxel_size: Resolution | None,
    missing: dict[str, list[int]],
) -> str:
    """SHA-256 over all that a result can depend on.

    Args:
        keys: a row for each triplet.
        digests: of the triplets, N x 32.
        options: of the build as they are stored; an older version stored fewer.
        voxel_size: in nm (z, y, x).
        missing: the missing z of each volume that lacks any; where none does, not a word of it.
    """
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


def digest_path(path: Path) -> Path:
    """Where the SHA-256 of a whole triplet file stands."""
    return path.with_name(f"{path.name}.sha256")


def stored_digest(path: Path) -> str | None:
    """The SHA-256 that a whole triplet file had when it was written; None where it is missing."""
    beside = digest_path(path)
    if not beside.exists():
        return None
    return beside.read_text(encoding="utf-8", errors="replace").split(" ")[0]
