"""A method by its name, with weights from a file; and slices of NumPy, in and out of one.

torch is imported by whoever loads a method, not by whoever asks which there are.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.catalogue import METHODS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from methods.interface import Interpolator

    Grey = NDArray[np.uint8]

SIZES = ("quick", "medium", "paper")  # presets that have sizes of their own


def load(
    name: str,
    weights: str | Path | None = None,
    *,
    preset: str = "quick",
    gap: int = 1,
    **options: Any,
) -> Interpolator:
    """Make a method, ready to synthesise.

    Args:
        name: of a built-in method, for instance ``ssan``; ``bench list methods`` has them all.
        weights: safetensors file of a finished training, ``weights.safetensors`` of its cell.
            Without it a network is as it is born, and mostly returns the average.
        preset: whose sizes a network has: ``quick``, ``medium`` or ``paper``. Weights that name
            their own options, as those of a training or of ``bench weights import``, do not need
            it; those of trainings before files named them do.
        gap: slices that are missing in a row, where there are no weights to say it: a method that
            knows the slice halfway alone is made once for each time.
        options: of the method that differ, for instance ``extractor="unet"``.

    Returns:
        The method, in evaluation mode on the CPU; ``.to("cuda")`` moves it.

    Raises:
        ValueError: there is no such method or option, an option does not take its value, or the
            weights do not fit.
        FileNotFoundError: there is no file of weights.

    Examples:
        >>> import methods
        >>> methods.load("linear", window=5).options.window
        5
    """
    from methods.timed import for_times

    if name not in METHODS:
        raise ValueError(f"There is no method '{name}'; choose from {', '.join(METHODS)}.")
    module, _, attribute = METHODS[name].target.partition(":")
    method: type[Interpolator] = getattr(importlib.import_module(module), attribute)
    tensors, facts = ({}, {}) if weights is None else _read(Path(weights))
    known = [field.name for field in dataclasses.fields(method.Options)]
    for option in options.keys() - set(known):
        raise ValueError(f"'{name}' has no option '{option}'; it has {', '.join(known) or 'none'}.")
    chosen = dataclasses.replace(_options(method, preset, facts), **options)
    missing = int(facts.get("gap", gap))
    if missing < 1:
        raise ValueError(f"A gap has at least one slice, not {missing}.")
    model = for_times(method, chosen, [k / (missing + 1) for k in range(1, missing + 1)])
    if weights is not None:
        try:
            model.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(
                f"The weights {weights} are not of a '{name}' of these options; name its preset."
            ) from error
    return model.eval()


def synthesise(method: Interpolator, before: Grey, after: Grey, time: float = 0.5) -> Grey:
    """Synthesise the slice at a time between two others.

    Args:
        method: as ``load`` makes it, or any ``methods.interface.Interpolator``.
        before: uint8 HW.
        after: uint8 HW, of the same shape.
        time: between that of ``before``, 0, and that of ``after``, 1.

    Returns:
        uint8 HW.

    Raises:
        ValueError: the slices are not uint8 HW of one shape, the time is not between 0 and 1 or
            not one that the method knows, or the method returned NaN or infinity.

    Examples:
        >>> import methods
        >>> import numpy as np
        >>> before = np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)
        >>> same = methods.synthesise(methods.load("flow"), before, before)
        >>> bool((same == before).all())
        True
    """
    import torch

    from methods.timed import at_time

    fit = before.ndim == 2 and before.shape == after.shape
    if not (fit and before.dtype == after.dtype == "uint8"):
        raise ValueError(
            f"Give two uint8 slices HW of one shape, not {before.dtype} {before.shape} and "
            f"{after.dtype} {after.shape}."
        )
    place = next(iter(method.state_dict().values()), torch.empty(0)).device
    with torch.inference_mode(), _evaluated(method):
        one, other = (_tensor(grey).to(place) for grey in (before, after))
        middle = at_time(method, one, other, time).middle[0, 0].float()
    if not torch.isfinite(middle).all():
        raise ValueError(f"'{method.info.name}' returned NaN or infinity.")
    grey: Grey = middle.clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
    return grey


@contextmanager
def _evaluated(method: Interpolator) -> Iterator[None]:
    """A method is born in training mode, in which some return another slice, and remember it."""
    learning = [part for part in method.modules() if part.training]
    method.eval()
    try:
        yield
    finally:
        for part in learning:
            part.training = True


def _tensor(grey: Grey) -> Tensor:
    """A slice as methods take it, 11HW in [0, 1]."""
    import numpy as np
    import torch

    return torch.from_numpy(np.ascontiguousarray(grey))[None, None].float().div(255)


def _options(method: type[Interpolator], preset: str, facts: dict[str, Any]) -> Any:
    """The options that a file of weights names, else those of a preset."""
    if facts.get("method", method.info.name) != method.info.name:
        raise ValueError(f"The weights are of '{facts['method']}', not of '{method.info.name}'.")
    if "options" not in facts:
        if preset not in SIZES:
            raise ValueError(f"There is no preset '{preset}'; choose from {', '.join(SIZES)}.")
        return method.presets.get(preset, method.Options())
    known = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts["options"].items()
    }
    try:
        return method.Options(**known)
    except TypeError as error:
        raise ValueError(
            f"The weights are of a '{method.info.name}' with options that it does not have; import "
            "or train them anew."
        ) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a safetensors file, and what it says beside them."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"There is no file of weights {path}; check the path.")
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}).") from error
