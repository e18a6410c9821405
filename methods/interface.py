"""What every method promises: two slices in, a slice between them out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.option_checks import require_words

Kind = Literal["classical", "fitted", "trained"]


class Triplets(NamedTuple):
    """A batch of three consecutive slices; ``middle`` is the truth.

    Every field is B1HW, float32, in [0, 1].
    """

    before: Tensor
    middle: Tensor
    after: Tensor


class Interpolation(NamedTuple):
    """What a method returns.

    Attributes:
        middle: the synthesised slice, B1HW float32, nominally in [0, 1], not clamped.
        extras: what the method can show of its inner life (flow, mask, warped
            frames, gamma), under the names its ``MethodInfo.extras`` lists.
    """

    middle: Tensor
    extras: Mapping[str, Tensor] = MappingProxyType({})


@dataclass(frozen=True)
class MethodInfo:
    """The facts about a method that tables, keys and footnotes need.

    Attributes:
        name: the word used on the command line.
        title: the name printed in tables.
        reference: the publication it follows.
        kind: ``classical`` (nothing to learn), ``fitted`` (closed form on the
            training split) or ``trained``.
        revision: raised by hand whenever outputs change for the same weights.
        stride: inputs are padded to a multiple of it inside the method.
        swap_symmetric: exchanging before and after leaves the result the same; at another time
            than 1/2, exchanging them and taking 1 - time.
        any_time: ``forward`` takes the time of the slice as its third argument; without it a
            method knows the slice halfway alone.
        extras: names of the tensors in ``Interpolation.extras``.
        deviations: where this differs from the reference; printed as footnotes.
        motion: names of the submodules that estimate motion and nothing else; a training may
            let them learn slower where its loss says little about motion.
    """

    name: str
    title: str
    reference: str
    kind: Kind
    revision: int = 1
    stride: int = 1
    swap_symmetric: bool = False
    any_time: bool = False
    extras: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    motion: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoOptions:
    """For methods that have nothing to choose."""


class Interpolator(nn.Module):
    """A method. Classical methods are modules without parameters.

    A method that takes options names a frozen dataclass as ``Options``, takes one
    instance of it as its only argument, and lists its widths by preset name
    (``quick``, ``medium``, ``paper``) in ``presets``.

    A method whose ``info.any_time`` is set has ``forward(before, after, time=0.5)``: the time is
    between that of ``before``, 0, and that of ``after``, 1.

    Raises:
        ValueError: an option that is declared as a ``Literal`` has none of its values.
    """

    info: ClassVar[MethodInfo]
    Options: ClassVar[type[Any]] = NoOptions
    presets: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, options: Any = None) -> None:
        super().__init__()
        self.options = self.Options() if options is None else options
        require_words(self.options)

    @abstractmethod
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Synthesise the slice between ``before`` and ``after`` (both B1HW in [0, 1])."""

    @classmethod
    def from_published(cls, tensors: Mapping[str, Tensor]) -> Interpolator:  # noqa: ARG003
        """A network with weights as its authors published them.

        Args:
            tensors: of the published file, by name.

        Raises:
            ValueError: they are not those of this method, or it knows no published weights.
        """
        raise ValueError(f"no published weights of '{cls.info.name}' are known")


class FittedInterpolator(Interpolator):
    """A method whose weights follow in closed form from the training split."""

    @abstractmethod
    def fit(self, triplets: Iterable[Triplets]) -> None:
        """Set the weights from one pass over the training triplets."""


def pad_to_multiple(
    synthesise: Callable[[Tensor, Tensor], Interpolation],
    before: Tensor,
    after: Tensor,
    stride: int,
) -> Interpolation:
    """Run ``synthesise`` on inputs padded to a multiple of ``stride``; crop the results.

    The edge is replicated, because reflection fails on inputs smaller than the padding.

    Args:
        synthesise: maps two B1HW tensors to an interpolation of the same H and W.
        before: B1HW in [0, 1].
        after: B1HW in [0, 1].
        stride: H and W are padded at the bottom and right to a multiple of it.

    Returns:
        The interpolation at the input's size; 4-D extras of the padded size are cropped too.
    """
    height, width = before.shape[-2:]
    bottom, right = -height % stride, -width % stride
    if not bottom and not right:
        return synthesise(before, after)
    edges = (0, right, 0, bottom)
    padded = synthesise(
        functional.pad(before, edges, mode="replicate"),
        functional.pad(after, edges, mode="replicate"),
    )
    size = (height + bottom, width + right)

    def crop(tensor: Tensor) -> Tensor:
        if tensor.dim() == 4 and tensor.shape[-2:] == torch.Size(size):
            return tensor[..., :height, :width]
        return tensor

    extras = {name: crop(value) for name, value in padded.extras.items()}
    return Interpolation(crop(padded.middle), extras)
