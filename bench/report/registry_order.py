"""In which order methods and losses stand where the paper has none: that of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from bench.cells.registry import LOSSES, METHODS


def registry_order(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Methods and losses, each once, in the order of the registry; variants behind their base."""
    methods, losses = list(METHODS), list(LOSSES)

    def place(pair: tuple[str, str]) -> tuple[int, str, int, str]:
        base = [word.partition("[")[0] for word in pair]
        return (
            methods.index(base[0]) if base[0] in methods else len(methods), pair[0],
            losses.index(base[1]) if base[1] in losses else -1, pair[1],
        )  # fmt: skip

    return sorted(set(pairs), key=place)
