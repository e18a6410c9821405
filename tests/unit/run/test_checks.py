"""What a run refuses before any of its cells is computed."""

import pytest

from bench.base.errors import UserError
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.run.checks import check_options


def check(**words: object) -> None:
    config = RunConfig.model_validate({"dataset": "phantom", "losses": "l1"} | words)
    check_options(plan(config), config)


def test_a_micro_batch_has_no_more_crops_than_a_step() -> None:
    with pytest.raises(UserError) as refused:
        check(methods="sepconv", micro_batch=3)
    assert str(refused.value) == (
        "--micro-batch 3 is more than the 2 crops of a training step of preset 'quick'; give "
        "fewer, or leave --micro-batch out."
    )
    check(methods="sepconv", micro_batch=2)
    check(methods="sepconv", micro_batch=3, preset="paper")
    check(methods="average", micro_batch=3)  # nothing is trained


def test_a_method_that_couples_the_crops_of_a_step_is_named() -> None:
    with pytest.raises(UserError) as refused:
        check(methods="sepconv,ssan[norm=syncbn]", micro_batch=1)
    assert str(refused.value) == (
        "--micro-batch 1 does not go with ssan[norm=syncbn]: its batch normalisation couples the 2 "
        "crops of a step; leave --micro-batch out, or give it norm=none."
    )
    check(methods="ssan[norm=syncbn]", micro_batch=2)
    check(methods="ssan", micro_batch=1)
