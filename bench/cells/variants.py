"""Methods and losses with options, as the command line has them: `ssan[extractor=unet,k=4]`.

One option is the harness's own and open to every method that learns: `weights=FILE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import UserError
from bench.base.words import _sentence, read_words, spelling, with_options
from bench.cells.presets import PRESETS, Preset
from bench.cells.registry import load_method, require_loss

if TYPE_CHECKING:
    from methods.interface import Interpolator, MethodInfo
    from methods.losses import LossOptions


@dataclass(frozen=True)
class Variant:
    """A method's class and the options it is built with.

    Attributes:
        text: the canonical spelling; only options that were asked for, in alphabetical order.
        method: the class behind the name.
        options: an instance of ``method.Options``: the preset's, with what was asked for.
        weights: file with finished weights; None if the run has to find them.
    """

    text: str
    method: type[Interpolator]
    options: Any
    weights: Path | None = None

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
        }

    def build(self) -> Interpolator:
        """A fresh, untrained instance."""
        return self.method(self.options)


def parse_variant(text: str, preset: str) -> Variant:
    """Read a method's variant; it is built once, without memory, to check every option.

    Raises:
        UserError: unknown method or option, a value that the option does not take, or weights
            that do not fit.
    """
    name, wanted = read_words(text)
    method = load_method(name)
    weights = Path(wanted.pop("weights")) if "weights" in wanted else None
    widths = PRESETS[preset].widths or preset  # type: ignore[index]
    base = method.presets.get(widths, method.Options())
    options = with_options(name, method.Options, base, wanted)
    # Tables call weights by the name of their file, wherever it lies.
    words = spelling(name, wanted | ({"weights": weights.stem} if weights else {}))
    variant = Variant(words, method, options, weights)
    try:
        import torch

        with torch.device("meta"):
            variant.build()
    except (ValueError, TypeError, RuntimeError, ArithmeticError, ImportError) as error:
        raise UserError(f"{variant.text} cannot be built: {_sentence(error)}") from error
    if weights is not None:
        _check_weights(variant, weights, preset)
    return variant


def _check_weights(variant: Variant, weights: Path, preset: str) -> None:
    from bench.store.weights import load_weights

    if variant.info.kind == "classical":
        raise UserError(f"'{variant.info.name}' has no weights; leave weights={weights} out.")
    try:
        load_weights(weights, variant.build())
    except UserError as error:
        raise UserError(
            f"{str(error).rstrip('.')} ('{variant.info.name}', with the widths of the preset "
            f"'{preset}')."
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
        UserError: unknown loss or option, or a value that the option does not take.
    """
    from methods.losses import LossOptions

    name, wanted = read_words(text)
    require_loss(name)
    base = LossOptions(lowpass=preset.lowpass, feature_crop=preset.feature_crop)
    options = with_options(name, LossOptions, base, wanted)
    return LossVariant(spelling(name, wanted), name, options)
