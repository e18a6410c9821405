"""Filling: what tasks of one gap share, and what a repair in one process leaves alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import moving_texture

from bench.cells.variants import parse_variant
from bench.repair.error_map import ErrorModel
from bench.repair.evidence import Evidence
from bench.repair.fill import Filling, Manner, trust_name
from bench.repair.filler import Filler
from bench.repair.finding import Finding
from bench.repair.gaps import tasks_of
from bench.repair.plan import make_plan
from bench.repair.trust import Trust
from bench.store.records import NONE
from bench.volumes.stack_volume import ArrayVolume

# No slice is hidden here, and no error is looked at.
TRUST = Trust(ErrorModel(weights={}, scores=(0.0,), errors=(0.0,)), (), 0)


def test_the_slices_of_a_gap_are_filled_from_what_was_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = moving_texture(12, 96)
    volume = ArrayVolume("texture", grey, missing=(4, 5, 6))
    plan = make_plan("texture", volume, [Finding(z, "missing") for z in (4, 5, 6)], 3)
    evidence = Evidence(str(tmp_path / "out.tif"))
    evidence.vouch(trust_name(3), {}, (), TRUST.as_json())
    filler = Filler(parse_variant("average", "quick"), NONE, "it was named")
    filling = Filling(volume, {3: filler}, Manner(16, False, "cpu"), evidence)
    read, seen = ArrayVolume.slice, Counter[int]()

    def counted(self: ArrayVolume, z: int) -> np.ndarray:
        seen[z] += 1
        return read(self, z)

    monkeypatch.setattr(ArrayVolume, "slice", counted)
    records = [filling.record(task) for task in tasks_of(plan, volume)]
    assert [each.slice for each in records] == [4, 5, 6]
    assert seen == {3: 1, 7: 1}
