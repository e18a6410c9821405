"""An answer as JSON."""

from __future__ import annotations

from typing import Any

from bench.scores.answer import Answer
from bench.scores.answer_words import paragraphs
from bench.scores.ceiling import LEFT_OUT, LEFT_OUT_FLOW
from bench.scores.choice import Choice
from bench.scores.contenders import Contender
from bench.scores.left_out import LeftOut, TooWeak
from bench.scores.notation import interval_json


def answer_json(answer: Answer) -> dict[str, Any]:
    """The answer as data."""
    rests, weak = answer.rests_on, answer.too_weak
    neurites, left_out = (None, {}) if weak else (answer.neurites, answer.left_out)
    return {
        "dataset": answer.dataset,
        "neurites": (_choice_json(neurites) or {"metric": None}) | {
            "left_out": _left_out_json(left_out.get(LEFT_OUT)),
            "left_out_flow": _left_out_json(left_out.get(LEFT_OUT_FLOW)),
            "real": None if answer.real is None else interval_json(answer.real),
            "too_weak": _too_weak_json(weak),
            "lacks": answer.lacks or None,
        },
        "pixels": {"psnr": _choice_json(answer.psnr), "frc_10": _choice_json(answer.frc)},
        "rests_on": {
            "triplets": rests.triplets,
            "places": rests.places,
            "labelled": rests.labelled,
            "neurites": rests.neurites,
            "seeds": {name: list(seeds) for name, seeds in rests.seeds.items()},
            "followed": {name: list(seeds) for name, seeds in rests.followed.items()},
            "training": list(rests.training),
            "provisional": rests.provisional,
            "max_triplets": rests.at_most,
            "agreement": rests.agreement,
            "segmenter_steps": rests.segmenter_steps,
            "not_compared": dict(rests.not_compared),
        },
        "text": " ".join(paragraphs(answer)),
    }  # fmt: skip


def _left_out_json(left: LeftOut | None) -> dict[str, Any] | None:
    if left is None:
        return None
    return {
        "mean": interval_json(left.mean),
        "gain": interval_json(left.gain),
        "verdict": left.verdict,
    }


def _too_weak_json(weak: TooWeak | None) -> dict[str, Any] | None:
    if weak is None:
        return None
    return {
        "real": interval_json(weak.real),
        weak.left_out.kind: interval_json(weak.left_out.mean),
        "gain": interval_json(weak.gain),
        "steps": weak.steps,
    }


def _choice_json(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {
        "metric": choice.metric,
        "best": _contender_json(choice.best),
        "mean": interval_json(choice.mean),
        "tied": [_contender_json(each) for each in choice.tied],
        "compared": choice.compared,
    }


def _contender_json(contender: Contender) -> dict[str, str]:
    return {"method": contender.method, "loss": contender.loss}
