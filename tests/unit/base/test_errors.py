"""What a user reads has to reach the process of the run from whichever worker raised it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from bench.base.errors import DamagedError, UserError
from bench.run.resume import MissingError
from bench.store.weights import UnsafeFormatError
from bench.triplets.frames_and_tensors import NotFiniteError

RAISED = [
    UserError("a sentence"),
    NotFiniteError("a sentence"),
    UnsafeFormatError(Path("file"), "a sentence"),
    DamagedError(Path("file"), "a sentence"),
    MissingError("score", "a sentence"),
]


def kinds(root: type[Exception]) -> set[type[Exception]]:
    return {root}.union(*map(kinds, root.__subclasses__()))


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_after_a_journey(error: UserError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_every_kind_of_error_has_travelled() -> None:
    ours = {kind for kind in kinds(UserError) if kind.__module__.startswith("bench")}
    assert ours == set(map(type, RAISED))
