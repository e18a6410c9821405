"""Memory of tensors, counted from shapes alone: nothing is computed."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable
from typing import Any, TypeVar

from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Module = TypeVar("Module", bound=nn.Module)


class LiveStorages(TorchDispatchMode):
    """Adds up the bytes of the tensors that are alive.

    Attributes:
        live: bytes of the tensors that were made since and are alive.
        peak: most bytes that were alive at once.
    """

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        """Start to count.

        Args:
            known: tensors that were there before, and do not count.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look at what every operator leaves."""
        del types
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return out

    def _see(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def without_values(module: Module, mode: FakeTensorMode) -> Module:
    """A copy of a module whose tensors have shapes and no values, and take no memory."""
    with FakeCopyMode(mode):
        return copy.deepcopy(module)
