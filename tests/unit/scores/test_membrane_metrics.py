import numpy as np
import pandas as pd
import pytest

from bench.scores.membranes import (
    MEMBRANE_METRICS,
    boundary_f1,
    labelled,
    membrane_means,
    pixel_dice,
    pooled_ratio,
    with_membrane_metrics,
)

COUNTS = [
    "true_positive", "false_positive", "false_negative", "boundary_hits_predicted",
    "boundary_predicted", "boundary_hits_true", "boundary_true",
]  # fmt: skip


def table(*rows: tuple[int, ...]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=COUNTS)
    return found.assign(reason="", dice=0.5, voi_split=1.0, voi_merge=2.0, adapted_rand_error=0.25)


def test_pooled_scores_are_ratios_of_sums() -> None:
    two = table((10, 5, 5, 8, 10, 6, 10), (90, 5, 15, 72, 90, 54, 60))
    # P = 80 / 100, R = 60 / 70; pixels 2 x 100 of 2 x 100 + 10 + 20.
    precision, recall = 0.8, 60 / 70
    f1 = 2 * precision * recall / (precision + recall)
    assert boundary_f1(two).mean() == pytest.approx(f1)
    assert pixel_dice(two).mean() == pytest.approx(200 / 230)


@pytest.mark.parametrize("score", [boundary_f1, pixel_dice])
def test_linearised_values_are_influences(score) -> None:  # type: ignore[no-untyped-def]
    """Their spread is that of the pooled score over resamples of the triplets."""
    random = np.random.default_rng(0)
    size = random.integers(50, 150, 400)
    parts = [random.binomial(size, share) for share in (0.6, 0.2, 0.3)]
    lines = [random.binomial(size, 0.7), size, random.binomial(size, 0.8), size]
    frames = table(*zip(*parts, *lines, strict=True))
    values = score(frames)
    expected = values.std() / np.sqrt(len(values))
    resampled = [
        score(frames.iloc[random.integers(0, len(frames), len(frames))]).mean() for _ in range(400)
    ]
    assert np.std(resampled) == pytest.approx(expected, rel=0.15)


def test_nothing_against_nothing_is_perfect_and_no_hits_are_zero() -> None:
    assert boundary_f1(table((0, 0, 0, 0, 0, 0, 0))).tolist() == [1.0]
    assert pixel_dice(table((0, 0, 0, 0, 0, 0, 0))).tolist() == [1.0]
    assert boundary_f1(table((0, 4, 4, 0, 9, 0, 9))).tolist() == [0.0]
    assert boundary_f1(table((0, 4, 4, 0, 9, 0, 0))).tolist() == [0.0]


def test_rejected_and_unlabelled_triplets_do_not_count() -> None:
    three = table((10, 0, 0, 1, 1, 1, 1), (1, 9, 9, 0, 1, 0, 1), (0, 0, 0, 0, 0, 0, 0))
    three["reason"] = ["", "blur", ""]
    three["dice"] = [1.0, 0.1, np.nan]
    assert labelled(three).index.tolist() == [0]
    assert membrane_means(three)["dice"] == 1.0
    assert membrane_means(three.iloc[1:])["boundary_f1"] is None


def test_carried_is_a_ratio_of_sums_and_absent_where_nobody_counted() -> None:
    frames = table((10, 5, 5, 8, 10, 6, 10), (90, 5, 15, 72, 90, 54, 60), (1, 0, 0, 1, 1, 1, 1))
    assert set(membrane_means(frames)).isdisjoint(("carried", "carried_area"))
    counted = frames.assign(
        neurites=[10, 2, 0], neurites_carried=[9, 0, 0], neurites_wrong=[1, 1, 0],
        neurites_lost=[0, 1, 0], neurite_pixels=[100, 900, 0], neurite_pixels_carried=[95, 0, 0],
    )  # fmt: skip
    means = membrane_means(counted)
    assert means["carried"] == pytest.approx(9 / 12)
    assert means["wrong_neurite"] == pytest.approx(2 / 12)
    assert means["lost"] == pytest.approx(1 / 12)
    assert means["carried_area"] == pytest.approx(95 / 1000)
    assert list(MEMBRANE_METRICS)[:4] == ["carried", "carried_area", "wrong_neurite", "lost"]
    # The triplet without a neurite has no say; all of them without one have no ratio.
    values = with_membrane_metrics(counted)["carried"]
    assert values.iloc[2] == pytest.approx(means["carried"])
    assert membrane_means(counted.iloc[2:])["carried"] is None
    assert np.isnan(pooled_ratio(np.zeros(2), np.zeros(2))).all()


def test_the_values_of_a_pooled_ratio_are_influences() -> None:
    """Their spread is that of the ratio over resamples of the triplets."""
    random = np.random.default_rng(0)
    whole = random.integers(5, 60, 400).astype(float)
    part = random.binomial(whole.astype(int), random.uniform(0.5, 0.9, 400)).astype(float)
    values = pooled_ratio(part, whole)
    assert values.mean() == pytest.approx(part.sum() / whole.sum())
    draws = random.integers(0, 400, (400, 400))
    resampled = part[draws].sum(axis=1) / whole[draws].sum(axis=1)
    assert resampled.std() == pytest.approx(values.std() / 20, rel=0.15)
