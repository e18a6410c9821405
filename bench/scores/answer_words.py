"""An answer in sentences, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.scores.answer import CARRIED, Answer, Choice, LeftOut
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender
from bench.scores.notation import interval_json, interval_text, signed
from bench.scores.statistics import Interval

_NAMED = 3  # who cannot be told apart from the best; the others are counted


def paragraphs(answer: Answer) -> list[str]:
    """What to take for neurites, what for pixels, and what both rest on."""
    if answer.psnr is None:
        return ["Nothing was measured.", *_apart(answer)]
    return [f"Neurites: {_neurites(answer)}", f"Pixels: {_pixels(answer)}", _rests_on(answer)]


def headline(answer: Answer) -> str:
    """That no slice at all is better than any of the methods; empty where that is not so."""
    better = answer.better
    if better is None or answer.neurites is None:
        return ""
    by_flow = " and carrying labels across by flow" if better is answer.left_out_flow else ""
    return (
        f"Leaving the slice out{by_flow} carries more neurites than the best method: "
        f"{_difference(better)} over {_code(answer.neurites.best.name)}."
    )


def answer_json(answer: Answer) -> dict[str, Any]:
    """The answer as data."""
    rests = answer.rests_on
    return {
        "dataset": answer.dataset,
        "neurites": (_choice_json(answer.neurites) or {"metric": None}) | {
            "left_out": _left_out_json(answer.left_out),
            "left_out_flow": _left_out_json(answer.left_out_flow),
            "lacks": answer.lacks or None,
        },
        "pixels": {"psnr": _choice_json(answer.psnr), "frc_10": _choice_json(answer.frc)},
        "rests_on": {
            "triplets": rests.triplets,
            "labelled": rests.labelled,
            "neurites": rests.neurites,
            "seeds": {name: list(seeds) for name, seeds in rests.seeds.items()},
            "training": list(rests.training),
            "provisional": rests.provisional,
            "max_triplets": rests.at_most,
            "agreement": rests.agreement,
            "not_compared": dict(rests.not_compared),
        },
        "text": " ".join(paragraphs(answer)),
    }  # fmt: skip


def _left_out_json(left: LeftOut | None) -> dict[str, Any] | None:
    if left is None:
        return None
    return {
        "mean": interval_json(left.mean),
        "difference": interval_json(left.difference),
        "verdict": left.verdict,
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


def _neurites(answer: Answer) -> str:
    choice, better = answer.neurites, answer.better
    if choice is None:
        return f"nothing was measured. {answer.lacks}"
    if better is not None:
        by_flow = " and carry labels across by flow" if better is answer.left_out_flow else ""
        return (
            f"leave the slice out{by_flow}. That carries {_number(better.mean, CARRIED)} of them, "
            f"{_difference(better)} more than {_code(choice.best.name)}, the best method"
            f"{_tied(choice, _code(choice.best.name))}."
        )
    lead = f"{_take(choice)} {_worth(choice)}{_tied(choice, 'it')}."
    return " ".join(filter(None, [lead, _beside(choice, answer.left_out), answer.lacks]))


def _take(choice: Choice) -> str:
    if choice.compared == 1:
        return f"only {_code(choice.best.name)} was measured; it"
    return f"take {_code(choice.best.name)}, which"


def _worth(choice: Choice) -> str:
    number = _number(choice.mean, choice.metric)
    if choice.metric == CARRIED:
        return f"carries {number} of them"
    return f"has an adapted Rand error of {number}"


def _beside(choice: Choice, left: LeftOut | None) -> str:
    """The sentence on leaving the slice out where that is not better."""
    if left is None:
        return ""
    start = f"Leaving the slice out carries {left.mean.mean:.3f}"
    if left.verdict == "worse":
        return f"{start}, which is fewer ({_difference(left)})."
    adjusted = left.difference.high < 0
    of = f", adjusted for the best of {choice.compared}" if adjusted else ""
    return f"{start} and cannot be told apart from it ({_difference(left)}{of})."


def _pixels(answer: Answer) -> str:
    psnr, frc = answer.psnr, answer.frc
    if psnr is None:
        return "nothing was measured."
    if psnr.compared == 1:
        return (
            f"only {_code(psnr.best.name)} was measured, so that there is nothing to choose from."
        )
    same = frc is not None and frc.best.name == psnr.best.name
    both = f" and in {_title('frc_10')}" if same else ""
    lead = (
        f"take {_code(psnr.best.name)}, which leads in PSNR ({_number(psnr.mean, 'psnr')}){both}"
        f"{_tied(psnr, 'it', ' in PSNR' if same else '')}."
    )
    if same or frc is None:
        return lead
    return (
        f"{lead} {_code(frc.best.name)} leads in {_title('frc_10')} ({_number(frc.mean, 'frc_10')})"
        f"{_tied(frc, 'it')}."
    )


def _rests_on(answer: Answer) -> str:
    rests = answer.rests_on
    parts = [f"{rests.triplets:,} test triplet{'' if rests.triplets == 1 else 's'}"]
    if 0 < rests.labelled < rests.triplets:
        parts[0] += f" ({rests.labelled:,} of them with labels)"
    if rests.neurites is not None:
        parts.append(f"{rests.neurites:,} neurites")
    if rests.seeds:
        parts.append(f"{_trainings(answer)} ({'; '.join(rests.training)})")
    sentences = [f"This rests on {_and(parts)}."]
    if rests.provisional:
        sentences.append("The order may turn with a longer training.")
    if rests.agreement and answer.neurites is not None:
        sentences.append(
            "Segments are compared with those that the segmenter finds in the real slice, not with "
            "labels."
        )
    if rests.at_most is not None:
        sentences.append(
            f"At most {rests.at_most} triplets of a split were looked at: a trial, no answer."
        )
    return " ".join([*sentences, *_apart(answer)])


def _trainings(answer: Answer) -> str:
    counts = [len(seeds) for seeds in answer.rests_on.seeds.values()]
    low, high = min(counts), max(counts)
    number = "one" if high == 1 else str(high) if low == high else f"{low} to {high}"
    networks = (
        "of each network" if len(counts) > 1 else f"of {_code(next(iter(answer.rests_on.seeds)))}"
    )
    return f"{number} training{'' if high == 1 else 's'} {networks}"


def _apart(answer: Answer) -> list[str]:
    """Who is not compared, and why, in a sentence; no sentence where all are."""
    found = answer.rests_on.not_compared
    if not found:
        return []
    shown = [f"{_code(name)} ({why})" for name, why in found.items()]
    return [f"Not compared: {_named(shown)}."]


def _tied(choice: Choice, whom: str, where: str = "") -> str:
    if not choice.tied:
        return ""
    names = _named([_code(each.name) for each in choice.tied])
    return f"; {names} cannot be told apart from {whom}{where}"


def _named(names: Sequence[str]) -> str:
    """At most three names, and how many there are more."""
    if len(names) <= _NAMED:
        return _and(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _code(name: str) -> str:
    """A name as a name: some are words, like `before`."""
    return f"`{name}`"


def _and(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _difference(left: LeftOut) -> str:
    return interval_text(left.difference, signed(EVERY[CARRIED].digits))


def _title(metric: str) -> str:
    return EVERY[metric].title


def _number(mean: Interval, metric: str) -> str:
    digits = EVERY[metric].digits
    return interval_text(mean, lambda value: f"{value:.{digits}f}", _UNITS.get(metric, ""))


_UNITS = {"psnr": " dB"}
