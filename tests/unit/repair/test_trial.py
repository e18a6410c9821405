"""What is tried before a repair fills, and what it says of the part that a network learned from."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from conftest import moving_texture

from bench.base.progress import silent
from bench.cells.variants import parse_variant
from bench.repair.choose import Filler
from bench.repair.each import each_here
from bench.repair.evidence import Evidence
from bench.repair.fill import Filling, Manner
from bench.repair.gauge import everywhere
from bench.repair.hidden import places
from bench.repair.refusal import Difference
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
