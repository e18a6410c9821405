"""The null against numpy's least squares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from methods.interface import Triplets
from methods.linear import Linear, LinearOptions


def _triplets(*shapes: tuple[int, int, int], seed: int = 0) -> list[Triplets]:
    random = torch.Generator().manual_seed(seed)
    return [
        Triplets(*(torch.rand(batch, 1, height, width, generator=random) for _ in range(3)))
        for batch, height, width in shapes
    ]


def _table(triplets: list[Triplets], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (one row a pixel, the constant last) and truths, gathered pixel by pixel."""
    rows, truths = [], []
    edge = window // 2
    for triplet in triplets:
        for before, middle, after in zip(
            *(frames[:, 0].numpy() for frames in triplet), strict=True
        ):
            padded = [np.pad(x.astype(float), edge, mode="edge") for x in (before, after)]
            for y, x in np.ndindex(middle.shape):
                patches = [image[y : y + window, x : x + window].ravel() for image in padded]
                rows.append(np.concatenate([*patches, [1.0]]))
                truths.append(middle[y, x])
    return np.array(rows), np.array(truths, float)


@pytest.mark.parametrize("window", [1, 3, 5])
def test_fit_equals_numpy_least_squares(window: int) -> None:
    triplets = _triplets((2, 70, 9), (1, 12, 17))
    table, truths = _table(triplets, window)
    expected = np.linalg.lstsq(table, truths, rcond=None)[0]
    method = Linear(LinearOptions(window=window))
    method.fit(iter(triplets))
    np.testing.assert_allclose(method.weight.flatten(), expected[:-1], atol=1e-6)
    np.testing.assert_allclose(method.bias, expected[-1:], atol=1e-6)
    fitted = method(triplets[1].before, triplets[1].after).middle.flatten()
    np.testing.assert_allclose(fitted, table[-12 * 17 :] @ expected, atol=1e-5)


def test_a_linear_world_is_predicted_exactly() -> None:
    (seen, unseen) = _triplets((3, 40, 40), (1, 30, 50), seed=1)

    def truth(triplet: Triplets) -> torch.Tensor:
        edges = torch.nn.functional.pad(triplet.before, (2, 2, 2, 2), mode="replicate")
        return 0.3 * edges[..., 1:-3, 4:] + 0.5 * triplet.after + 0.1

    method = Linear()
    method.fit([seen._replace(middle=truth(seen))])
    torch.testing.assert_close(method(unseen.before, unseen.after).middle, truth(unseen))


@pytest.mark.parametrize(("shift", "reached"), [(3, True), (4, False)])
def test_it_shifts_by_half_its_window_and_no_further(shift: int, reached: bool) -> None:
    """What "a linear filter of 7 x 7" can do about motion: one shift for the whole slice."""
    slices = torch.rand(2, 1, 1, 60, 60 + shift, generator=torch.Generator().manual_seed(2))

    def triplet(both: torch.Tensor) -> Triplets:
        before, after = both[..., shift:], torch.zeros_like(both[..., shift:])
        return Triplets(before, both[..., :-shift], after)

    seen, unseen = map(triplet, slices)
    method = Linear()
    method.fit([seen])
    found = method(unseen.before, unseen.after).middle[..., shift:]
    error = float((found - unseen.middle[..., shift:]).square().mean().sqrt())
    assert (error < 0.05) is reached  # white noise has a deviation of 0.29
    assert reached or error > 0.25


def test_it_follows_no_two_motions_at_once() -> None:
    """Halves that move against each other are worth no more to it than half of one shift."""
    still, drift = torch.rand(2, 1, 1, 60, 66, generator=torch.Generator().manual_seed(2))
    middle = torch.cat([still[..., :-6], drift[..., 6:]], dim=-2)
    before = torch.cat([still[..., 3:-3], drift[..., 3:-3]], dim=-2)
    method = Linear()
    triplet = Triplets(before, middle, torch.zeros_like(before))
    method.fit([triplet])
    found = method(before, torch.zeros_like(before)).middle
    assert (found - middle).square().mean() > 0.4 * middle.var()


def test_unfitted_it_is_the_average() -> None:
    (triplet,) = _triplets((2, 11, 6))
    found = Linear()(triplet.before, triplet.after).middle
    torch.testing.assert_close(found, (triplet.before + triplet.after) / 2)


def test_constant_slices_leave_a_usable_filter() -> None:
    flat = Triplets(*(torch.full((1, 1, 20, 20), level) for level in (0.2, 0.5, 0.6)))
    method = Linear()
    method.fit([flat])
    torch.testing.assert_close(method(flat.before, flat.after).middle, flat.middle)


def test_triplets_are_read_once_and_not_kept() -> None:
    alive = 0

    class Counted(torch.Tensor):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[Triplets]:
        nonlocal alive
        for triplet in _triplets(*[(1, 16, 16)] * 6):
            alive += 1
            yield triplet._replace(middle=triplet.middle.as_subclass(Counted))
            assert alive <= 2

    Linear().fit(stream())


def test_weights_travel_in_the_state() -> None:
    triplets = _triplets((2, 20, 20))
    fitted, fresh = Linear(), Linear()
    fitted.fit(triplets)
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(*(m(triplets[0].before, triplets[0].after).middle for m in (fitted, fresh)))


def test_words_that_are_off() -> None:
    with pytest.raises(ValueError, match="no training triplets"):
        Linear().fit([])
    for window in (0, 4, -3):
        with pytest.raises(ValueError, match="odd and positive"):
            Linear(LinearOptions(window=window))
