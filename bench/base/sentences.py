"""Words in a row, as a sentence has them."""

from __future__ import annotations

from collections.abc import Iterable


def joined(words: Iterable[object], last: str = "and") -> str:
    """Words with commas between them, and a word before the last: ``a, b and c``.

    Args:
        words: in order; nothing where there are none.
        last: what stands before the last of several.
    """
    *most, end = [*map(str, words)] or [""]
    return f"{', '.join(most)} {last} {end}" if most else end
