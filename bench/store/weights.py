"""Weights and checkpoints as safetensors: numbers and text, never code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.base.errors import DamagedError, UserError
from bench.base.files import atomic_path, file_digest

_DIGEST = "digest"  # among the facts
_PICKLES = (b"PK\x03\x04", b"\x80")  # how a file of `torch.save` begins: a zip, or a bare pickle


class UnsafeFormatError(DamagedError):
    """A file of weights is a pickle, which can name code: no code of a file is executed."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and a few facts atomically, with a digest over both."""
    from safetensors.torch import save_file

    # safetensors stores plain rows; channels_last lives in the strides alone.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    sealed = dict(facts) | {_DIGEST: _digest(plain, facts)}
    with atomic_path(path) as temporary:
        # One entry: safetensors writes several in any order, and the same weights have to give
        # the same bytes.
        save_file(plain, temporary, metadata={"facts": json.dumps(sealed)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote.

    Raises:
        UnsafeFormatError: the file is a pickle.
        DamagedError: it is not as it was written, or of another format.
        UserError: it is missing, or may not be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        # As bytes: safetensors opens no file whose name is not UTF-8.
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The weights {path.absolute()} cannot be read: {error.strerror}."
        ) from error
    try:
        tensors = load(content)
        facts = json.loads(_metadata(content).get("facts", "{}"))
    except (SafetensorError, ValueError) as error:
        if content.startswith(_PICKLES):
            raise UnsafeFormatError(
                path, f"{path} is a pickle, which is never executed here; give a .safetensors file."
            ) from error
        raise DamagedError(path, f"The weights {path} cannot be read: {error}.") from error
    # Files of other programs, and of before there was a digest, have none.
    digest = facts.pop(_DIGEST, None)
    if digest is not None and digest != _digest(tensors, facts):
        raise DamagedError(path, f"The weights {path} are not as they were written.")
    return tensors, facts


def tensors_digest(path: Path) -> str:
    """SHA-256 of the tensors alone: that of a copy is the same, whatever else its file says.

    Raises:
        UserError: as ``load_tensors``.
    """
    return _digest(load_tensors(path)[0], {})


def check_unchanged(path: Path, digest: str) -> None:
    """Refuse a file that is no longer the one whose digest is in the keys of what it makes.

    Args:
        path: of it.
        digest: SHA-256 of the whole file, as it was when the keys were formed.

    Raises:
        UserError: it is another one.
    """
    if file_digest(path) != digest:
        raise UserError(f"{path} has changed since the run began; repeat the command.")


def _metadata(content: bytes) -> dict[str, str]:
    """What a safetensors file says beside its tensors; its header's length comes first."""
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return found


def _digest(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(dict(facts)).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write a module's parameters and buffers."""
    save_tensors(path, model.state_dict(), facts)


def load_weights(path: Path, model: nn.Module) -> None:
    """Put stored weights into a module of the same layout."""
    tensors, _ = load_tensors(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"The weights {path} do not fit the method they are for.") from error


def left_out(model: nn.Module) -> list[str]:
    """Names of attributes that hold layers or tensors which ``state_dict`` does not know.

    A list or a dict of layers hides them; so does a tensor that is no parameter and no buffer.
    """
    known = {id(part) for part in model.modules()}
    known |= {id(tensor) for tensor in model.state_dict(keep_vars=True).values()}
    own = vars(nn.Module()).keys()  # where torch keeps what it knows
    return [
        f"{path}.{name}" if path else name
        for path, part in model.named_modules()
        for name, value in vars(part).items()
        if name not in own
        if any(id(each) not in known for each in _learnable(value))
    ]


def _learnable(value: object) -> Iterator[nn.Module | Tensor]:
    """Layers and tensors in an attribute, at whatever depth of lists and dicts."""
    if isinstance(value, nn.Module | Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from (found for each in value.values() for found in _learnable(each))
    elif isinstance(value, list | tuple | set):
        yield from (found for each in value for found in _learnable(each))
