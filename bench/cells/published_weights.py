"""Published weights of a method become a file like those of our own trainings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.cells.registry import load_method
from bench.store.published import read_published
from bench.store.weights import save_weights

SUFFIX = ".safetensors"


def import_published(name: str, source: Path, target: Path) -> dict[str, Any]:
    """Write the weights of a published file for one of our methods.

    Args:
        name: of the method.
        source: the published file.
        target: the file to write; it names the options of the network, so that it fits in every
            preset.

    Returns:
        The facts that the file holds: method, options, name and SHA-256 of the source.

    Raises:
        UserError: the target is there already, or does not end in .safetensors; the source cannot
            be read, or is not of the method.
    """
    if target.suffix != SUFFIX:
        raise UserError(
            f"{target} will be a safetensors file; name it {target.with_suffix(SUFFIX)} with --out."
        )
    if target.exists():
        raise UserError(f"{target} is there already; name another file with --out.")
    method = load_method(name)
    tensors = read_published(source)
    try:
        network = method.from_published(tensors)
    except ValueError as error:
        raise UserError(f"{source} cannot be imported for '{name}': {error}.") from error
    facts = {
        "method": name,
        "options": dataclasses.asdict(network.options),
        "source": source.name,
        "source_sha256": file_digest(source),
    }
    save_weights(target, network, facts)
    return facts
