"""What the default phantom is held against: the SNEMI3D AC4 volume of mouse cortex.

Kasthuri et al., Cell 2015, doi 10.1016/j.cell.2015.06.054 (Lichtman lab): 100 slices of
1024 x 1024 pixels, 6 x 6 x 30 nm. The numbers below were measured on the whole volume as it
is, without any matching of brightness, on its 16 tiles of 256 x 256 pixels in every slice.
"""

from __future__ import annotations

from typing import NamedTuple


class VolumeStatistics(NamedTuple):
    """Statistics that a synthetic volume can share with a real one.

    Attributes:
        quantiles: grey levels at 1/64, 3/64, ..., 63/64 of the pixels; the mean distance
            between two such rows is the Wasserstein distance of the histograms.
        frc_10: mean of `bench.scores.metrics.frc_10` over neighbouring slices.
        frc_25: mean of `bench.scores.metrics.frc_25` over neighbouring slices.
        spectrum_slope: slope of log power against log frequency, fitted to the rings between
            0.02 and 0.3 cycles per pixel of the mean power spectrum under a Hann window.
    """

    quantiles: tuple[int, ...]
    frc_10: float
    frc_25: float
    spectrum_slope: float


# fmt: off
SNEMI3D_AC4 = VolumeStatistics(
    quantiles=(
        12, 38, 55, 66, 75, 82, 89, 94, 100, 105, 110, 114, 119, 123, 127, 131,
        135, 139, 142, 146, 150, 153, 157, 161, 165, 169, 174, 179, 185, 193, 204, 227,
    ),
    frc_10=0.406,
    frc_25=0.187,
    spectrum_slope=-2.90,
)
# fmt: on
