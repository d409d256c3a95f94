"""A strip of an image by the kernels: rasterise, plan the samples, shade, antialias."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sharpvision.cameras import View
from sharpvision.illumination import Ambient, Directional, SphericalHarmonics
from sharpvision.kernels.antialias_function import antialias
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.freed_memory import keep_freed_memory
from sharpvision.kernels.interpolate import interpolate
from sharpvision.kernels.plain_values import outside_transforms, plain_values
from sharpvision.kernels.raster_types import Plan, Points
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.shade import irradiance_directional, irradiance_sh
from sharpvision.kernels.shade_ggx import GlossySurface, LitLobe, ggx_directional
from sharpvision.kernels.shade_ggx_sh import SkyLitLobe, ggx_sh
from sharpvision.kernels.silhouette_plan import PlanSettings, plan
from sharpvision.materials import Lobes
from sharpvision.rendering.buffers import Buffers, stacked
from sharpvision.rendering.geometry import SceneTopology, SurfaceState, surface_of, topology_of
from sharpvision.rendering.near_cut import NearCut, crosses_near, cut_at_near
from sharpvision.rendering.samples import SurfaceSamples
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.shading import albedo_at, radiance_at, shading_at
from sharpvision.rendering.shadows import visibility_of
from sharpvision.rendering.window import Window

_SEEN_BY_AREA = {"image", "alpha"}
_AT_CENTRES = {"depth", "normal", "uv", "face", "albedo", "shading"}


def draw(scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:
    """The buffers that `settings` asks for, of a strip of all views; leading axis B."""
    keep_freed_memory()
    topology = topology_of(scene)
    state = surface_of(scene, topology)
    projected = view.projected(state.vertices, settings.near)
    views = projected.shape[0] if projected.dim() == 3 else 1
    rows = projected.reshape(-1, 4)
    if window.top:
        rows = rows - rows[:, 3:] * rows.new_tensor([0.0, window.top, 0.0, 0.0])
    rows = rows.contiguous()
    context = _Context(scene, view, topology, state, rows, settings)
    if not crosses_near(context.places, topology.faces, views, settings.near):
        return _drawn(context, window, views)
    parts = []
    for index, own in enumerate(rows.split(topology.vertices)):  # each view cuts the scene in its own way
        cut = cut_at_near(topology, state, own, settings.near)
        context = _Context(scene, view, cut.topology, cut.state, cut.projected.contiguous(), settings)
        context.cut, context.first_view, context.whole = cut, index, state.vertices
        parts.append(_drawn(context, window, 1))
    return stacked(parts, 0)


def _drawn(context: _Context, window: Window, views: int) -> Buffers:
    """The buffers of the views in a context."""
    settings, topology, places = context.settings, context.topology, context.places
    with torch.no_grad(), outside_transforms():
        context.batch = topology.batch(views, window.rows, context.view.width)
        raster = rasterize(places, context.batch, settings.near, topology.edges)
        layouts = [plan(places, context.batch, raster, topology.edges, s) for s in _plans(settings)]
    wanted: dict[str, Tensor] = {}
    if _SEEN_BY_AREA & set(settings.buffers):
        wanted |= _image(context, layouts[0], window)
    if _AT_CENTRES & set(settings.buffers):
        wanted |= _at_centres(context, layouts[-1])
    return Buffers(**wanted)


class _Context:
    """What the steps of one strip share; a cut scene is that of the one view `first_view`."""

    batch: Batch

    def __init__(
        self, scene: Scene, view: View, topology: SceneTopology, state: SurfaceState, projected: Tensor,
        settings: RenderSettings,
    ) -> None:  # fmt: skip
        self.scene, self.view, self.topology, self.state = scene, view, topology, state
        self.projected, self.settings = projected, settings
        self.places = plain_values(projected)
        self.cut: NearCut | None = None
        self.first_view = 0
        self.whole = state.vertices

    def samples(self, points: Points) -> SurfaceSamples:
        """Surface values at points of a plan, by the kernels."""

        def values(attributes: Tensor, faces: Tensor) -> Tensor:
            return interpolate(points, self.projected, self.batch, attributes, faces)

        found = SurfaceSamples(
            self.scene, self.view, self.topology, self.state, points.face, points.view + self.first_view, values,
        )  # fmt: skip
        found.extended = (lambda rows: rows) if self.cut is None else self.cut.extended
        fused: dict[int, Tensor | None] = {}

        def irradiance(light: nn.Module, gain: Tensor | None) -> Tensor | None:
            if gain is not None:
                return self._irradiance(points, light, gain)
            if id(light) not in fused:  # shapes ask one after the other
                fused[id(light)] = self._irradiance(points, light, None)
            return fused[id(light)]

        found.fused = irradiance
        found.fused_lobe = lambda light, lobes: self._lobe(points, light, lobes)

        def one_pixel_on(axis: int, attributes: Tensor, faces: Tensor) -> Tensor:
            with outside_transforms():
                moved = points.position.clone()
                moved[:, axis] += 1
                beside = replace(points, position=moved, edge=torch.full_like(points.edge, 3))
            places = self.places
            return interpolate(beside, places, self.batch, attributes, faces)

        found.one_pixel_on = one_pixel_on
        if self.settings.shadows:
            found.visible = visibility_of(self.whole, topology_of(self.scene))
        return found

    def _irradiance(self, points: Points, light: nn.Module, gain: Tensor | None) -> Tensor | None:
        """By a fused kernel, of the lights that have one; irradiance is linear in the light, which takes the gain."""
        surface = (points, self.projected, self.batch, self.state.normals, self.topology.normal_faces)
        if isinstance(light, SphericalHarmonics) and light.coefficients.dim() == 2:
            coefficients: Tensor = light.coefficients
            return irradiance_sh(*surface, coefficients if gain is None else coefficients * gain)
        if isinstance(light, Directional) and light.direction_raw.dim() == 1:
            strength = light.irradiance if gain is None else light.irradiance * gain
            return irradiance_directional(*surface, (light.direction, strength))
        if isinstance(light, Ambient):
            level = torch.pi * light.level
            return (level if gain is None else level * gain).expand(len(points), -1)
        return None

    def _lobe(self, points: Points, light: nn.Module, lobes: Lobes) -> Tensor | None:
        """Radiance of lobes that are the same everywhere, by a fused kernel, of the lights that have one."""
        roughness, f0 = lobes.roughness, lobes.f0
        if roughness is None or f0 is None or roughness.dim() > 0 or f0.dim() > 1 or lobes.albedo.dim() > 1:
            return None
        surface = GlossySurface(self.state.vertices, self.state.normals, self.topology.normal_faces)
        place = (points, self.projected, self.batch, surface, self._eyes())
        reflectance = (roughness, f0, lobes.albedo if lobes.matte else None)
        sky = _harmonics_of(light)
        if sky is not None and sky.shape[1:] == f0.shape:
            return ggx_sh(*place, SkyLitLobe(sky, *reflectance))
        if isinstance(light, Directional) and light.direction_raw.dim() == 1 and light.irradiance.shape == f0.shape:
            return ggx_directional(*place, LitLobe(light.direction, light.irradiance, *reflectance))
        return None

    def _eyes(self) -> Tensor:
        """One (4,) a view of the batch."""
        eyes = self.view.eyes.reshape(-1, 4)
        views = slice(self.first_view, self.first_view + self.batch.views)
        return (eyes.expand(self.batch.views, 4) if len(eyes) == 1 else eyes[views]).contiguous()


def _harmonics_of(light: nn.Module) -> Tensor | None:
    """Coefficients (K, C) of a light that is, or can be had as, spherical harmonics of order 2 to 4."""
    if isinstance(light, SphericalHarmonics) and light.coefficients.dim() == 2:
        coefficients: Tensor = light.coefficients
        return coefficients
    if isinstance(light, Ambient) and light.level.dim() == 1:
        constant = (4 * torch.pi) ** 0.5 * light.level
        return torch.cat([constant[None], constant.new_zeros(8, len(constant))])
    return None


def _plans(settings: RenderSettings) -> list[PlanSettings]:
    """Of the image and of what is seen at centres, as far as they are wanted."""
    everywhere = settings.mode == "accurate"
    samples = 4 if everywhere or (settings.mode == "default" and settings.silhouettes) else 1
    by_area = PlanSettings(samples, everywhere, settings.silhouettes, settings.near)
    at_centres = PlanSettings(1, False, False, settings.near)
    wanted = [by_area] if _SEEN_BY_AREA & set(settings.buffers) else []
    return wanted + ([at_centres] if _AT_CENTRES & set(settings.buffers) else [])


def _image(context: _Context, layout: Plan, window: Window) -> dict[str, Tensor]:
    """Image and coverage."""
    wanted, scene = context.settings.buffers, context.scene
    ground: Tensor = scene.background
    if ground.dim() == 3:
        ground = ground[window.top : window.top + window.rows]
    ground = ground.reshape(-1, ground.shape[-1])
    radiance = radiance_at(scene, context.samples(layout.points)) if "image" in wanted else None
    if radiance is None:
        covered = context.projected.new_ones(len(layout.points), 1)
        return {"alpha": antialias(covered, covered.new_zeros(1, 1), context.projected, layout)[..., 0]}
    if "alpha" not in wanted:
        return {"image": antialias(radiance, ground, context.projected, layout)}
    radiance = torch.cat([radiance, radiance.new_ones(len(radiance), 1)], 1)
    ground = torch.cat([ground, ground.new_zeros(len(ground), 1)], 1)
    both = antialias(radiance, ground, context.projected, layout)
    return {"image": both[..., :-1], "alpha": both[..., -1]}


def _at_centres(context: _Context, layout: Plan) -> dict[str, Tensor]:
    """What the rays through the pixels' centres meet."""
    points, shape = layout.points, layout.sample.shape
    samples, pixel = context.samples(points), points.pixel.long()

    def spread(values: Tensor, empty: float) -> Tensor:
        image = values.new_full((layout.sample.numel(), *values.shape[1:]), empty)
        return image.index_put((pixel,), values).view(*shape, *values.shape[1:])

    def depth() -> Tensor:
        seen = context.view.world_to_camera(context.whole)[..., 2:]
        if context.cut is not None:
            seen = context.cut.extended(seen if seen.dim() == 2 else seen[context.first_view])
        camera = seen.reshape(-1, 1).contiguous()
        rows = context.batch.row_offset if len(camera) > context.topology.vertices else None
        values = interpolate(points, context.projected, context.batch, camera, context.topology.faces, rows)
        return spread(values[:, 0], torch.inf)

    makers = {
        "depth": depth,
        "normal": lambda: spread(samples.normal, 0.0),
        "uv": lambda: spread(samples.uv, torch.nan),
        "face": lambda: spread(samples.face.long() if context.cut is None else context.cut.origin[samples.face], -1),
        "albedo": lambda: spread(albedo_at(context.scene, samples), 0.0),
        "shading": lambda: spread(shading_at(context.scene, samples), 0.0),
    }
    return {name: make() for name, make in makers.items() if name in context.settings.buffers}
