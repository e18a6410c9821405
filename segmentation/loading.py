"""A trained segmenter from its file, and what it says of a slice.

torch is imported by whoever loads one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from segmentation.network import MembraneNetwork
    from segmentation.scores import Thresholds


def load(weights: str | Path) -> tuple[MembraneNetwork, Thresholds]:
    """Read a segmenter that a run has trained.

    Args:
        weights: safetensors file, ``weights.safetensors`` of a folder ``segmenter-...`` below
            ``results/runs``.

    Returns:
        The network, in evaluation mode on the CPU, and the probabilities above which a pixel is
        membrane: ``thresholds.mask`` for lines, ``thresholds.seeds`` for segments.

    Raises:
        ValueError: the file holds no segmenter.
        FileNotFoundError: there is no such file.
    """
    from pydantic import ValidationError
    from safetensors import SafetensorError, safe_open

    from segmentation.networks import from_facts
    from segmentation.scores import Thresholds

    if not Path(weights).is_file():
        raise FileNotFoundError(f"There is no file of weights {weights}; check the path.")
    try:
        with safe_open(weights, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            network = from_facts(facts)
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        mask = float(facts["threshold"])
        # Before seeds had a threshold of their own, it was the mask's.
        return network.eval(), Thresholds(mask, float(facts.get("seed_threshold", mask)))
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValidationError) as error:
        raise ValueError(
            f"{weights} holds no segmenter; give the weights.safetensors of a segmenter's folder."
        ) from error


def membrane_probability(network: MembraneNetwork, grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How likely each pixel of a slice is membrane.

    Args:
        network: as ``load`` returns it.
        grey: uint8 HW of any size.

    Returns:
        float32 HW, in [0, 1].

    Raises:
        ValueError: the slice is not uint8 HW, or the network returned NaN or infinity.
    """
    import numpy as np

    from segmentation.training import probability

    if grey.ndim != 2 or grey.dtype != "uint8":
        raise ValueError(f"Give a uint8 slice HW, not {grey.dtype} {grey.shape}.")
    found = probability(network, grey, next(network.parameters()).device)
    if not np.isfinite(found).all():
        raise ValueError(f"The network returned NaN or infinity for a slice {grey.shape}.")
    return found
