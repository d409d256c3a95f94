"""The albedo texture of a known shape under known light from photographs."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.core.parametrisations import bounded
from sharpvision.materials import Texture
from sharpvision.priors import HuberSmoothness
from sharpvision.reconstruct.fit_film import FitFilm
from sharpvision.reconstruct.inverse import ImageModel, in_stages, judged, shape_of
from sharpvision.reconstruct.photographs import Photographs
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape
from sharpvision.solvers import FirstOrder, Prior, Solution, Stopping


@dataclass(frozen=True)
class TextureSettings:
    """Settings of `fit_texture`.

    `steps` at most, of first length `step_size` in the texels' unconstrained form (logits). `smoothness`: weight of the
    Huber smoothness of that form with its `edge`, which fills texels that no photograph shows from their neighbours.
    `tolerance`: the largest unexplained share of a texture that is called right.
    """

    steps: int = 150
    step_size: float = 0.3
    smoothness: float = 1e-9
    edge: float = 0.5
    stopping: Stopping = field(default_factory=lambda: Stopping(5e-2, patience=8, least_scale=0.2))
    tolerance: float = 0.02


def fit_texture(
    scene: Scene,
    photographs: Photographs,
    name: str,
    settings: TextureSettings | None = None,
    film: FitFilm | None = None,
) -> Solution:
    """Albedo of the Lambertian shape `name`, whose material must hold a texture, its size and start.

        minimise over the texels: sum over pixels |I - photograph|^2 / pixels + smoothness

    By Adam in the logits of the texels, so they stay between 0 and 1. `values`: `texels` (H, W, C) linear albedo, and
    `seen` (H, W), how many pixels' worth of samples each texel has in the photographs, which is zero for texels that
    the smoothness alone fills. Gauge: albedo and light are known up to a factor between them; the light is taken as
    known. Raises `InputError` where the shape has no albedo texture.
    """
    settings = TextureSettings() if settings is None else settings
    albedo_texture(shape_of(scene, name))
    key = f"shapes.{name}.material.albedo_map.texels_raw"
    unknowns = scene.unknowns(key)
    everywhere = torch.ones(unknowns[key].shape[:2], dtype=torch.bool)
    smoothness = Prior("smoothness", HuberSmoothness(key, everywhere, settings.edge), settings.smoothness)
    model = ImageModel(scene, photographs, settings=RenderSettings(mode="accurate"))
    solver = FirstOrder(settings.step_size, stopping=settings.stopping)
    fit = model.solve(model.problem(unknowns, priors=[smoothness]), solver, settings.steps, film)
    solution = in_stages("texture", [("texels", fit)])
    solution.explained = model.explained(fit.values)
    solution = judged(solution, model.misfit(fit.values), settings.tolerance)
    solution.values = {"texels": bounded(fit.values[key], 0.0, 1.0), "seen": seen_texels(scene, photographs, name)}
    return solution


def albedo_texture(shape: Shape) -> Texture:
    """The texture that holds the albedo of a Lambertian shape; raises `InputError` where there is none."""
    found = getattr(shape.material, "albedo_map", None)
    if not isinstance(found, Texture):
        what = type(shape.material).__name__
        raise InputError("shape", "a Lambertian material with an albedo texture", what, "give it one to start from")
    return found


def seen_texels(scene: Scene, photographs: Photographs, name: str) -> Float[Tensor, "h w"]:
    """Sum over all pixel centres that show the shape of each texel's weight in the bilinear filter there."""
    from sharpvision.kernels.texture import texture

    shape = shape_of(scene, name)
    map_ = albedo_texture(shape)
    buffers = Renderer(scene, photographs.view, RenderSettings(buffers=("uv", "face"))).buffers_with({})
    assert buffers.uv is not None
    assert buffers.face is not None
    first = 0
    for other, module in scene.shapes.items():
        if other == name:
            break
        first += len(module.faces)  # type: ignore[arg-type]
    on = (buffers.face >= first) & (buffers.face < first + len(shape.faces))
    weights = torch.zeros_like(map_.texels_raw[..., :1]).requires_grad_()
    looked_up = texture(weights, buffers.uv[on].detach().contiguous(), None, map_.wrap, "bilinear")
    return torch.autograd.grad(looked_up.sum(), weights)[0][..., 0]
