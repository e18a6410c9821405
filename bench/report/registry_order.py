"""In which order methods and losses stand where the paper has none: that of the registry."""

from __future__ import annotations

from collections.abc import Iterable

from bench.cells.registry import LOSSES, METHODS
from bench.scores.contenders import Contender


def registry_place(method: str, loss: str) -> tuple[int, str, int, str]:
    """Where a method and a loss stand; variants behind their base, unknown methods at the end."""
    methods, losses = list(METHODS), list(LOSSES)
    base, base_loss = (word.partition("[")[0] for word in (method, loss))
    return (
        methods.index(base) if base in methods else len(methods),
        method,
        losses.index(base_loss) if base_loss in losses else -1,
        loss,
    )


def registry_order(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Methods and losses, each once."""
    return sorted(set(pairs), key=lambda pair: registry_place(*pair))


def untrained_first(contenders: Iterable[Contender]) -> list[Contender]:
    """What is not trained, then the networks."""
    return sorted(
        contenders, key=lambda each: (each.trained, registry_place(each.method, each.loss))
    )
