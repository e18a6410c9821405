import numpy as np

from bench.stages.splits import spread


def test_spread_takes_first_and_last() -> None:
    indices = np.arange(10, 110)
    assert list(spread(indices, 3)) == [10, 60, 109]
    assert list(spread(indices, None)) == list(indices)
    assert list(spread(indices[:2], 5)) == [10, 11]
