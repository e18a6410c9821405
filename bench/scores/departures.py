"""Where the trainings behind figures depart from the paper's: said wherever its names are used.

The sentences name the paper: in a manuscript "the paper" is the reader's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_EPSILON = 1e-6  # as the paper prints it


class Trained(NamedTuple):
    """A training and what its table calls it.

    Attributes:
        loss: the name of its loss.
        cell: the name of its method and loss.
        config: the settings that its record keeps.
    """

    loss: str
    cell: str
    config: Mapping[str, Any]


def departures(config: Mapping[str, Any]) -> list[str]:
    """A phrase for each way in which a training is not the paper's; none where nothing is trained.

    Options that were asked for by name are among them only as far as the loss differs.
    """
    from methods.losses import needs_features, needs_teacher

    loss, budget = config.get("loss"), config.get("preset")
    if not isinstance(loss, dict) or not isinstance(budget, dict):
        return []
    options = loss["options"]
    phrases = []
    if options.get("lowpass"):
        phrases.append("a low-pass term beside the pixel term")
    if needs_features(loss["name"]):
        phrases += _of_features(budget, options)
    if needs_teacher(loss["name"]):
        phrases.append(_of_membranes(budget, options))
    if printed := _of_print(options):
        ours, theirs = (" and ".join(words) for words in zip(*printed, strict=True))
        phrases.append(f"{ours}, as in their code (printed: {theirs})")
    if loss["name"] == "ls" and options.get("style") == "balance":
        phrases.append(
            "weights kept by the continuous form of the style balance (the gradient of equation 15)"
            if not signed_balance(config)
            else "weights kept by equation 15 as printed, which can rank the truth second"
        )
    return phrases


def _of_features(budget: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    seen = []
    if budget.get("features_from"):
        seen.append(f"in the last {100 * (1 - budget['features_from']):.0f} % of the steps")
    if options.get("feature_crop"):
        seen.append(f"of the central {options['feature_crop']} pixels of a crop")
    phrases = [f"features only {' and '.join(seen)}"] if seen else []
    share = budget.get("motion_share", 1.0)
    if share != 1.0:
        phrases.append(f"motion learned at {share:g} of the rate once features have joined")
    return phrases


def _of_membranes(budget: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    since = budget.get("membranes_from")
    late = f" in the last {100 * (1 - since):.0f} % of the steps" if since else ""
    return f"a membrane term of weight {options['membrane']:g}{late}"


def _of_print(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is not as the paper prints it: as it is, and as it is printed."""
    found = []
    if options.get("epsilon", _EPSILON) != _EPSILON:
        found.append((f"epsilon {options['epsilon']:g}", f"{_EPSILON:g}"))
    if options.get("reduction") == "mean":
        found.append(("means", "sums"))
    return found


def signed_balance(config: Mapping[str, Any]) -> bool:
    """Whether the style balance was that of before its second revision, equation 15 with its sign.

    So was every one whose settings are not known.
    """
    loss = config.get("loss")
    return not isinstance(loss, dict) or loss.get("revision", 1) < 2


def told(trainings: Iterable[Trained]) -> str:
    """All departures of the trainings of a table in a sentence; empty where there is none.

    Behind each stands which losses it is of, or which cells if not all of a loss have it.
    """
    every = list(trainings)
    having: dict[str, list[Trained]] = {}
    for each in every:
        for phrase in departures(each.config):
            having.setdefault(phrase, []).append(each)
    if not having:
        return ""
    words = (phrase + _of_whom(own, every) for phrase, own in having.items())
    return f"Where the training is not that of Wang et al. 2021: {'; '.join(words)}."


def _of_whom(own: list[Trained], every: list[Trained]) -> str:
    if len(own) == len(every):
        return ""
    names: dict[str, None] = {}
    for each in own:
        whole = all(other in own for other in every if other.loss == each.loss)
        names[each.loss if whole else each.cell] = None
    return f" ({', '.join(names)})"


def provisional(config: Mapping[str, Any]) -> bool:
    """Whether a training is not as long as the paper's, so that no claim is settled by it."""
    budget = config.get("preset")
    return isinstance(budget, dict) and budget.get("samples") is not None


def first_look(preset: str) -> str:
    """What the first line of a table says of a training of minutes; empty of a longer one."""
    if preset != "quick":
        return ""
    return "preset `quick`: minutes of training, and the order may turn with a longer one"


def budget_words(budget: Mapping[str, Any]) -> str:
    """How long a training is, of the preset that its record keeps."""
    crop = budget.get("crop")
    if budget.get("samples") is not None:
        return f"{budget['samples']:,} training crops of {crop} pixels"
    return f"{budget.get('epochs')} epochs of crops of {crop} pixels"
