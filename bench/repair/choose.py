"""With what a gap is filled: what was named, or what did best on triplets of this very volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from bench.base.device import choose_device, place
from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.base.words import read_words, spelling
from bench.cells.config import RunConfig, load_config
from bench.cells.registry import load_method
from bench.cells.variants import Variant, parse_variant
from bench.repair.same_volume import WAY_OUT
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
from bench.scores.statistics import Interval
from bench.scores.which_record import age
from bench.store.records import NONE, WEIGHTS
from bench.store.weights import load_weights
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile, readable
from bench.volumes.cards import fold_of, load_card
from methods.interface import Interpolator
from methods.timed import for_times

if TYPE_CHECKING:
    import pandas as pd

AUTO = "auto"
COMPARED = ("before", "average", "dis", "dain")  # where nothing was measured
_PROMISED = (CARRIED, RAND, "dice", PSNR, "frc_10")
_LENGTH = "13 minutes for each size of gap on one core with the preset quick"


@dataclass(frozen=True)
class Wish:
    """What is asked for of the method.

    Attributes:
        method: a variant in the words of the command line, or ``auto``.
        loss: that a network is trained under; None for ``lm`` where there are labels, else ``l1``.
        dataset: of this volume, built or to be built.
        volume: how the dataset is built from it: the fields of a run that say so.
        run: the other fields of a run: preset, folders, device, threads, jobs.
        named: whether the dataset was named; it is else called as the volume is, and so may be
            what was measured on another one.
    """

    method: str
    loss: str | None
    dataset: str
    volume: dict[str, Any]
    run: dict[str, Any]
    named: bool = True

    @property
    def losses(self) -> tuple[str, ...]:
        """What a network is trained under."""
        if self.loss is not None:
            return (self.loss,)
        return ("lm",) if self.volume.get("labels") else ("l1",)


@dataclass(frozen=True)
class Filler:
    """A method that fills the gaps of a size.

    Attributes:
        variant: the method.
        loss: it was trained under; ``NONE`` of what is not trained.
        why: it was taken, in a sentence.
        weights: the file of its weights; None where it has none.
        measured: what it reached on test triplets of this volume, by metric.
        membranes: its membrane scores of these, a row each; None where nothing was judged.
        tested_on: the triplets; None where nothing was measured.
        neurites: what it is worth beside leaving the slice out, in a sentence; empty where that
            was not measured.
    """

    variant: Variant
    loss: str
    why: str
    weights: Path | None = None
    measured: dict[str, Interval] = field(default_factory=dict)
    membranes: pd.DataFrame | None = None
    tested_on: TripletFile | None = None
    neurites: str = ""

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return self.variant.text if self.loss == NONE else f"{self.variant.text} ({self.loss})"

    @property
    def learned_from(self) -> TripletFile | None:
        """The triplets that it was trained on; None where it was not trained here."""
        return None if self.weights is None else self.tested_on

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of its weights."""
        return None if self.weights is None else file_digest(self.weights)

    def bare(self) -> Filler:
        """The same without what it was measured on: enough to fill."""
        return dataclasses.replace(self, measured={}, membranes=None, tested_on=None)

    def as_json(self) -> dict[str, Any]:
        """What the record of a repair says of it."""
        return {
            "method": self.variant.text,
            "options": dataclasses.asdict(self.variant.options),
            "revision": self.variant.info.revision,
            "loss": self.loss,
            "weights": self.digest,
            "why": self.why,
        }

    def model(self, times: Sequence[float], device: str) -> Interpolator:
        """The method for gaps of these times, ready to fill.

        Raises:
            UserError: its weights are of other times.
        """
        model = for_times(self.variant.method, self.variant.options, tuple(times))
        if self.weights is not None:
            load_weights(self.weights, model)
        place(model.eval(), choose_device(device))
        return model


def is_ready(variant: Variant) -> bool:
    """Whether a method fills as it is: without weights, or with those of a file."""
    return variant.weights is not None or variant.info.kind == "classical"


def gap_dataset(name: str, size: int) -> str:
    """The name of a volume's dataset of gaps of so many slices; what is in brackets stays there."""
    if size == 1:
        return name
    base, options = read_words(name) if "[" in name else (name, {})
    return spelling(base, options | {"gap": str(size)})


def check_dataset_name(name: str, size: int = 1) -> None:
    """Refuse a volume's name that cannot name its dataset of gaps of so many slices.

    Raises:
        UserError: it cannot; what to do about it.
    """
    try:
        load_card(gap_dataset(name, size))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.?')}; {WAY_OUT}") from error


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
    config = _config(wish, size, (wish.method,))
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
    config = _config(wish, size, COMPARED)
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


def _config(wish: Wish, size: int, methods: Sequence[str]) -> RunConfig:
    """The run that compares methods on gaps of a size; a dataset that is built needs no volume."""
    check_dataset_name(wish.dataset, size)
    name = gap_dataset(wish.dataset, size)
    words = {"methods": tuple(methods), "dataset": (name,), "losses": wish.losses, **wish.run}
    path = dataset_path(Path(wish.run.get("data", "data")), name, fold_of(name, None))
    return load_config(None, words if path.exists() else words | wish.volume)


def _path(config: RunConfig) -> Path:
    """Where the triplets lie that are measured on."""
    [name] = config.dataset
    return dataset_path(config.data, name, fold_of(name, config.fold))


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
    if not (wish.named or _path(config).exists()):
        return []  # whatever the store has under the name, nothing says that it is of this volume
    try:
        results = load_results(config.out, config.data, lambda _: None)
    except UserError:
        return []
    [name] = config.dataset
    place, file = (name, fold_of(name, config.fold)), readable(_path(config))
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
    path = _path(config)
    if variant.info.kind == "classical":
        weights, tested_on = None, readable(path)
    else:
        weights, tested_on = entry.folder / WEIGHTS, TripletFile(path)
        if not weights.exists():
            raise UserError(f"{weights} is missing; repeat the run of '{config.dataset[0]}'.")
    return Filler(variant, entry.cell.loss, why, weights, measured, entry.membranes, tested_on)
