"""Words in a row."""

from __future__ import annotations

import pytest

from bench.base.sentences import joined


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["PSNR"], "PSNR"),
        (["PSNR", "FRC"], "PSNR and FRC"),
        (["PSNR", "FRC", "Dice"], "PSNR, FRC and Dice"),
        ([7, 8], "7 and 8"),
    ],
)
def test_the_last_of_several_words_has_and_before_it(words: list[object], text: str) -> None:
    assert joined(words) == text


def test_alternatives_have_or() -> None:
    assert joined(iter("abc"), "or") == "a, b or c"
