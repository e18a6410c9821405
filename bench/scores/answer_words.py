"""An answer in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from bench.base.sentences import joined
from bench.cells.cell import NULL
from bench.scores.answer import Answer
from bench.scores.ceiling import LEFT_OUT_FLOW
from bench.scores.choice import CARRIED, PSNR, Choice
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender
from bench.scores.left_out import LeftOut, TooWeak
from bench.scores.notation import interval_text, signed
from bench.scores.statistics import Interval
from segmentation.training import Budget

_NAMED = 3  # who cannot be told apart from the best; the others are counted
_FEW = 8  # columns of tiles, or blocks of slices: with fewer, t makes every interval wide


def paragraphs(answer: Answer) -> list[str]:
    """What to take for neurites, what for pixels, and what both rest on."""
    if answer.psnr is None:
        return ["Nothing was measured.", *_apart(answer)]
    return [f"Neurites: {_neurites(answer)}", f"Pixels: {_pixels(answer)}", _rests_on(answer)]


def headline(answer: Answer) -> str:
    """That no method is shown to be worth more than leaving the slice out; empty if one leads.

    Where the segmenter is too weak to judge, it says that instead.
    """
    if answer.too_weak is not None:
        return _cannot_judge(answer.too_weak)
    choice, rival = answer.neurites, answer.rival
    if choice is None or rival is None or not answer.below:
        return ""
    lead = (
        f"{_way(rival, 'Leaving')} carries more neurites than any method"
        if rival.verdict == "better"
        else f"No method is shown to carry more neurites than {_way(rival, 'leaving')}"
    )
    return (
        f"{lead}: {rival.mean.mean:.3f} against {choice.mean.mean:.3f} of "
        f"{_code(choice.best.name)} ({_gain(rival)})."
    )


def for_neurites(answer: Answer, name: str) -> str:
    """What a slice that a method fills is worth beside leaving it out; empty if not measured.

    Args:
        answer: on the dataset.
        name: of the method, the best or as good to the digits that are shown.
    """
    choice, rival = answer.neurites, answer.rival
    if choice is None or rival is None:
        return ""
    if answer.too_weak is not None:
        return _cannot_judge(answer.too_weak)
    advice = {
        "better": "follow them across the gap without it",
        "worse": "the filled slice helps",
        "not told apart": "the filled slice is not shown to help or to harm",
    }
    return (
        f"To follow neurites, {_way(rival, 'leaving')} carries {rival.mean.mean:.3f}, "
        f"{_code(name)} {choice.mean.mean:.3f}: {advice[rival.verdict]}."
    )


def _neurites(answer: Answer) -> str:
    if answer.too_weak is not None:
        return _no_judge(answer.too_weak)
    choice, rival = answer.neurites, answer.rival
    if choice is None:
        return f"nothing was measured. {answer.lacks}"
    if rival is not None and answer.below:
        return " ".join(filter(None, [_leave(choice, rival), _ceiling(answer), answer.lacks]))
    lead = _lead(choice, _worth(choice))
    return " ".join(filter(None, [lead, _beside(choice, rival), answer.lacks]))


def _ceiling(answer: Answer) -> str:
    """That the judge loses neurites in the real slice too; empty where it does not."""
    real, rival = answer.real, answer.rival
    if real is None or rival is None or real.mean >= rival.mean.mean:
        return ""
    return (
        f"This segmenter carries no more than {_number(real, CARRIED)} through the real slice "
        "itself, so this says as much of the segmenter."
    )


def _no_judge(weak: TooWeak) -> str:
    """That nothing can be told, and how it could be."""
    advice = (
        "Give another one (--segmenter)."
        if weak.steps is None
        else f"It was trained for at most {weak.steps:,} steps; train it longer "
        f"(--segmenter-steps; {Budget.steps:,} are usual), or give another one (--segmenter)."
    )
    said = _cannot_judge(weak)
    return f"{said[:1].lower()}{said[1:]} No method could have won. {advice}"


def _cannot_judge(weak: TooWeak) -> str:
    gain = interval_text(weak.gain, signed(EVERY[CARRIED].digits))
    return (
        f"The segmenter is too weak to judge neurites: through the real slice it carries "
        f"{weak.real.mean:.3f} of them, {_way(weak.left_out, 'leaving')} "
        f"{weak.left_out.mean.mean:.3f} ({gain})."
    )


def _leave(choice: Choice, rival: LeftOut) -> str:
    """What to do where leaving the slice out carries as much as the best method or more."""
    best, apart = _code(choice.best.name), _tied(choice)
    share = _number(rival.mean, CARRIED)
    if rival.verdict == "better":
        return (
            f"{_way(rival, 'leave')}. That carries {share} of them; the best method, {best}, "
            f"carries {choice.mean.mean:.3f} ({_gain(rival)}){apart}."
        )
    return (
        f"no method is shown to carry more of them than {_way(rival, 'leaving')} ({share}). If a "
        f"slice has to be there, {_lead(choice, f'{_worth(choice)} ({_gain(rival)})')}"
    )


def _lead(choice: Choice, worth: str) -> str:
    """Whom to take and why, and who might be as good."""
    best = _code(choice.best.name)
    if choice.compared == 1:
        return f"only {best} was measured; it {worth}."
    if not choice.mean.known:
        why = (
            "There are too few test triplets to tell"
            if choice.mean.lacks
            else "A score is not finite, so there is no telling"
        )
        return (
            f"{best} {worth}, the best of {choice.compared}. {why} whether it would be on others."
        )
    return f"take {best}, which {worth}{_tied(choice)}."


def _worth(choice: Choice) -> str:
    number = _number(choice.mean, choice.metric)
    if choice.metric == CARRIED:
        return f"carries {number} of them"
    return f"has an adapted Rand error of {number}"


def _beside(choice: Choice, left: LeftOut | None) -> str:
    """The sentence on leaving the slice out where that carries fewer."""
    if left is None:
        return ""
    start = f"{_way(left, 'Leaving')} carries {left.mean.mean:.3f}"
    if left.verdict == "worse":
        return f"{start}, which is fewer ({_gain(left)} for {_code(choice.best.name)})."
    adjusted = left.gain.low > 0
    of = f", adjusted for the best of {choice.compared}" if adjusted else ""
    best = _code(choice.best.name)
    return f"{start} and cannot be told apart from {best} ({_gain(left)}{of})."


def _pixels(answer: Answer) -> str:
    psnr, frc = answer.psnr, answer.frc
    if psnr is None:
        return "nothing was measured."
    if psnr.compared == 1:
        return (
            f"only {_code(psnr.best.name)} was measured, so that there is nothing to choose from."
        )
    if psnr.best.method == NULL:
        return _beside_smoothing(psnr, frc)
    same = frc is not None and frc.best.name == psnr.best.name
    both = f" and in {_title('frc_10')}" if same else ""
    lead = _lead(psnr, f"{_leads(psnr)}{both}")
    if same or frc is None:
        return lead
    return f"{lead} {_code(frc.best.name)} {_leads(frc)}{_tied(frc)}."


def _beside_smoothing(psnr: Choice, frc: Choice | None) -> str:
    """What to take where the null leads in PSNR: nobody wants a blur in place of a slice."""
    null = _code(psnr.best.name)
    if frc is None or frc.best.method == NULL:
        if not psnr.mean.known:
            return _lead(psnr, _leads(psnr))
        return f"nothing is better than smoothing: {null}, the null, {_leads(psnr)}{_tied(psnr)}."
    return f"{_lead(frc, _leads(frc))} {null} {_leads(psnr)} by smoothing{_tied(psnr)}."


def _leads(choice: Choice) -> str:
    title = "PSNR" if choice.metric == PSNR else _title(choice.metric)
    return f"leads in {title} ({_number(choice.mean, choice.metric)})"


def _rests_on(answer: Answer) -> str:
    rests = answer.rests_on
    parts = [f"{rests.triplets:,} test triplet{'' if rests.triplets == 1 else 's'}"]
    if 0 < rests.labelled < rests.triplets:
        parts[0] += f" ({rests.labelled:,} of them with labels)"
    if rests.neurites is not None:
        parts.append(f"{rests.neurites:,} neurites")
    if rests.seeds:
        parts.append(f"{_trainings(answer)} ({'; '.join(rests.training)})")
    sentences = [f"This rests on {joined(parts)}."]
    if 0 < rests.places < _FEW:
        sentences.append(
            f"They lie at {rests.places} place{'' if rests.places == 1 else 's'} only (columns of "
            "tiles, or blocks of slices), "
            "where nothing but large differences can be told."
        )
    if rests.followed:
        networks = [f"`{name}` {_of_seeds(seeds)}" for name, seeds in rests.followed.items()]
        sentences.append(f"Membranes were scored of fewer trainings: of {joined(networks)}.")
    if rests.provisional:
        sentences.append("The order may turn with a longer training.")
    if rests.segmenter_steps is not None:
        sentences.append(
            f"The segmenter was trained for at most {rests.segmenter_steps:,} steps "
            f"({Budget.steps:,} are usual)."
        )
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


def _of_seeds(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {joined([*map(str, seeds)])} alone"


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
    return [f"Not compared: {joined(shown)}."]


def _tied(choice: Choice) -> str:
    """Who cannot be told apart from the best, with their means: at most three and the last."""
    if not choice.tied or not choice.mean.known:
        return ""
    shown = [f"{_code(each.name)}{_mean(each, choice.metric)}" for each in choice.tied]
    if len(shown) > _NAMED + 1:
        between = len(shown) - _NAMED - 1
        shown = [*shown[:_NAMED], f"{between} more down to {shown[-1]}"]
    return f"; {joined(shown)} cannot be told apart from {_code(choice.best.name)}"


def _mean(contender: Contender, metric: str) -> str:
    mean = contender.mean(metric)
    return "" if mean is None else f" ({_digits(mean.mean, metric)})"


def _code(name: str) -> str:
    """A name as a name: some are words, like `before`."""
    return f"`{name}`"


def _way(left: LeftOut, verb: str) -> str:
    """A way to leave the slice out, for instance ``leaving the slice out``."""
    flow = f" and carry{'ing' if verb.endswith('ing') else ''} labels across by flow"
    return f"{verb} the slice out{flow if left.kind == LEFT_OUT_FLOW else ''}"


def _gain(left: LeftOut) -> str:
    return interval_text(left.gain, signed(EVERY[CARRIED].digits))


def _title(metric: str) -> str:
    return EVERY[metric].title


def _number(mean: Interval, metric: str) -> str:
    return interval_text(mean, lambda value: f"{value:.{EVERY[metric].digits}f}", _unit(metric))


def _digits(value: float, metric: str) -> str:
    return f"{value:.{EVERY[metric].digits}f}{_unit(metric)}"


def _unit(metric: str) -> str:
    return " dB" if metric == "psnr" else ""
