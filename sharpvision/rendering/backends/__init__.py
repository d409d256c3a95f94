"""Backends of `render`: this package's own kernels and PyTorch3D's rasteriser, behind one protocol."""

from sharpvision.rendering.backends.protocol import BACKENDS, Backend, Fragments
from sharpvision.rendering.backends.pytorch3d import PyTorch3D
from sharpvision.rendering.backends.warp import Warp

__all__ = ["BACKENDS", "Backend", "Fragments", "PyTorch3D", "Warp"]
