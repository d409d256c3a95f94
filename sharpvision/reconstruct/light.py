"""The light on a known scene from photographs: linear in the coefficients, so one Gauss-Newton step nearly does."""

from __future__ import annotations

from dataclasses import dataclass

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.fit_film import FitFilm
from sharpvision.reconstruct.inverse import ImageModel, in_stages, judged
from sharpvision.reconstruct.photographs import Photographs
from sharpvision.rendering import RenderSettings, Scene
from sharpvision.solvers import LevenbergMarquardt, PseudoHuber, Solution


@dataclass(frozen=True)
class LightSettings:
    """Settings of `fit_light`: longer side of the photographs, most steps, the largest unexplained share of a light
    that is called right, and the share of the photographs' largest value beyond which a residual counts as an outlier
    (a highlight, a cast shadow)."""

    side: int = 256
    steps: int = 20
    tolerance: float = 0.02
    robust: float = 0.1


def fit_light(
    scene: Scene,
    photographs: Photographs,
    name: str,
    settings: LightSettings | None = None,
    film: FitFilm | None = None,
) -> Solution:
    """All parameters of the light `name` of a scene whose shapes, poses and materials are known.

        minimise over theta: sum over pixels rho(I(theta) - photograph)

    By Levenberg-Marquardt; for spherical harmonics the rendering is linear in theta where no normal's irradiance is cut
    at zero. `values` hold the light's parameters by their own names, in their unconstrained form, `std` their standard
    deviations. Gauge: normals that no photograph shows leave combinations of the coefficients badly determined (large
    `std`, or ILL_POSED); light and albedo are known up to one factor between them, here the albedo is taken as known.
    Ramamoorthi and Hanrahan, A signal-processing framework for inverse rendering, SIGGRAPH 2001.
    """
    settings = LightSettings() if settings is None else settings
    if name not in scene.lights:
        known = ", ".join(sorted(scene.lights))
        raise InputError("scene", f"one of the lights {known}", repr(name), "use one of these")
    unknowns = scene.unknowns(*(f"lights.{name}.{own}" for own, _ in scene.lights[name].named_parameters()))
    model = ImageModel(scene, photographs.reduced(settings.side), settings=RenderSettings(mode="accurate"))
    brightest = float((photographs.images - model.background).abs().max())
    problem = model.problem(unknowns, PseudoHuber(max(settings.robust * brightest, 1e-6)))
    solver = LevenbergMarquardt(value_tolerance=1e-5, step_tolerance=1e-5, derivative="forward")
    fit = model.solve(problem, solver, settings.steps, film)
    solution = in_stages("light", [(f"{settings.side} px", fit)])
    solution.explained = model.explained(solution.values)
    solution = judged(solution, model.misfit(solution.values), settings.tolerance)
    own = f"lights.{name}."
    solution.values = {key.removeprefix(own): value for key, value in solution.values.items()}
    solution.std = {key.removeprefix(own): value for key, value in solution.std.items()}
    return solution
