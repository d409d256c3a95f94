"""`torch.autograd.Function` without what its `apply` spends on keyword arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch._functorch.utils import unwrap_dead_wrappers
from torch.autograd import Function


class PositionalFunction(Function):
    """A function whose `forward` takes all its arguments by position.

    Torch's own `apply` reads the signature of `forward` at every call, 30 us where many kernels take no longer; the
    rest is the same, transformations of `torch.func` included.
    """

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """See `torch.autograd.Function.apply`."""
        if torch._C._are_functorch_transforms_active():
            return super().apply(*args)
        return super(Function, cls).apply(*unwrap_dead_wrappers(args))  # type: ignore[misc]
