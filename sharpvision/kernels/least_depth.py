"""How near the nearest vertex is."""

from functools import cache
from typing import Any

import warp as wp
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from sharpvision.kernels.dispatch import dispatch, kernel_module, real_of
from sharpvision.kernels.launch import start_warp
from sharpvision.kernels.views import warp_view

start_warp()

CHUNK = 1024
_kept: WeakIdKeyDictionary = WeakIdKeyDictionary()


@cache
def _kernel(real: type) -> Any:
    vec4 = wp.types.vector(4, real)

    @wp.kernel(module=kernel_module(__name__, real), enable_backward=False)
    def least(first: int, rows: wp.array(dtype=vec4), out: wp.array(dtype=real)):
        """The least w of `CHUNK` rows."""
        i = first + wp.tid()
        found = real(wp.inf)
        for r in range(i * CHUNK, wp.min((i + 1) * CHUNK, rows.shape[0])):
            if rows[r][3] < found:
                found = rows[r][3]
        out[i] = found

    return least


def least_depth(projected: Float[Tensor, "rows 4"]) -> Float[Tensor, ""]:
    """The least w of projected rows (x w, y w, q, w), infinite of none; found once for a tensor not written to.

    >>> import torch
    >>> float(least_depth(torch.tensor([[0.0, 0, 0, 2], [0, 0, 0, -1]])))
    -1.0
    """
    version = 0 if projected.is_inference() else projected._version
    kept = _kept.get(projected)
    if kept is None or kept[0] != version:
        rows = projected.detach().contiguous()
        real = real_of(rows)
        parts = rows.new_empty(max(1, -(-len(rows) // CHUNK)))
        views = [warp_view(rows, wp.types.vector(4, real)), warp_view(parts)]
        dispatch(_kernel(real), len(parts), views, rows.device, band_items=8)
        kept = _kept[projected] = (version, parts.amin())
    found: Tensor = kept[1]
    return found
