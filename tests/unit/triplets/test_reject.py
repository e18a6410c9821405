"""Rejection: each rule finds its damage, names it, and leaves sound triplets alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from bench.triplets.reject import Rules, judge, upsampled
from bench.triplets.window_measures import measure

DEPTH, SIDE = 30, 96


def continuous_stack(seed: int = 0) -> np.ndarray:
    """Slices that each keep some of the one before (correlation near 0.6), with pixel noise."""
    random = np.random.default_rng(seed)
    fresh = ndimage.gaussian_filter(random.normal(size=(DEPTH, SIDE, SIDE)), (0, 2.5, 2.5))
    fresh /= fresh.std()
    slices = [fresh[0]]
    for z in range(1, DEPTH):
        slices.append(0.75 * slices[-1] + np.sqrt(1 - 0.75**2) * fresh[z])
    grey = 128 + 35 * np.stack(slices) + random.normal(scale=10, size=fresh.shape)
    return np.clip(np.rint(grey), 1, 254).astype(np.uint8)


def verdicts(stack: np.ndarray, rules: Rules | None = None) -> pd.DataFrame:
    rows = [
        {"volume": "v", "column": 0, "z": z, **measure(stack[z - 1 : z + 2])}
        for z in range(1, len(stack) - 1)
    ]
    return judge(pd.DataFrame(rows), rules or Rules()).set_index("z")


def reasons(stack: np.ndarray) -> dict[int, str]:
    reason = verdicts(stack)["reason"]
    return reason[reason != ""].to_dict()


@pytest.mark.parametrize("seed", range(4))
def test_a_sound_stack_is_kept_whole(seed: int) -> None:
    assert reasons(continuous_stack(seed)) == {}


@pytest.mark.parametrize("damage", ["blank", "white", "stripe", "saturated"])
def test_defects(damage: str) -> None:
    stack = continuous_stack()
    if damage == "blank":
        stack[12] = 90
    elif damage == "white":
        stack[12] = 255
    elif damage == "stripe":
        stack[12, :20] = 0
    else:
        stack[12] = np.clip((stack[12].astype(int) - 128) * 4 + 128, 0, 255)
    assert reasons(stack) == dict.fromkeys((11, 12, 13), "defect")


def test_a_copied_slice_is_a_duplicate() -> None:
    stack = continuous_stack()
    noise = np.random.default_rng(1).normal(scale=6, size=(SIDE, SIDE))
    stack[13] = np.clip(np.rint(0.7 * stack[12] + 30 + noise), 1, 254)  # fainter and noisier
    found = reasons(stack)
    assert found[12] == found[13] == "duplicate"


def test_lost_slices_break_continuity() -> None:
    whole = continuous_stack()
    found = reasons(np.concatenate([whole[:12], whole[20:]]))
    assert found == dict.fromkeys((11, 12), "continuity")


def test_correlation_below_the_floor_is_refused_however_usual_it_is() -> None:
    unrelated = np.random.default_rng(0).integers(1, 255, (12, 64, 64), dtype=np.uint8)
    assert set(verdicts(unrelated)["reason"]) == {"continuity"}
    assert set(verdicts(unrelated, Rules(floor=-1, blur=99))["reason"]) == {""}


def test_a_blurred_slice_is_found_and_a_fainter_or_darker_one_is_not() -> None:
    stack = continuous_stack()
    fainter = stack.copy()
    fainter[12] = 0.5 * stack[12] + 10
    assert reasons(fainter) == {}
    stack[12] = np.rint(ndimage.gaussian_filter(stack[12].astype(float), 2))
    assert reasons(stack) == dict.fromkeys((11, 12, 13), "blur")


def test_columns_are_judged_by_their_own_continuity() -> None:
    """A column that is always less continuous is not rejected for it."""
    stack = continuous_stack()
    noise = np.random.default_rng(2).normal(scale=40, size=stack.shape)
    noisy = np.clip(stack + noise, 1, 254).astype(np.uint8)
    rows = [
        {"volume": "v", "column": column, "z": z, **measure(of[z - 1 : z + 2])}
        for column, of in enumerate((stack, noisy))
        for z in range(1, DEPTH - 1)
    ]
    table = judge(pd.DataFrame(rows), Rules())
    medians = table.groupby("column")["ncc_before"].median()
    assert medians[0] > 1.5 * medians[1]
    assert (table["reason"] == "").all()


def test_measured_values_have_closed_forms() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    half = ramp.copy()
    half[:32] = 200
    found = measure(np.stack([half, ramp, 255 - ramp]))
    assert found["defect"] == 0.5
    assert found["ncc_after"] == -1.0
    # On a ramp, neighbouring 2 px blocks (sums of 4 pixels) differ by 8, 8 px blocks by 512.
    detail = (32 * 31 * 8**2) / (8 * 7 * 512**2)
    step = np.array([2.0, 8.0])
    fine, coarse = (
        (n // 2) * (n - 1) * (s**3) ** 2
        + ((s**2 * 200 - s**2 * (np.arange(n) * s + (s - 1) / 2)) ** 2).sum()
        for s, n in zip(step, (32, 8), strict=True)
    )
    ratio = (fine / coarse) / detail
    assert found["blur"] == pytest.approx(max(ratio, 1 / ratio), rel=1e-12)
    assert measure(np.stack([ramp, ramp, np.full_like(ramp, 9)]))["blur"] == np.inf


def test_a_copy_in_a_stack_too_short_to_tell_what_is_usual_is_a_duplicate_still() -> None:
    stack = continuous_stack()[:5]
    stack[3] = stack[2]
    assert reasons(stack) == {2: "duplicate", 3: "duplicate"}


def test_three_triplets_of_uneven_steps_are_kept() -> None:
    """Their better neighbours lie far above a spread that nothing but three values tells."""
    whole = continuous_stack()
    uneven = np.stack([whole[10], whole[12], whole[13], whole[16], whole[17]])
    found = verdicts(uneven)
    assert (found["reason"] == "").all()
    assert (found["duplicate"] == 0).all()


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_a_slice_filled_by_mixing_its_neighbours_is_a_blend(share: float) -> None:
    stack = continuous_stack()
    stack[12] = share * stack[11].astype(float) + (1 - share) * stack[13]
    found = verdicts(stack)
    assert found.loc[12, "reason"] == "blend"
    assert found.loc[12, "blend"] < 0.05
    assert found["blend"].drop([11, 12, 13]).min() > 0.9
    fainter = (stack // 2 + 20).astype(np.uint8)
    assert reasons(fainter)[12] == "blend"  # whatever was done to the contrast


def test_what_neighbours_do_not_foretell_has_a_closed_form() -> None:
    """Of the sum of three equal noises one neighbour leaves two over, and both leave one."""
    before, own, after = np.random.default_rng(0).integers(0, 80, (3, 256, 256))
    found = measure(np.stack([before, before + own + after, after]).astype(np.uint8))
    assert found["blend"] == pytest.approx(0.5, abs=0.02)
    assert measure(np.full((3, 16, 16), 7, np.uint8))["blend"] == 1.0


def test_upsampled_volumes_are_named() -> None:
    slices = continuous_stack().astype(float)[:14]
    between = (slices[:-1] + slices[1:]) / 2
    stack = np.rint(np.stack([slices[:-1], between], 1).reshape(-1, SIDE, SIDE)).astype(np.uint8)
    found = verdicts(stack)["reason"]
    assert (found[found.index % 2 == 1] == "blend").all()
    assert "upsampled along z" in upsampled(found)
    assert upsampled(verdicts(continuous_stack())["reason"]) == ""


def test_without_tissue_no_rule_is_moved() -> None:
    """What is outside the tissue changes nothing but the share of it."""
    stack = continuous_stack()[:3]
    tissue = np.ones(stack.shape, np.bool_)
    tissue[:, :8] = False
    padded = np.where(tissue, stack, np.uint8(0))
    found, expected = measure(padded, tissue), measure(stack[:, 8:])
    assert found.pop("padding") == pytest.approx(8 / SIDE)
    assert expected.pop("padding") == 0
    assert found == pytest.approx(expected, rel=1e-12)


def test_padding_that_differs_between_slices_is_refused_and_a_dead_column_is_not() -> None:
    stack, tissue = continuous_stack()[:3], np.ones((3, SIDE, SIDE), np.bool_)
    tissue[:, :, 40:43] = False
    dead = measure(stack, tissue)
    tissue[0, :1] = False
    uneven = measure(stack, tissue)
    assert dead["uneven"] == 0
    assert uneven["uneven"] == pytest.approx((SIDE - 3) / SIDE**2)
    table = pd.DataFrame([{"volume": "v", "column": 0, "z": 1, **row} for row in (dead, uneven)])
    assert judge(table, Rules())["reason"].tolist() == ["", "padding"]


def test_thresholds_can_be_set() -> None:
    stack = continuous_stack()
    stack[12] = np.rint(ndimage.gaussian_filter(stack[12].astype(float), 2))
    assert (verdicts(stack, Rules(blur=100))["reason"] != "blur").all()
