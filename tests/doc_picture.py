"""How the pictures of the documentation are saved: small files, readable where they are shown."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

MOST = 400_000  # bytes


def save(figure: Figure, credit: str, target: Path, dpi: int = 110) -> None:
    """Write a figure with its credit line as a PNG of 256 colours.

    Raises:
        SystemExit: it would be larger than the documentation wants a picture to be.
    """
    figure.supxlabel(credit, fontsize=7, color="#555555", x=0.99, ha="right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    picture = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(target, optimize=True)
    if target.stat().st_size > MOST:
        raise SystemExit(f"{target} has {target.stat().st_size:,} bytes, more than {MOST:,}.")
