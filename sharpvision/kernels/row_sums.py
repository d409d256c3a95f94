"""Sums of rows by owner, in one order whatever the number of threads."""

from functools import cache
from typing import Any

import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_view

start_warp()


@cache
def _kernel(real: type) -> Any:
    module = kernel_module(__name__, real)

    @wp.kernel(module=module, enable_backward=False)
    def add_up(first: int, owner: wp.array(dtype=int), rows: wp.array2d(dtype=real), out: wp.array2d(dtype=wp.float64)):
        """One item a column."""
        i = first + wp.tid()
        for g in range(owner.shape[0]):
            out[owner[g], i] = out[owner[g], i] + wp.float64(rows[g, i])

    return add_up


def sums_by_owner(rows: Tensor, owner: Tensor, count: int) -> Tensor:
    """Sums (count, W) of the rows (R, W) of each owner (R,) int32, added up in float64, of the rows' dtype.

    >>> sums_by_owner(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1, 0, 1], dtype=torch.int32), 2).tolist()
    [[2.0], [5.0]]
    """
    sums = torch.zeros(count, rows.shape[1], dtype=torch.float64, device=rows.device)
    inputs = [warp_view(owner), warp_view(rows), warp_view(sums)]
    dispatch(_kernel(real_of(rows)), rows.shape[1], inputs, rows.device, band_items=4)
    return sums.to(rows.dtype)


def column_sums(rows: Tensor) -> Tensor:
    """Sum (W,) of all rows (R, W), as `sums_by_owner`."""
    return sums_by_owner(rows, torch.zeros(len(rows), dtype=torch.int32, device=rows.device), 1)[0]
