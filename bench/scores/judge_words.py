"""What is said of two judges, in a sentence or two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.scores.columns import EVERY
from bench.scores.judges import Agreement, Judgement, Pair
from bench.scores.notation import finite

_NAMED = 3  # pairs of a metric at most


def judges_sentence(judgement: Judgement) -> str:
    """Whether both judges order the methods alike, and if not, which pairs turn round."""
    agreements = judgement.agreements
    count = len(judgement.methods)
    taus = ", ".join(f"{_tau(each)} in {_title(each)}" for each in agreements)
    turned = [each for each in agreements if each.turned]
    if not turned:
        return f"Both judges order the {count} methods alike (Kendall's tau {taus})."
    pairs = "; ".join(f"in {_title(each)} {_pairs(each.turned)}" for each in turned)
    return (
        f"The second judge turns round some pairs of the {count} methods (Kendall's tau {taus}): "
        f"{pairs}. {_certainty(agreements)}"
    )


def judges_json(judgement: Judgement) -> dict[str, Any]:
    """The same for JSON."""
    agreements = judgement.agreements
    return {
        "dataset": judgement.dataset,
        "methods": [each.name for each in judgement.methods],
        "tau": {each.metric: finite(each.tau) for each in agreements},
        "turned": {each.metric: _names(each.turned) for each in agreements},
        "contradicted": {each.metric: _names(each.contradicted) for each in agreements},
        "text": judges_sentence(judgement),
    }


def _names(pairs: Sequence[Pair]) -> list[list[str]]:
    return [[each.name for each in pair] for pair in pairs]


def _tau(agreement: Agreement) -> str:
    return "unknown" if math.isnan(agreement.tau) else f"{agreement.tau:.2f}"


def _certainty(agreements: Sequence[Agreement]) -> str:
    """Whether any of the pairs is more than a difference that a judge cannot tell from none."""
    sure = [each for each in agreements if each.contradicted]
    if not sure:
        return "No such pair is told apart by both judges."
    pairs = "; ".join(f"in {_title(each)} {_pairs(each.contradicted)}" for each in sure)
    return f"Both judges tell apart, each the other way round: {pairs}."


def _title(agreement: Agreement) -> str:
    title = EVERY[agreement.metric].title
    return title.lower() if agreement.metric == "carried" else title


def _pairs(pairs: Sequence[Pair]) -> str:
    named = ", ".join(f"{one.name} and {other.name}" for one, other in pairs[:_NAMED])
    more = len(pairs) - _NAMED
    return named if more <= 0 else f"{named} and {more} more"
