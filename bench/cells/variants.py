"""Methods and losses with options, as the command line has them: `ssan[extractor=unet,k=4]`.

Two options are the harness's own: `weights=FILE`, for every method that learns, has finished
weights scored; `init=FILE`, for every trained one, is where its training starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from bench.base.errors import UserError
from bench.base.sentences import joined
from bench.base.words import _sentence, read_words, spelling, with_options
from bench.cells.presets import PRESETS, Preset
from bench.cells.registry import load_method, origin, require_loss

if TYPE_CHECKING:
    from methods.interface import Interpolator, MethodInfo
    from methods.losses import LossOptions


_FILES = ("weights", "init")
GAP, TAUGHT_BY = "gap", "taught_by"  # among the facts of a file of weights


@dataclass(frozen=True)
class Variant:
    """A method's class and the options it is built with.

    Attributes:
        text: the canonical spelling; only options that were asked for, in alphabetical order.
        method: the class behind the name.
        options: an instance of ``method.Options``: those of the file of weights or else of the
            preset, with what was asked for.
        weights: file with finished weights; None if the run has to find them.
        init: file with the weights that a training starts from; None if it starts from scratch.
        written: the spelling that was read, which has the paths of files.
    """

    text: str
    method: type[Interpolator]
    options: Any
    weights: Path | None = None
    init: Path | None = None
    written: str = ""

    @property
    def info(self) -> MethodInfo:
        """The facts about the method."""
        return self.method.info

    def facts(self) -> dict[str, Any]:
        """What a record keeps of the method: a report is written without its code."""
        return {
            "title": self.info.title,
            "kind": self.info.kind,
            "reference": self.info.reference,
            "deviations": list(self.info.deviations),
            **origin(self.text.partition("[")[0]),
        }

    def build(self, times: Sequence[float] = (0.5,)) -> Interpolator:
        """A fresh, untrained instance that knows the times of a gap."""
        from methods.timed import for_times

        return for_times(self.method, self.options, times)


def parse_variant(text: str, preset: str) -> Variant:
    """Read a method's variant; it is built once, without memory, to check every option.

    Raises:
        UserError: unknown method or option, a value that the option does not take, or weights
            that do not fit.
    """
    name, wanted = read_words(text)
    method = load_method(name)
    files = {option: Path(wanted.pop(option)) for option in _FILES if option in wanted}
    if len(files) > 1:
        raise UserError(
            f"'{text}' names both: weights are scored as they are, and from init a "
            "training starts; leave one of them out."
        )
    widths = PRESETS[preset].widths or preset
    base, sizes = method.presets.get(widths, method.Options()), f"the widths of preset '{preset}'"
    for option, path in files.items():
        _check_takes(method, option, path)
        stored = _stored_options(path, method)
        if stored is not None:
            base, sizes = stored, "the options that the file names"
    options = with_options(name, method.Options, base, wanted, _files_of(method))
    # Tables call weights by the name of their file, wherever it lies.
    words = spelling(name, wanted | {option: path.stem for option, path in files.items()})
    variant = Variant(words, method, options, **files, written=text)
    try:
        import torch

        with torch.device("meta"):
            variant.build()
    except (ValueError, TypeError, RuntimeError, ArithmeticError, ImportError) as error:
        raise UserError(f"{variant.text} cannot be built: {_sentence(error)}") from error
    for path in files.values():
        _check_fits(variant, path, sizes, wanted)
    return variant


def _files_of(method: type[Interpolator]) -> tuple[str, ...]:
    """The options that name a file, of those that a method takes."""
    return {"classical": (), "fitted": ("weights",)}.get(method.info.kind, _FILES)


def _check_takes(method: type[Interpolator], option: str, path: Path) -> None:
    """Refuse a file that a method has no use for."""
    name, kind = method.info.name, method.info.kind
    if kind == "classical":
        raise UserError(f"'{name}' has no weights; leave {option}={path} out.")
    if option == "init" and kind == "fitted":
        raise UserError(
            f"'{name}' is fitted in closed form and starts from nothing; leave init out."
        )


def _stored_options(path: Path, method: type[Interpolator]) -> Any | None:
    """The options of the network whose weights a file has; None where it does not say."""
    from bench.store.weights import UnsafeFormatError, load_tensors

    name = method.info.name
    try:
        facts = load_tensors(path)[1]
    except UnsafeFormatError as error:
        if "from_published" not in vars(method):
            raise
        raise UserError(
            f"{path} holds weights as others publish them; import them first with `bench weights "
            f"import {name} {path} --out {name}.safetensors`."
        ) from error
    if "options" not in facts:
        return None
    if facts.get("method") != name:
        raise UserError(
            f"The weights {path} are those of '{facts.get('method')}', not of '{name}'."
        )
    try:
        return TypeAdapter(method.Options).validate_python(facts["options"])
    except (ValidationError, ValueError) as error:
        raise UserError(
            f"The weights {path} are of a network with options that '{name}' does not have; "
            "import them anew."
        ) from error


def gap_of(path: Path) -> int:
    """How many slices were missing in a row where weights were trained."""
    from bench.store.weights import load_tensors

    return int(load_tensors(path)[1].get(GAP, 1))


def taught_by(path: Path) -> list[str]:
    """Digests of the segmenters that took part in the training of weights, as their file says."""
    from bench.store.weights import load_tensors

    return [*load_tensors(path)[1].get(TAUGHT_BY, ())]


def network_facts(model: Interpolator, gap: int, teachers: Sequence[str] = ()) -> dict[str, Any]:
    """What a file of weights says of what they are of: method and options.

    In a network of other options the weights may fit too, and make other slices. Also the gap where
    it is wider than a slice, and the teachers where there were any: none of them may judge.
    """
    options = TypeAdapter(type(model.options)).dump_python(model.options, mode="json")
    facts = {"method": model.info.name, "options": options}
    facts |= {GAP: gap} if gap > 1 else {}
    return facts | ({TAUGHT_BY: sorted(set(teachers))} if teachers else {})


def _check_fits(variant: Variant, path: Path, sizes: str, wanted: dict[str, str]) -> None:
    """Refuse weights that are not of the network's sizes.

    Args:
        variant: the method with its options.
        path: of the weights.
        sizes: in words, where the options come from that were not asked for.
        wanted: options that were asked for.
    """
    from bench.store.weights import load_weights
    from bench.triplets.gap import times_of

    try:
        load_weights(path, variant.build(times_of(gap_of(path))))
    except UserError as error:
        name = variant.info.name
        if not wanted:
            raise UserError(f"{str(error).rstrip('.')} ('{name}', with {sizes}).") from error
        asked = ", ".join(f"{option}={value}" for option, value in wanted.items())
        raise UserError(
            f"The weights {path} are not of a '{name}' with {asked} and else {sizes}; leave out "
            "what the weights were not made with."
        ) from error


@dataclass(frozen=True)
class LossVariant:
    """A loss and how it is read: `ls`, or `ls[style=plain]`."""

    text: str
    name: str
    options: LossOptions

    @property
    def needs_features(self) -> bool:
        """Whether it looks at VGG16 features."""
        from methods.losses import needs_features

        return needs_features(self.name)

    @property
    def needs_teacher(self) -> bool:
        """Whether it looks at membranes through a frozen segmenter."""
        from methods.losses import needs_teacher

        return needs_teacher(self.name)


def parse_loss(text: str, preset: Preset) -> LossVariant:
    """Read a loss's variant; its options start from the preset's.

    Raises:
        UserError: unknown loss or option, an option that the loss does not use, or a value that the
            option does not take.
    """
    from methods.losses import LOSSES, LossOptions, reads_option

    name, wanted = read_words(text)
    require_loss(name)
    base = LossOptions(lowpass=preset.lowpass, feature_crop=preset.feature_crop)
    options = with_options(name, LossOptions, base, wanted)
    for option in wanted:
        if not reads_option(name, option):
            readers = joined(other for other in LOSSES if reads_option(other, option))
            raise UserError(
                f"The loss '{name}' does not use the option {option}, which is one of {readers}; "
                "leave it out."
            )
    if "beta" in wanted and options.style == "plain":
        raise UserError(
            f"The option beta of '{name}' weighs the three terms of style=balance, and style=plain "
            "has one; leave beta out."
        )
    return LossVariant(spelling(name, wanted), name, options)
