"""Asking for memory ahead of its use, in kernels that go through faces whose corners lie apart.

On a CPU a face's corners that are in no cache cost as much as the work on the face; asked for some faces ahead, they
arrive in time. Nothing depends on it, and on CUDA, where other threads work meanwhile, it does nothing.
"""

from functools import cache
from typing import Any

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()

_CORNERS = """
#if !defined(__CUDA_ARCH__)
    if (i + 12 < stop) {
        const auto& corners = faces.data[i + 12];
        for (int k = 0; k < 3; ++k)
            __builtin_prefetch(values.data + (long long)row + corners[k]);
    }
#endif
"""


@cache
def corner_fetch(dtype: Any, ndim: int = 1) -> Any:
    """`fetch(i, stop, row, faces, values)`: a dozen faces before `stop` ahead of face i, rows `row` + corner of values
    of type `dtype`."""
    array: Any = wp.array(dtype=dtype, ndim=ndim)

    @wp.func_native(_CORNERS)
    def fetch(i: int, stop: int, row: int, faces: wp.array(dtype=wp.vec3i), values: array): ...  # type: ignore[valid-type]

    return fetch
