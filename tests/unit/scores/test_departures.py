"""Where a training is not the paper's is said, of every preset and wherever its names stand."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.scores.departures import Trained, departures, provisional, told
from bench.stages.keys import Inputs
from bench.stages.pipeline import keys

PRINT = "epsilon 0.001 and means, as in their code (printed: 1e-06 and sums)"
LOWPASS = "a low-pass term beside the pixel term"
LATE = "features only in the last 40 % of the steps and of the central 64 pixels of a crop"
MEMBRANES = "a membrane term of weight 1 in the last 50 % of the steps"
KEPT = "weights kept by the continuous form of the style balance (the gradient of equation 15)"
SLOW = "motion learned at 0.1 of the rate once features have joined"


def config(loss: str, preset: str, method: str = "ssan", **words: Any) -> dict[str, Any]:
    """The settings that a record of such a cell keeps."""
    run = RunConfig.model_validate(
        {"methods": method, "dataset": "d", "losses": loss, "preset": preset} | words
    )
    cell = plan(run)[-1]
    features = "digest" if loss[:2] in ("lf", "ls") else None
    teacher = "digest" if loss[:2] == "lm" else None
    return keys(Inputs(cell, run, "f", features, teacher)).settings


@pytest.mark.parametrize(
    ("loss", "preset", "method", "expected"),
    [
        ("l1", "quick", "ssan", [LOWPASS, PRINT]),
        ("ls", "quick", "ssan", [LOWPASS, LATE, PRINT, KEPT]),
        ("lf", "quick", "dain", [LOWPASS, LATE, SLOW, PRINT]),
        ("ls", "medium", "dain", [PRINT, KEPT]),
        ("lm", "quick", "ssan", [LOWPASS, MEMBRANES, PRINT]),
        ("l1", "paper", "ssan", [PRINT]),
        ("ls[style=plain]", "paper", "ssan", [PRINT]),
        ("ls[epsilon=1e-6,reduction=sum]", "paper", "ssan", [KEPT]),
        ("l1[epsilon=1e-6,reduction=sum,lowpass=0]", "quick", "ssan", []),
        ("l1", "quick", "flow", []),
    ],
)
def test_what_each_preset_departs_in(
    loss: str, preset: str, method: str, expected: list[str]
) -> None:
    assert departures(config(loss, preset, method)) == expected


def test_a_training_of_before_the_absolute_form_is_told_apart() -> None:
    old, new = config("ls", "paper"), config("ls", "paper")
    del old["loss"]["revision"]
    sentence = told([Trained("ls", "ssan ls", old), Trained("ls", "dain ls", new)])
    signed = "weights kept by equation 15 as printed, which can rank the truth second"
    assert sentence == (
        f"Where the training is not that of Wang et al. 2021: {PRINT}; {signed} (ssan ls); "
        f"{KEPT} (dain ls)."
    )


def test_losses_are_named_where_not_all_depart() -> None:
    cells = [("l1", "ssan"), ("ls", "ssan"), ("ls", "dain")]
    sentence = told(Trained(loss, f"{m} {loss}", config(loss, "quick", m)) for loss, m in cells)
    assert sentence == (
        f"Where the training is not that of Wang et al. 2021: {LOWPASS}; {PRINT}; {LATE} (ls); "
        f"{KEPT} (ls); {SLOW} (dain ls)."
    )
    assert told([]) == told([Trained("l1", "old", {"preset": {"samples": 4000}})]) == ""


def test_only_a_training_of_the_papers_length_settles_a_claim() -> None:
    found = {name: provisional(config("ls", name)) for name in ("quick", "medium", "paper")}
    assert found == {"quick": True, "medium": True, "paper": False}
    assert provisional(config("ls", "paper", samples=80))
    assert not provisional(config("l1", "quick", "flow"))
