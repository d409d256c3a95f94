"""Tasks: one file a task; those that render are loaded when touched."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sharpvision.reconstruct.photometric_stereo import photometric_stereo

if TYPE_CHECKING:
    from sharpvision.reconstruct.capture import Capture, CaptureOptions, prepare_capture
    from sharpvision.reconstruct.fit_film import FitFilm
    from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
    from sharpvision.reconstruct.inverse import ImageModel, SceneFitSettings, fit_scene
    from sharpvision.reconstruct.light import LightSettings, fit_light
    from sharpvision.reconstruct.photographs import Photographs
    from sharpvision.reconstruct.pose import PoseSettings, fit_pose
    from sharpvision.reconstruct.shape import ShapeSettings, ShapeStage, fit_shape
    from sharpvision.reconstruct.texture import TextureSettings, fit_texture

_HOMES = {
    "Capture": "capture",
    "CaptureOptions": "capture",
    "prepare_capture": "capture",
    "FitFilm": "fit_film",
    "IntegrationSettings": "integration",
    "integrate_normals": "integration",
    "ImageModel": "inverse",
    "SceneFitSettings": "inverse",
    "fit_scene": "inverse",
    "LightSettings": "light",
    "fit_light": "light",
    "Photographs": "photographs",
    "PoseSettings": "pose",
    "fit_pose": "pose",
    "ShapeSettings": "shape",
    "ShapeStage": "shape",
    "fit_shape": "shape",
    "TextureSettings": "texture",
    "fit_texture": "texture",
}

__all__ = [
    "Capture", "CaptureOptions", "FitFilm", "ImageModel", "IntegrationSettings", "LightSettings", "Photographs",
    "PoseSettings", "SceneFitSettings", "ShapeSettings", "ShapeStage", "TextureSettings", "fit_light", "fit_pose",
    "fit_scene", "fit_shape", "fit_texture", "integrate_normals", "photometric_stereo", "prepare_capture",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharpvision.reconstruct.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharpvision.reconstruct' has no attribute {name!r}")
