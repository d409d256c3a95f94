"""Radiance at points of a scene: the fused kernels where they apply, deferred shading in torch everywhere else."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.core.vectors import dot
from sharpvision.illumination import DistributedLight, Light
from sharpvision.materials import Lobes, Material, SurfacePoints, Texture, lobes_brdf
from sharpvision.rendering.normal_maps import mapped_normal
from sharpvision.rendering.samples import SurfaceSamples
from sharpvision.rendering.scene import Scene, Shape


def radiance_at(scene: Scene, samples: SurfaceSamples) -> Float[Tensor, "p c"]:
    """Radiance (P, C) from the points towards the camera, every light of the scene added up.

        L = sum over delta lights of f(n, wi, wo) E max(n.wi, 0) V
            + sum over distributed lights of albedo E(n) / pi + the lobe's part (`DistributedLight.specular`)

    Any material, any light; n is the shading normal on the outer side, also where a face is seen from behind. V is
    `samples.visible`, 1 without it. Derivatives to everything but V. Raises `InputError` where a material without a
    closed form is lit by a light with extent.
    """
    return _by_shape(samples, lambda shape, own: _radiance(scene, shape, own))


def albedo_at(scene: Scene, samples: SurfaceSamples) -> Float[Tensor, "p c"]:
    """Diffuse albedo (P, C) at the points; zero for a material without."""

    def of_shape(shape: Shape, own: SurfaceSamples) -> Tensor:
        material: Material = shape.material  # type: ignore[assignment]
        if not material.has_lobes:
            return own.state.vertices.new_zeros(len(own), scene.background.shape[-1])
        return material.lobes(_surface_points(shape, own)).albedo.expand(len(own), -1)

    return _by_shape(samples, of_shape)


def shading_at(scene: Scene, samples: SurfaceSamples) -> Float[Tensor, "p c"]:
    """Irradiance / pi (P, C) at the points: the radiance of a white matte surface there."""
    return _by_shape(samples, lambda shape, own: _irradiance(scene, shape, own) / torch.pi)


def _by_shape(samples: SurfaceSamples, function: Callable[[Shape, SurfaceSamples], Tensor]) -> Tensor:
    """`function` of every shape and its points, put back in the order of the points."""
    shapes = samples.scene.shape_list
    if len(shapes) == 1:
        return function(shapes[0], samples)
    owner = samples.topology.face_shape[samples.face]
    places = [(owner == index).nonzero()[:, 0] for index in range(len(shapes))]
    parts = [function(shape, samples.at(where)) for shape, where in zip(shapes, places, strict=True)]
    return torch.cat(parts).index_select(0, torch.cat(places).argsort())


def _surface_points(shape: Shape, samples: SurfaceSamples) -> SurfacePoints:
    textured = shape.uv is not None
    return SurfacePoints(
        uv=samples.uv if textured else None,
        footprint=samples.footprint if textured and _is_mip_mapped(shape) else None,
        color=None if shape.colors is None else samples.color,
    )


def _is_mip_mapped(shape: Shape) -> bool:
    """Whether a map of the material asks how large a pixel is."""
    return any(isinstance(part, Texture) and part.filter == "mipmap" for part in shape.material.modules())


def _normal(shape: Shape, samples: SurfaceSamples) -> Tensor:
    """The shading normal, turned by the material's normal map where it has one."""
    mapped = mapped_normal(shape.material, _surface_points(shape, samples), samples)  # type: ignore[arg-type]
    return samples.normal if mapped is None else mapped


