"""Compiling the kernels at a time of one's choosing, so that a command can say what it waits for."""

from __future__ import annotations

import warp as wp

from sharpvision.kernels import bundle_fit, height_field, pixel_fit, robust_normals
from sharpvision.kernels.launch import compiling, start_warp

start_warp()

_MODULES = (pixel_fit, robust_normals, height_field)


def precompile(*, bundles: bool = False) -> None:
    """Compile and load the kernels: about 5 s once a machine and version, then some milliseconds from Warp's cache;
    `bundles`: those that fit lights and normals together, too.

    Without it each module compiles at its first launch. Raises `SharpVisionError` where the cache can't be written.
    """
    with compiling():
        for module in (*_MODULES, bundle_fit) if bundles else _MODULES:
            wp.load_module(module, device="cpu")
