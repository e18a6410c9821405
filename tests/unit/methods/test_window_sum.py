"""Both ways to the gradients of windowed sums equal those of a dense matrix of the windows."""

import pytest
import torch

from methods.layers import window_sum

pytestmark = pytest.mark.usefixtures("one_thread")

_WAYS = [
    (window_sum._sparse_readers, window_sum._sparse_products),  # on a CPU
    (window_sum._sorted_readers, window_sum._gathered_products),  # elsewhere
]


@pytest.mark.parametrize(("readers", "products"), _WAYS, ids=["cpu", "elsewhere"])
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_gradients_equal_those_of_the_dense_matrix(readers, products, dtype, bound):
    generator = torch.Generator().manual_seed(0)
    rows, pixels, channels = 40, 60, 3
    taps = torch.tensor([0, 1, 7, 8])
    corner = torch.randint(0, rows - 8, (pixels,), generator=generator)
    weights = torch.randn(pixels, 4, generator=generator, dtype=dtype)
    grad = torch.randn(pixels, channels, generator=generator, dtype=dtype)
    table = torch.randn(rows, channels, generator=generator, dtype=dtype)

    read = corner.unsqueeze(1) + taps
    windows = torch.zeros(pixels, rows, dtype=dtype).scatter_(1, read, weights)
    found = readers(grad, weights, corner, taps, rows)
    torch.testing.assert_close(found, windows.t() @ grad, rtol=bound, atol=bound)
    expected = (grad @ table.t()).gather(1, read)
    found = products(grad, table, corner, taps)
    torch.testing.assert_close(found, expected, rtol=bound, atol=bound)


def test_pieces_of_the_products_fit_together(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    corner = torch.randint(0, 300, (1000,), generator=generator)
    grad, table = (torch.randn(n, 2, generator=generator) for n in (1000, 310))
    taps = torch.tensor([0, 3])
    whole = window_sum._gathered_products(grad, table, corner, taps)
    monkeypatch.setattr(window_sum, "_HELD", 1)
    assert torch.equal(window_sum._gathered_products(grad, table, corner, taps), whole)
