"""sharpvision: physics-informed, structured computer vision from few images.

Folders are the factors of the image-formation equation and are imported when first touched:

    import sharpvision as sv
    observations = sv.data.read_photometric("cat/")
    solution = sv.reconstruct.photometric_stereo(observations, method="physics", seed=0)
    sv.report.write(solution, "out/")
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.1.0"

_FOLDERS = (
    "core", "kernels", "cameras", "geometry", "materials", "illumination", "sensor",
    "priors", "residuals", "solvers", "rendering", "data", "report", "reconstruct", "bench", "cli",
)  # fmt: skip

__all__ = ["Shade", "__version__", *_FOLDERS]


def __getattr__(name: str) -> ModuleType | type:
    if name == "Shade":  # the one class up here: a module to put into somebody's own model, without the renderer
        shade: type = importlib.import_module("sharpvision.shade").Shade
        return shade
    if name in _FOLDERS:
        return importlib.import_module(f"sharpvision.{name}")
    raise AttributeError(f"module 'sharpvision' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
