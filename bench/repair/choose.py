"""With what a gap is filled: what was named, or what did best on triplets of this very volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from bench.base.errors import UserError
from bench.cells.config import RunConfig
from bench.cells.registry import load_method
from bench.cells.variants import Variant, parse_variant
from bench.repair.filler import Filler, is_ready
from bench.repair.wish import AUTO, Wish, run_on_gaps, triplets_path
from bench.run.compute import compute
from bench.scores.answer import answers
from bench.scores.answer_words import for_neurites
from bench.scores.budgets import crops_seen
from bench.scores.choice import CARRIED, PSNR, RAND, Choice
from bench.scores.columns import EVERY
from bench.scores.comparable_cells import build_of, place_of
from bench.scores.contenders import Contender
from bench.scores.entry import Entry
from bench.scores.notation import interval_text
from bench.scores.results import Tell, load_results
from bench.scores.which_record import age
from bench.store.records import NONE, WEIGHTS
from bench.triplets.file import TripletFile, readable
from bench.volumes.cards import fold_of

COMPARED = ("before", "average", "dis", "dain")  # where nothing was measured
_PROMISED = (CARRIED, RAND, "dice", PSNR, "frc_10")
_LENGTH = "13 minutes for each size of gap on one core with the preset quick"


def choose(wish: Wish, size: int, tell: Tell) -> Filler:
    """What the gaps of a size are filled with.

    Args:
        wish: what is asked for.
        size: how many slices are missing in a row.
        tell: told what is compared first, where nothing was measured.

    Raises:
        UserError: the method is not known, or there are too few sound slices to learn it from.
    """
    if wish.method == AUTO:
        return _best(wish, size, tell)
    variant = parse_variant(wish.method, str(wish.run.get("preset", "quick")))
    if is_ready(variant):
        return Filler(variant, NONE, "it was named", variant.weights)
    config = run_on_gaps(wish, size, (wish.method,))
    if there := _trained_before(wish, variant, config):
        return _taken(there, config, tell)
    tell(
        f"{wish.method} is trained on '{config.dataset[0]}', sound slices of this volume; "
        f"'{wish.method}[weights=FILE]' takes weights that are there."
    )
    own = [entry for entry in _computed(config, tell) if entry.cell.method == variant.text]
    if own[-1].record.failure is not None:
        raise UserError(
            f"{own[-1].title} could not be trained on '{config.dataset[0]}': "
            f"{own[-1].record.failure.reason}"
        )
    return _of_entry(own[-1], config, "it was named, and trained on this volume")


def _trained_before(wish: Wish, variant: Variant, config: RunConfig) -> Entry | None:
    """The longest training of a network on this volume; None where one of a preset is wanted."""
    if "preset" in wish.run:
        return None
    found = [
        entry
        for entry in _measured(wish, config, of_any_length=True)
        if entry.cell.method == variant.text
        and wish.loss in (None, entry.cell.loss)
        and _has_weights(entry)
    ]
    return max(found, key=_long, default=None)


def _long(entry: Entry) -> tuple[Any, ...]:
    """What counts more of two trainings: the longer, under ``lm``, finished, seed 0, the newer."""
    done = entry.record.status == "done"
    return crops_seen(entry), entry.cell.loss == "lm", done, -entry.cell.seed, age(entry)


def _taken(entry: Entry, config: RunConfig, tell: Tell) -> Filler:
    """A network that was trained before, and what it was trained on."""
    crops = crops_seen(entry)
    long = f"{crops:,} training crops" if crops else f"preset {entry.cell.preset}"
    tell(
        f"{entry.title} was trained on '{config.dataset[0]}' before ({long}), and is taken; "
        "--preset NAME trains one of that preset."
    )
    return _of_entry(entry, config, f"it was named, and trained on this volume ({long})")


def _best(wish: Wish, size: int, tell: Tell) -> Filler:
    """The best that was measured on this volume; it is measured now where nothing was."""
    config = run_on_gaps(wish, size, COMPARED)
    entries = _measured(wish, config)
    if not _tells(entries):
        tell(
            f"Nothing was measured on '{config.dataset[0]}' yet: {', '.join(COMPARED)} and linear "
            f"are compared on its sound slices first (about {_LENGTH})."
        )
        entries = _compared(config, tell)
    [answer] = answers(entries)
    neurites = None if answer.too_weak else answer.neurites
    choice = neurites or answer.frc or answer.psnr
    if choice is None:
        raise UserError(
            f"No method was scored on '{config.dataset[0]}'; `bench run --dataset "
            f"'{config.dataset[0]}'` says why, or name a --method."
        )
    best = _cheapest_of_the_best(choice)
    filler = _of_contender(best, choice, config)
    return dataclasses.replace(filler, neurites=for_neurites(answer, best.name))


def _cheapest_of_the_best(choice: Choice) -> Contender:
    """The best, or what is as good to the digits that a table shows and takes less time.

    Those that cannot be told apart from the best do not count: on a few places that is nearly
    everyone, and a copy of the slice before costs nothing.
    """
    digits = EVERY[choice.metric].digits
    level = round(choice.mean.mean, digits)
    equal = [
        each
        for each in (choice.best, *choice.tied)
        if (mean := each.mean(choice.metric)) is not None and round(mean.mean, digits) == level
    ]
    return min(equal, key=_seconds)


def _seconds(contender: Contender) -> float:
    """For a frame; of several trainings the first says it."""
    facts = contender.entries[0].facts.predict
    return 0.0 if facts is None else facts.seconds_a_frame or 0.0


def _measured(wish: Wish, config: RunConfig, *, of_any_length: bool = False) -> list[Entry]:
    """The cells of the store that were computed on the triplets of the dataset that are at hand.

    Other builds and folds do not count: a network of theirs may have learned from what is hidden
    to foretell its errors.

    Args:
        wish: what is asked for.
        config: of the run whose dataset it is.
        of_any_length: whether trainings of all lengths are meant, not those alone that a report
            compares.
    """
    if not (wish.named or triplets_path(config).exists()):
        return []  # whatever the store has under the name, nothing says that it is of this volume
    try:
        results = load_results(config.out, config.data, lambda _: None)
    except UserError:
        return []
    [name] = config.dataset
    place, file = (name, fold_of(name, config.fold)), readable(triplets_path(config))
    entries = results.every if of_any_length else results.entries
    return [
        entry
        for entry in entries
        if place_of(entry) == place
        and not entry.other_build
        and (file is None or build_of(entry) == file.fingerprint)
    ]


def _tells(entries: Sequence[Entry]) -> bool:
    """Whether two methods or more were scored: the null alone is no comparison."""
    return len({entry.cell.method for entry in entries if entry.scores is not None}) > 1


def _compared(config: RunConfig, tell: Tell) -> list[Entry]:
    try:
        return _computed(config, tell)
    except UserError as error:
        raise UserError(
            f"{str(error).rstrip('.')}; or name a --method that needs no triplets, such as dis."
        ) from error


def _computed(config: RunConfig, tell: Tell) -> list[Entry]:
    """The cells of a run that is made now, or that was made before."""
    outcomes, _ = compute(config)
    failed = [each for each in outcomes if each.record.status == "failed"]
    if failed and failed[0].record.failure is not None:
        tell(f"{failed[0].cell.title} failed: {failed[0].record.failure.reason}")
    return [Entry(each.folder, each.record) for each in outcomes]


def _of_contender(best: Contender, choice: Choice, config: RunConfig) -> Filler:
    """A method of the store, with the weights of its first training."""
    title, digits = EVERY[choice.metric].title, EVERY[choice.metric].digits
    mean = interval_text(choice.mean, f"{{:.{digits}f}}".format)
    why = (
        f"of {choice.compared} methods measured on '{config.dataset[0]}' it has the best {title} "
        f"({mean})"
    )
    if tied := [each.name for each in choice.tied if each is not best]:
        why += f"; not told apart from it: {', '.join(tied)}"
    # The first may have failed, or be on its way, where another seed was scored.
    usable = [
        each
        for each in best.entries
        if each.scores is not None and (not each.trained or _has_weights(each))
    ]
    return _of_entry((usable or best.entries)[0], config, why)


def _has_weights(entry: Entry) -> bool:
    """Whether there are weights of its training, which is not on its way."""
    return (entry.folder / WEIGHTS).exists() and entry.record.status != "running"


def _of_entry(entry: Entry, config: RunConfig, why: str) -> Filler:
    name = entry.cell.method.partition("[")[0]
    if "[weights=" in entry.cell.method or ",weights=" in entry.cell.method:
        raise UserError(
            f"The best on '{config.dataset[0]}' is {entry.cell.method}, whose weights are not "
            f"among the results; name their file with --method '{name}[weights=FILE]'."
        )
    method = load_method(name)
    options = TypeAdapter(method.Options).validate_python(entry.record.config["options"])
    variant = Variant(entry.cell.method, method, options)
    measured = {
        metric: mean
        for metric in _PROMISED
        if (mean := Contender(entry.cell.method, entry.cell.loss, (entry,)).mean(metric))
    }
    path = triplets_path(config)
    if variant.info.kind == "classical":
        weights, tested_on = None, readable(path)
    else:
        weights, tested_on = entry.folder / WEIGHTS, TripletFile(path)
        if not weights.exists():
            raise UserError(f"{weights} is missing; repeat the run of '{config.dataset[0]}'.")
    return Filler(variant, entry.cell.loss, why, weights, measured, entry.membranes, tested_on)
