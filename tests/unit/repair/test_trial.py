"""What is tried before a repair fills, and what it says of the part that a network learned from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import moving_texture

from bench.base.progress import silent
from bench.cells.variants import parse_variant
from bench.repair.each import each_here
from bench.repair.evidence import Evidence
from bench.repair.fill import Filling, Manner
from bench.repair.filler import Filler
from bench.repair.gauge import everywhere
from bench.repair.hidden import places
from bench.repair.refusal import Difference
from bench.repair.scale import Scale, together
from bench.repair.trial import Trial, learn_trust
from bench.repair.trust import Reached
from bench.store.records import NONE
from bench.volumes.stack_volume import ArrayVolume


def reached(unlikeness: float, psnr: float) -> Reached:
    return Reached(Difference(unlikeness, 1.0), {"psnr": psnr})


def test_the_gauge_and_the_gain_over_it_are_what_a_network_would_reach() -> None:
    own, there = [reached(0.1, 20), reached(0.1, 23)], [reached(0.1, 19), reached(0.1, 21)]
    anywhere = [reached(0.2, 15), reached(0.3, 14), reached(0.4, 13), reached(0.5, 12)]
    found = everywhere(own, there, anywhere)
    assert [each.scores["psnr"] for each in found] == [16, 15, 15, 14]
    assert [each.difference for each in found] == [each.difference for each in anywhere]


def test_a_promise_holds_in_the_part_that_was_not_tried(tmp_path: Path) -> None:
    """The first half is noisier; the method was tried in the second half alone."""
    grey, half = moving_texture(41, 128).astype(float), 20
    grey[:half] += np.random.default_rng(1).normal(scale=12, size=grey[:half].shape)
    volume = ArrayVolume("texture", np.clip(np.rint(grey), 0, 255).astype(np.uint8))
    spread = places(range(len(grey)), 1, volume.shape)
    own = [each for each in spread if each.gap.before >= half]
    filler = Filler(parse_variant("average", "quick"), NONE, "it was named")
    shares = {}
    for name, others in (("own", []), ("all", spread)):
        evidence = Evidence(str(tmp_path / f"{name}.tif"))
        filling = Filling(volume, {1: filler}, Manner(4, False, "cpu"), evidence)
        learn_trust(filling, 1, Trial(own, others), partial(each_here, filling), silent)
        held = list[bool]()
        for place in spread:
            if place.gap.after < half:
                seen = filling.hide(place).reached
                psnr = filling.trust(1).expected(seen.difference)["psnr"]
                held.append(psnr["low"] <= seen.scores["psnr"] <= psnr["high"])
        shares[name] = np.mean(held)
    assert shares["own"] < 0.5
    assert shares["all"] >= 0.9


def test_brightness_is_told_against_what_the_neighbours_foretell(tmp_path: Path) -> None:
    """Every slice shows the same tissue, and is lit by itself."""
    lit = np.random.default_rng(2).integers(-20, 20, 14)
    [grey] = 40 + moving_texture(1, 128).astype(float) / 2
    volume = ArrayVolume("texture", np.rint(grey + lit[:, None, None]).astype(np.uint8))
    chosen = places(range(len(lit)), 1, volume.shape)
    evidence = Evidence(str(tmp_path / "out.tif"))
    filler = Filler(parse_variant("average", "quick"), NONE, "it was named")
    filling = Filling(volume, {1: filler}, Manner(4, False, "cpu"), evidence)
    learn_trust(filling, 1, Trial(chosen, []), partial(each_here, filling), silent)
    away = sorted(abs(lit[each.z] - (lit[each.z - 1] + lit[each.z + 1]) / 2) for each in chosen)
    told = filling.trust(1).told()
    assert (told["hidden"], told["tried"]) == (12, 12)
    assert told["brightness"] == {
        "median": pytest.approx(np.median(away), abs=0.02),
        "low": None,
        "high": pytest.approx(away[11], abs=0.02),
    }
    # Once brightness is matched all is the same tissue, but for what was rounded.
    assert all(each["psnr"] > 45 for each in told["reached"].values())


@pytest.mark.parametrize(("count", "low", "high"), [(4, 1, 4), (9, None, 9), (19, None, 18)])
def test_of_few_windows_all_the_brightness_is_told(
    count: int, low: float | None, high: float
) -> None:
    scores = {"psnr": 20.0, "frc_10": 0.5}
    scales = [Scale((-1) ** n * n, scores, scores) for n in range(count, 0, -1)]
    told = together([scores] * count, scales)["brightness"]
    assert (told["median"], told["low"], told["high"]) == ((count + 1) / 2, low, high)
