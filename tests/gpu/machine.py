"""The card and the machine that it is in."""

from __future__ import annotations

import subprocess
from typing import Any

import torch

from bench.base.provenance import compute_provenance, provenance


def why_not() -> str | None:
    """Why nothing can be measured here, in a sentence; None where it can."""
    if torch.version.cuda is None:
        return (
            f"Nothing was measured, because torch {torch.__version__} is built without CUDA; "
            "install a build with CUDA where there is a card, and repeat `make gpu`."
        )
    if not torch.cuda.is_available():
        return (
            f"Nothing was measured, because torch {torch.__version__} sees no CUDA device here; "
            "repeat `make gpu` on a machine where `nvidia-smi` lists a card."
        )
    return None


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures depend on: card, driver, versions, processor, commit."""
    facts = provenance() | compute_provenance(device)
    if device.type != "cuda":
        return facts
    return facts | {
        "gpu_memory_gib": round(torch.cuda.get_device_properties(device).total_memory / 2**30, 1),
        "driver": ask_driver("driver_version", device),
        "cudnn": torch.backends.cudnn.version(),
    }


def ask_driver(field: str, device: torch.device) -> str | None:
    """A field of ``nvidia-smi --help-query-gpu``; None where there is no such program."""
    index = torch.cuda.current_device() if device.index is None else device.index
    # Of the card as torch sees it: CUDA_VISIBLE_DEVICES may hide or reorder cards.
    card = f"GPU-{torch.cuda.get_device_properties(index).uuid}"
    words = ["nvidia-smi", f"--id={card}", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
