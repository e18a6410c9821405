"""Whether a device computes what the CPU computes: values and gradients, in three precisions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from speed.figures import worst
from torch import Tensor, nn

from gpu.deadline import Deadline, first_line
from gpu.subjects import Make, Subject
from methods.interface import Interpolation

TOLERANCE = 1e-4  # of float32, relative to the largest value
KINK_TOLERANCE = 1e-9  # of float64, where gradients in float32 differ


class Passes(NamedTuple):
    """What a subject returned, and its gradients; on the CPU, in float64."""

    values: list[Tensor]
    gradients: list[Tensor]


def compare(
    work: Iterable[tuple[str, Make]],
    device: torch.device,
    deadline: Deadline,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """A row for each subject. One that differs, or cannot be computed, stops no other."""
    rows = []
    with plain_float32():
        for name, make in deadline.admit(work):
            say(name)
            rows.append({"name": name} | _row(make, device))
    return {"tolerance": TOLERANCE, "kink_tolerance": KINK_TOLERANCE, "rows": rows}


def _row(make: Make, device: torch.device) -> dict[str, Any]:
    torch.manual_seed(0)
    subject = make()
    cpu = torch.device("cpu")
    try:
        single = computed(subject, cpu, torch.float32)
        found = {
            "float32": errors(single, computed(subject, device, torch.float32)),
            "float64": errors(
                computed(subject, cpu, torch.float64), computed(subject, device, torch.float64)
            ),
            "bf16": errors(single, computed(subject, device, torch.float32, bf16=True)),
        }
    except RuntimeError as error:  # torch's, of memory and of a kernel's limits among them
        return {"verdict": "failed", "error": first_line(error)}
    return {"verdict": verdict(found), **found}


def verdict(found: dict[str, dict[str, float | None]]) -> str:
    """``equal``, ``equal in float64`` or ``differs``; a NaN differs.

    A gradient jumps where a ReLU has 0 or two inputs of a maximum are the same. Among millions of
    them one or another lies within a rounding of that, and then falls on either side. Where
    values agree, and gradients do in float64, a gradient of float32 met such a place.
    """
    if _within(found["float32"].values(), TOLERANCE):
        return "equal"
    values_agree = _within([found["float32"]["values"]], TOLERANCE)
    if values_agree and _within(found["float64"].values(), KINK_TOLERANCE):
        return "equal in float64"
    return "differs"


def _within(errors: Iterable[float | None], tolerance: float) -> bool:
    return all(error is None or error <= tolerance for error in errors)


def computed(
    subject: Subject, device: torch.device, dtype: torch.dtype, *, bf16: bool = False
) -> Passes:
    """Values without gradients as in a prediction, then both as in a training step."""
    function, inputs = _moved(subject, device, dtype)
    autocast = torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()
    with torch.inference_mode(), autocast:
        predicted = _tensors(_set(function, training=False)(*inputs))
    with autocast:
        trained = _tensors(_set(function, training=True)(*inputs))
    roots = [tensor for tensor in trained if tensor.requires_grad]
    leaves = [tensor for tensor in inputs if tensor.requires_grad]
    if isinstance(function, nn.Module):
        leaves += [weights for weights in function.parameters() if weights.requires_grad]
    gradients: tuple[Tensor | None, ...] = ()
    if roots and leaves:
        # The same on every device: drawn on the CPU.
        random = torch.Generator().manual_seed(1)
        given = [torch.randn(root.shape, generator=random).to(root) for root in roots]
        gradients = torch.autograd.grad(roots, leaves, given, allow_unused=True)
    return Passes(
        [tensor.detach().cpu().double() for tensor in (*predicted, *trained)],
        [gradient.cpu().double() for gradient in gradients if gradient is not None],
    )


def _moved(
    subject: Subject, device: torch.device, dtype: torch.dtype
) -> tuple[Callable[..., Any], list[Tensor]]:
    """Copies elsewhere; integers and truth values keep their type."""
    function = subject.function
    if isinstance(function, nn.Module):
        function = copy.deepcopy(function).to(device, dtype)
        function.to(memory_format=torch.channels_last)
    inputs = [
        tensor.detach().to(device, dtype if tensor.is_floating_point() else tensor.dtype)
        .requires_grad_(tensor.requires_grad) for tensor in subject.inputs
    ]  # fmt: skip
    return function, inputs


def _set(function: Callable[..., Any], *, training: bool) -> Callable[..., Any]:
    return function.train(training) if isinstance(function, nn.Module) else function


def _tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, Interpolation):
        return [result.middle, *result.extras.values()]
    return list(result)


def errors(reference: Passes, found: Passes) -> dict[str, float | None]:
    """The largest error of values and of gradients; None where there are none."""
    return {
        "values": _largest(reference.values, found.values),
        "gradients": _largest(reference.gradients, found.gradients),
    }


def _largest(reference: list[Tensor], found: list[Tensor]) -> float | None:
    """Relative to the largest value of each tensor.

    A tensor may be nothing but rounding: keys, for instance, all shifted by the same, change no
    softmax. Below a thousandth of the largest of all tensors the scale does not fall.
    """
    pairs = [(a, b) for a, b in zip(reference, found, strict=True) if a.numel()]
    if not pairs:
        return None
    sizes = [a.abs().max().item() for a, _ in pairs]
    least = max(sizes) / 1000 or 1.0
    return worst(
        (a - b).abs().max().item() / max(size, least)
        for (a, b), size in zip(pairs, sizes, strict=True)
    )


@contextmanager
def plain_float32() -> Iterator[None]:
    """Without TensorFloat-32, which has ten bits."""
    places = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [place.allow_tf32 for place in places]
    try:
        for place in places:
            place.allow_tf32 = False
        yield
    finally:
        for place, allowed in zip(places, before, strict=True):
            place.allow_tf32 = allowed
