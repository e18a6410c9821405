"""The benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from speed import (
    attention,
    building,
    drawing,
    exponents,
    growth,
    losses,
    scoring,
    separable,
    stages,
    starting,
    steps,
    warping,
)
from speed.figures import Result, Setting


@dataclass(frozen=True)
class Row:
    """A benchmark.

    Attributes:
        what: is compared.
        reference: with what.
        measure: how.
    """

    what: str
    reference: str
    measure: Callable[[Setting], Result]


# In the order in which they are run: those that need little memory and time first.
ROWS = {
    "start": Row("`bench --help`, `bench list`", "importing typer and rich", starting.measure),
    "scoring": Row(
        "scoring PSNR + SSIM + IE + FRC", "scikit-image and numpy, image by image", scoring.measure
    ),
    "warping": Row(
        "flow projection, adaptive warping", "scatter; grid_sample for each tap", warping.measure
    ),
    "predict": Row("predict stage", "the bare loop over the same batches", stages.measure_predict),
    "loading": Row("data loading while training", "cached batches", stages.measure_loading),
    "build": Row(
        "building triplets", "match_template + match_histograms in a loop", building.measure
    ),
    "tiles": Row("tiles drawn from large slices", "from 4,000 x 4,000", drawing.measure),
    "loss": Row(
        "loss of a training step, `ls`", "four images, gradients everywhere", losses.measure
    ),
    **{
        f"step-{method}": Row(
            f"training step, {method}", "contiguous NCHW", partial(steps.measure, method)
        )
        for method in ("ssan", "sepconv", "dain")
    },
    **{
        f"limit-{method}": Row(
            f"training step, {method}",
            "the machine's rate on its convolutions",
            partial(steps.measure_limit, method),
        )
        for method in ("ssan", "sepconv", "dain")
    },
    "exponent": Row("cost over image side", "exponent of the operation count", exponents.measure),
    "memory": Row("peak memory of each stage, 10 x triplets", "1 x triplets", growth.measure),
    "fused": Row(
        "attention-aware layer, fused", "itself, explicit softmax", attention.measure_fused
    ),
    "separable": Row(
        "separable operation, 51 taps", "`unfold` + einsum in torch", separable.measure
    ),
    **{
        name: Row(
            f"attention-aware layer, fused{words}",
            "explicit one-level SSA, P = 8",
            partial(attention.measure_layer, backward=backward),
        )
        for name, words, backward in (
            ("attention", "", False),
            ("attention-backward", ", with backward", True),
        )
    },
}
