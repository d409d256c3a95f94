"""Any parameters of a scene from photographs: the one way in which the fits pose their problem, and the joint fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.geometry.laplacian import graph_laplacian
from sharpvision.reconstruct.fit_film import FitFilm, side_by_side
from sharpvision.reconstruct.photographs import Misfit, Photographs, explained, misfit
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape
from sharpvision.solvers import (
    LargeSteps,
    LeastSquares,
    Prior,
    Problem,
    Residual,
    RobustLoss,
    Solution,
    Solver,
    Status,
    Stopping,
    solve,
)
from sharpvision.solvers.problem import Unknowns

Parameters = Callable[[Unknowns], Mapping[str, Tensor]]


class ImageModel:
    """Photographs of a scene as a function of unknowns: `parameters` says what the unknowns make of the scene.

    By default the unknowns are parameters of the scene by name. `problem` poses: minimise the sum over pixels and
    channels of rho(rendering - photograph) / pixels, plus priors.
    """

    def __init__(
        self, scene: Scene, photographs: Photographs, parameters: Parameters | None = None,
        settings: RenderSettings | None = None,
    ) -> None:  # fmt: skip
        settings = RenderSettings() if settings is None else settings
        self.photographs, self.background = photographs, scene.background.detach()
        self.parameters: Parameters = dict if parameters is None else parameters
        self.renderer = Renderer(scene, photographs.view, replace(settings, buffers=("image",)))

    def image(self, unknowns: Unknowns) -> Tensor:
        """The rendering, (H, W, C) or (B, H, W, C)."""
        return self.renderer(self.parameters(unknowns))[0]

    def problem(
        self, unknowns: dict[str, Tensor], loss: RobustLoss | None = None, priors: Sequence[Prior] = ()
    ) -> Problem:
        """See the class."""
        images = self.photographs.images
        weight = 1.0 / (images.numel() / images.shape[-1])
        residual = Residual("image", lambda u: self.image(u) - images, loss or LeastSquares(), weight)
        return Problem(unknowns, [residual], priors)

    def solve(
        self, problem: Problem, solver: Solver, max_steps: int, film: FitFilm | None = None
    ) -> Solution:
        """`sharpvision.solvers.solve`, with a film where one is wanted."""
        if film is None:
            return solve(problem, solver, max_steps)
        watched = film.watch(problem, lambda u: side_by_side(self.photographs.images, self.image(u)))
        return solve(watched, solver, max_steps, [film])

    def misfit(self, unknowns: Unknowns) -> Misfit:
        """What the rendering leaves over, see `Misfit`."""
        with torch.no_grad():
            return misfit(self.photographs.images, self.image(unknowns), self.background)

    def explained(self, unknowns: Unknowns) -> dict[str, float]:
        """Shares of the images' energy, see `explained`."""
        with torch.no_grad():
            return explained(self.photographs.images, self.image(unknowns))


def shape_of(scene: Scene, name: str) -> Shape:
    """The shape of this name; raises `InputError` that lists the names there are."""
    if name not in scene.shapes:
        known = ", ".join(sorted(scene.shapes))
        raise InputError("scene", f"one of the shapes {known}", repr(name), "use one of these")
    shape = scene.shapes[name]
    assert isinstance(shape, Shape)
    return shape


def judged(solution: Solution, left: Misfit, tolerance: float) -> Solution:
    """The solution with its misfit among its figures, and DIVERGED where the scene doesn't explain the photographs.

    A solver only knows that it can't get lower; whether that is the right place the photographs tell: where the scene
    is right, what remains unexplained is noise and sampling.
    """
    solution.figures |= {"unexplained": left.unexplained, "rms": left.rms}
    if solution.status is Status.CONVERGED and not left.unexplained <= tolerance:
        solution.status = Status.DIVERGED
        share = f"{100 * left.unexplained:.3g} % of the photographs' energy, more than {100 * tolerance:.3g} %"
        solution.message = f"a minimum that leaves {share}, unexplained"
    return solution


def in_stages(method: str, stages: Sequence[tuple[str, Solution]]) -> Solution:
    """One solution out of the solutions of stages, each of which started where the one before ended."""
    last = stages[-1][1]
    history = [replace(step, stage=name) for name, stage in stages for step in stage.history]
    figures = last.figures | {"stages": [name for name, _ in stages]}
    seconds = sum(stage.seconds for _, stage in stages)
    return replace(last, method=method, history=history, figures=figures, seconds=seconds)


@dataclass(frozen=True)
class SceneFitSettings:
    """Settings of `fit_scene`.

    `sides`: longer side of the photographs in each stage; `steps` the most steps of each. `smoothing` and `step_share`
    of large steps: the metric's reach, and the first steps of vertices in shares of the shape's diagonal. `step_size`:
    of all other unknowns, by the ending of their name.
    """

    sides: tuple[int, ...] = (64, 128)
    steps: int = 150
    smoothing: float = 10.0
    step_share: float = 0.02
    step_size: Mapping[str, float] = field(
        default_factory=lambda: {"rotation": 0.02, "translation": 0.01, "coefficients": 0.04, "_raw": 0.1}
    )
    stopping: Stopping = field(default_factory=lambda: Stopping(5e-2, patience=8, least_scale=0.2))
    tolerance: float = 0.02

    def size_of(self, name: str) -> float:
        """First step of an unknown that is not a mesh."""
        for ending, size in self.step_size.items():
            if name.endswith(ending):
                return size
        return 0.01


def fit_scene(
    scene: Scene,
    photographs: Photographs,
    *names: str,
    settings: SceneFitSettings | None = None,
    priors: Sequence[Prior] = (),
    film: FitFilm | None = None,
) -> Solution:
    """Parameters of a scene, all at once, from photographs: vertices by large steps, all others by Adam.

        minimise over theta: sum over pixels |I(theta) - photograph|^2 / pixels + priors

    `names` as in `Scene.unknowns`; what isn't named is taken as known, and the scene as it is as the start. `values`
    hold the parameters under their full names, in their unconstrained form; `explained` and `figures` what they leave
    over. Gauge: the photographs can't tell a brighter light from a brighter albedo, nor, where a shape's vertices are
    free, its pose from its vertices: products of the two are determined, each one is not unless a prior says more.
    Vertices move freely, so self-intersections aren't kept out (see `fit_shape`). Status: the solver's, DIVERGED where
    more than `settings.tolerance` of the photographs' energy stays unexplained.
    """
    settings = SceneFitSettings() if settings is None else settings
    unknowns = scene.unknowns(*names)
    laplacians, sizes = {}, {}
    for name, value in unknowns.items():
        if name.endswith(".vertices"):
            shape = shape_of(scene, name.split(".")[1])
            laplacians[name] = graph_laplacian(shape.faces, len(value))
            sizes[name] = settings.step_share * float((value.amax(0) - value.amin(0)).norm())
        else:
            sizes[name] = settings.size_of(name)
    stages = []
    for side in settings.sides:
        model = ImageModel(scene, photographs.reduced(side))
        solver = LargeSteps(laplacians, sizes, settings.smoothing, stopping=settings.stopping)
        solution = model.solve(model.problem(unknowns, priors=priors), solver, settings.steps, film)
        stages.append((f"{side} px", solution))
        unknowns = solution.values
        if solution.status is Status.INTERRUPTED:
            break
    solution = in_stages("scene", stages)
    solution.explained = model.explained(unknowns)
    return judged(solution, model.misfit(unknowns), settings.tolerance)
