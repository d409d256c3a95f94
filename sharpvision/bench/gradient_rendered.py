"""The renderer under test on a gradient scene: its image, and the gradient of the loss in physical parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sharpvision.bench.gradient_scenes import METALLIC, SIZE, GradientScene
from sharpvision.core.parametrisations import bounded, positive

if TYPE_CHECKING:
    from sharpvision.cameras import View
    from sharpvision.rendering.scene import Scene


@dataclass(frozen=True, eq=False)
class Rendered:
    """Image (H W, 3) and gradient by parameter, as float64."""

    image: Tensor
    gradient: dict[str, Tensor]


def differentiated(scene: GradientScene, mode: str, target: Tensor, dtype: torch.dtype = torch.float32) -> Rendered:
    """Render in one mode, take the sum of squared differences to the target (H W, 3), and differentiate."""
    from sharpvision.rendering.render import render
    from sharpvision.rendering.settings import RenderSettings

    model, view = rendered_scene(scene, dtype), rendered_view(scene, dtype)
    settings = RenderSettings(mode=mode, near=scene.near, buffers=("image",))  # type: ignore[arg-type]
    image = render(model, view, settings).image
    assert image is not None
    flat = image.double().reshape(-1, 3)
    loss = (flat - target).square().sum()
    raw = _raw_parameters(scene, model, view)
    names = [name for name in scene.parameters if name in raw]
    found = torch.autograd.grad(loss, [tensor for name in names for tensor in raw[name]])
    gradient, rest = {}, list(found)
    for name in names:
        own = [rest.pop(0).double() for _ in raw[name]]
        gradient[name] = torch.cat(own) if len(own) > 1 else own[0]
        if name in _PHYSICAL:
            gradient[name] = gradient[name] / _slope(name, raw[name][0])
    if "roughness" in gradient:
        gradient["roughness"] = gradient["roughness"].reshape(())
    return Rendered(flat.detach(), gradient)


_PHYSICAL = {
    "scale": positive,
    "focal_length": positive,
    "albedo_texture": lambda raw: bounded(raw, 0.0, 1.0),
    "roughness": lambda raw: bounded(raw, 0.0, 1.0),
}


def _slope(name: str, raw: Tensor) -> Tensor:
    """Derivative of a physical value in its unconstrained form, element by element."""
    raw = raw.detach().double().requires_grad_()
    return torch.autograd.grad(_PHYSICAL[name](raw).sum(), raw)[0]  # type: ignore[no-untyped-call]


def rendered_scene(scene: GradientScene, dtype: torch.dtype) -> Scene:
    """The scene in the renderer's own terms."""
    from sharpvision.geometry import Mesh
    from sharpvision.illumination import Directional, SphericalHarmonics
    from sharpvision.materials import Lambert, MetallicRoughness, Texture, VertexColor
    from sharpvision.rendering.scene import Scene, Shape

    def real(values: object) -> Tensor:
        return torch.from_numpy(np.array(values)).to(dtype)

    shapes = {}
    for index, s in enumerate(scene.shapes):
        own_normals = None if s.normal_faces is None else torch.from_numpy(s.normal_faces)
        uv = None if s.uv is None else real(s.uv)
        uv_faces = None if s.uv_faces is None else torch.from_numpy(s.uv_faces)
        colors = real(s.colors) if scene.texels is None else None
        mesh = Mesh(real(s.vertices), torch.from_numpy(s.faces), None, colors, uv, uv_faces, own_normals)
        base = VertexColor() if scene.texels is None else Texture(real(scene.texels))
        material = (
            Lambert(base) if scene.roughness is None
            else MetallicRoughness(base, real(METALLIC), real(scene.roughness))
        )  # fmt: skip
        shapes[f"shape_{index}"] = Shape(mesh, material)
    light: nn.Module
    if scene.light_sh is not None:
        light = SphericalHarmonics(real(scene.light_sh))
    else:
        light = Directional(real(scene.light_direction), real(scene.irradiance))
    return Scene(shapes, {"light": light}, real(scene.background))


def rendered_view(scene: GradientScene, dtype: torch.dtype) -> View:
    """The scene's camera."""
    from sharpvision.cameras import BrownConrady, Pinhole, View
    from sharpvision.core.pose import Pose

    fx, fy = scene.focal_px.tolist()
    cx, cy = scene.principal_point.tolist()
    k = torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=dtype)
    distortion = None if scene.distortion is None else torch.from_numpy(scene.distortion).to(dtype)
    camera = Pinhole(k) if distortion is None else BrownConrady(k, distortion)
    turn, shift = (torch.from_numpy(v).to(dtype) for v in (scene.camera_turn, scene.camera_shift))
    return View(camera, Pose(turn, shift), SIZE, SIZE)


def _raw_parameters(scene: GradientScene, model: Scene, view: View) -> dict[str, list[Tensor]]:
    """The tensors behind each parameter, as the modules hold them."""
    named = dict(model.named_parameters()) | {f"view.{k}": v for k, v in view.named_parameters()}
    lens = "view.camera." if scene.distortion is None else "view.camera.pinhole."
    first = "shapes.shape_0."
    where = {
        "translation": [first + "pose.translation"], "rotation": [first + "pose.rotation"],
        "scale": [first + "pose.scale_raw"], "focal_length": [lens + "focal_raw"],
        "vertices": [f"shapes.shape_{k}.vertices" for k in range(len(scene.shapes))],
        "principal_point": [lens + "principal_point"], "distortion": ["view.camera.distortion"],
        "light_sh": ["lights.light.coefficients"], "light_direction": ["lights.light.direction_raw"],
        "albedo_texture": [first + "material.albedo_map.texels_raw"],
        "roughness": [first + "material.roughness.value_raw"],
    }  # fmt: skip
    return {name: [named[n] for n in where[name]] for name in scene.parameters}
