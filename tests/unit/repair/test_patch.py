"""A damaged place: what it is filled with, and that nothing of the damage comes through."""

from __future__ import annotations

import numpy as np
import torch
from conftest import moving_texture

from bench.repair.patch import carried_on, patched
from methods.classical import Average

SIDE = 192
CPU = torch.device("cpu")


def disc(y: int, x: int, radius: int) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def test_tissue_that_has_moved_is_found_where_it_went() -> None:
    """Neighbours shifted apart and of another brightness still give the tissue under the damage."""
    wide = moving_texture(1, SIDE + 16)[0].astype(np.float64)
    truth = wide[8 : 8 + SIDE, 8 : 8 + SIDE]
    before = 0.8 * wide[5 : 5 + SIDE, 8 : 8 + SIDE] + 10
    after = 0.8 * wide[11 : 11 + SIDE, 8 : 8 + SIDE] + 40
    mask = disc(96, 96, 24)
    here = np.where(mask, 255, truth).astype(np.uint8)
    neighbours = (before.astype(np.uint8), after.astype(np.uint8))
    grey = 255 * patched(here, neighbours, mask, 0.5, Average().eval(), CPU).grey
    error = np.abs(grey - truth)[mask].mean()
    unmoved = np.abs((before + after) / 2 - truth)[mask].mean()
    assert error < 4
    assert error < unmoved / 3


def test_nothing_of_the_damage_comes_through() -> None:
    """Whatever the damaged pixels show, what they are filled with is the same."""
    before, truth, after = moving_texture(3, SIDE)
    mask = disc(60, 120, 20)
    filled = [
        patched(np.where(mask, grey, truth), (before, after), mask, 0.5, Average().eval(), CPU).grey
        for grey in (np.uint8(0), np.uint8(255))
    ]
    np.testing.assert_array_equal(filled[0][mask], filled[1][mask])


def test_the_seam_has_no_step() -> None:
    """A slice that is brighter on one side is filled as bright as it is on each side."""
    truth = moving_texture(1, SIDE)[0].astype(np.float64) / 2
    ramp = np.linspace(0, 80, SIDE)[None]
    here, same = truth + ramp, truth.astype(np.uint8)
    mask = disc(96, 96, 30)
    bright = np.where(mask, 0, here).astype(np.uint8)
    grey = 255 * patched(bright, (same, same), mask, 0.5, Average().eval(), CPU).grey
    rim = mask & ~disc(96, 96, 28)
    left, right = rim & (ramp < 40), rim & (ramp >= 40)
    for side in (left, right):
        assert abs((grey - here)[side].mean()) < 3


def test_what_is_known_is_carried_on() -> None:
    values = np.full((SIDE, SIDE, 2), (3.0, -2.0), np.float32)
    known = ~disc(96, 96, 70)
    values[~known] = 99
    np.testing.assert_allclose(
        carried_on(values, known), np.broadcast_to((3.0, -2.0), values.shape), atol=1e-4
    )
    slope = np.broadcast_to(np.arange(SIDE, dtype=np.float32), (SIDE, SIDE)).copy()
    known = np.ones((SIDE, SIDE), np.bool_)
    known[90:100, 90:100] = False
    assert np.abs(carried_on(np.where(known, slope, 0), known) - slope).max() < 6