def _irradiance(scene: Scene, shape: Shape, samples: SurfaceSamples, gain: Tensor | None = None) -> Tensor:
    """Irradiance (P, C) of all lights at the shading normals, shadows included; times `gain` (C,), which costs nothing
    where a fused kernel takes it with the light."""
    smooth, normal, parts = not _has_normal_map(shape), None, []
    for light in scene.lights.values():
        shadowed = samples.visible is not None and isinstance(light, Light)
        fused = samples.fused(light, gain) if smooth and not shadowed else None
        if fused is not None:
            parts.append(fused)
            continue
        normal = _normal(shape, samples) if normal is None else normal
        if isinstance(light, DistributedLight):
            part = light.irradiance(normal)
        else:
            part = _incident(light, samples, normal)[1]  # type: ignore[arg-type]
        parts.append(part if gain is None else gain * part)
    if not parts:
        return samples.state.vertices.new_zeros(len(samples), scene.background.shape[-1])
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _has_normal_map(shape: Shape) -> bool:
    return getattr(shape.material, "normal_map", None) is not None


def _incident(light: Light, samples: SurfaceSamples, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Direction to a delta light, and irradiance times cosine (P, C), zero in shadow."""
    direction, irradiance = light(samples.position)
    cosine = dot(normal, direction).clamp(min=0)
    if samples.visible is not None:
        facing = (cosine > 0).nonzero()[:, 0]  # the others are dark whatever is in the way
        points, position = samples.position.detach()[facing], getattr(light, "position", None)
        distance = None if position is None else torch.linalg.vector_norm(position.detach() - points, dim=-1)
        lit = samples.visible(points, direction.detach().expand(len(cosine), 3)[facing], distance)
        cosine = torch.where(torch.zeros_like(cosine, dtype=torch.bool).index_put((facing,), lit), cosine, 0.0)
    return direction, irradiance * cosine[:, None]


def _radiance(scene: Scene, shape: Shape, samples: SurfaceSamples) -> Tensor:
    material: Material = shape.material  # type: ignore[assignment]
    if not material.has_lobes:
        return _radiance_of_brdf(scene, shape, samples, material)
    lobes = material.lobes(_surface_points(shape, samples))
    if lobes.f0 is None or lobes.roughness is None:
        gain = lobes.albedo / torch.pi
        if gain.dim() == 1:
            return _irradiance(scene, shape, samples, gain)
        return gain * _irradiance(scene, shape, samples)
    return _radiance_of_lobes(scene, shape, samples, lobes)


def _radiance_of_lobes(scene: Scene, shape: Shape, samples: SurfaceSamples, lobes: Lobes) -> Tensor:
    """A diffuse part under a GGX lobe."""
    assert lobes.f0 is not None
    assert lobes.roughness is not None
    radiance = samples.state.vertices.new_zeros(len(samples), scene.background.shape[-1])
    smooth = not _has_normal_map(shape)
    for light in scene.lights.values():
        shadowed = samples.visible is not None and isinstance(light, Light)
        fused = samples.fused_lobe(light, lobes) if smooth and not shadowed else None
        if fused is not None:
            radiance = radiance + fused
            continue
        normal, wo = _normal(shape, samples), samples.toward_camera
        if isinstance(light, DistributedLight):
            cosine = dot(normal, wo).clamp(min=0)
            matte = lobes.matte_albedo(cosine) * light.irradiance(normal) / torch.pi
            radiance = radiance + matte + light.specular(normal, wo, lobes.f0, lobes.roughness.expand(len(samples)))
        else:
            wi, arriving = _incident(light, samples, normal)  # type: ignore[arg-type]
            radiance = radiance + lobes_brdf(normal, wi, wo, lobes) * arriving
    return radiance


def _radiance_of_brdf(scene: Scene, shape: Shape, samples: SurfaceSamples, material: Material) -> Tensor:
    """Any BRDF, under lights without extent."""
    normal = _normal(shape, samples)
    radiance = samples.state.vertices.new_zeros(len(samples), scene.background.shape[-1])
    for name, light in scene.lights.items():
        if isinstance(light, DistributedLight):
            kind = type(material).__name__
            raise InputError(
                f"light {name!r}", f"a light without extent on {kind}, which has no closed form under another",
                type(light).__name__, "use Lambert, GGX or MetallicRoughness, or directional and point lights",
            )  # fmt: skip
        wi, arriving = _incident(light, samples, normal)  # type: ignore[arg-type]
        radiance = radiance + material(normal, wi, samples.toward_camera) * arriving
    return radiance
