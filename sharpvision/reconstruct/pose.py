"""Pose of a known shape from one photograph (or several), by Gauss-Newton through the renderer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.core.parametrisations import unpositive
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.reconstruct.fit_film import FitFilm
from sharpvision.reconstruct.inverse import ImageModel, in_stages, judged, shape_of
from sharpvision.reconstruct.photographs import Photographs
from sharpvision.rendering import RenderSettings, Scene, Shape
from sharpvision.solvers import LevenbergMarquardt, PseudoHuber, Solution, Status


@dataclass(frozen=True)
class PoseSettings:
    """Settings of `fit_pose`.

    `sides`: longer side of the photographs in each stage, coarse to fine. `coarse_steps` and `steps`: most steps in the
    first stage, for each start, and in the later ones. `turn_deg`: further starts, up to `starts` with the first, are
    turned by this much about the six half axes, then the twelve diagonals between them. A start that leaves no more
    than the share `promising` of the photographs' energy gets twice the steps again; once one leaves no more than
    `enough`, no other is tried, else the best `kept` go on. `tolerance`: the largest unexplained share of a pose that
    is called right. `robust`: residuals beyond this share of the photographs' largest value pull less than in
    proportion.
    """

    sides: tuple[int, ...] = (32, 64, 128)
    coarse_steps: int = 12
    steps: int = 15
    starts: int = 19
    turn_deg: float = 25.0
    promising: float = 0.1
    enough: float = 0.02
    kept: int = 2
    tolerance: float = 0.02
    robust: float = 0.3


def fit_pose(
    scene: Scene,
    photographs: Photographs,
    name: str,
    settings: PoseSettings | None = None,
    film: FitFilm | None = None,
) -> Solution:
    """Where the shape `name` of a known scene stands, from about 20 degrees and 10 % of the distance off.

        minimise over (w, t): sum over pixels rho(I(R(w) (x - c) + c + t) - photograph),  c the shape's centre

    Coarse to fine; at the coarsest size from several starts while none explains the photographs, the best of which go
    on. Steps are Levenberg-Marquardt's on derivatives of the rendering, silhouettes included. `values`: `rotation` (3,)
    a rotation vector in radians and `translation` (3,) of the shape's `pose`, its scale as it was; `std` the motion's
    standard deviations, `turn` about the shape's centre in radians and `shift` in the unit of the scene. Status:
    CONVERGED only where at most `settings.tolerance` of the photographs' energy stays unexplained, otherwise DIVERGED
    (a wrong minimum: start closer), ILL_POSED where the photographs don't determine the pose (a shape of revolution).
    Gauge: shapes that look the same after a turn have several right poses, of which one near the start is found.
    """
    settings = PoseSettings() if settings is None else settings
    motion = _Motion(scene, name)
    brightest = float((photographs.images - scene.background.detach()).abs().max())
    loss = PseudoHuber(max(settings.robust * brightest, 1e-6))
    solver = LevenbergMarquardt(value_tolerance=1e-4, step_tolerance=1e-5, initial_damping=1e-2, derivative="forward")

    def fitted(side: int, start: Mapping[str, Tensor], steps: int) -> tuple[Solution, float]:
        model = ImageModel(scene, photographs.reduced(side), motion.parameters, RenderSettings())
        solution = _settled(model.solve(model.problem(dict(start), loss), solver, steps, film))
        return judged(solution, left := model.misfit(solution.values), settings.tolerance), left.unexplained

    candidates: list[tuple[float, list[tuple[str, Solution]]]] = []
    coarse = f"{settings.sides[0]} px"
    for turn in _turns(math.radians(settings.turn_deg))[: settings.starts]:
        start = {"turn": turn.to(motion.centre), "shift": torch.zeros_like(motion.centre)}
        solution, left = fitted(settings.sides[0], start, settings.coarse_steps)
        candidate = [(coarse, solution)]
        if settings.enough < left <= settings.promising and solution.status is not Status.INTERRUPTED:
            solution, left = fitted(settings.sides[0], solution.values, 2 * settings.coarse_steps)
            candidate.append((coarse, solution))
        candidates.append((left, candidate))
        if left <= settings.enough or solution.status is Status.INTERRUPTED:
            break
    starts = len(candidates)
    candidates.sort(key=lambda c: c[0])
    stages = [candidate for _, candidate in candidates[: settings.kept]]
    if candidates[0][0] <= settings.enough:
        stages = stages[:1]
    for side in settings.sides[1:]:
        for stage in stages:
            if stage[-1][1].status is not Status.INTERRUPTED:
                stage.append((f"{side} px", fitted(side, stage[-1][1].values, settings.steps)[0]))
    best = min(stages, key=lambda stage: stage[-1][1].figures["unexplained"])
    solution = in_stages("pose", best)
    solution.figures["starts"] = starts
    finest = ImageModel(scene, photographs.reduced(settings.sides[-1]), motion.parameters)
    solution.explained = finest.explained(solution.values)
    solution.values = motion.pose_after(solution.values)
    return solution


def _settled(solution: Solution, steps: int = 3, tolerance: float = 1e-3) -> Solution:
    """CONVERGED where the step limit came while the last steps together no longer lowered the value.

    The value of an image has kinks where a contour passes a sample; at such a minimum the damping keeps growing, and
    the solver, which trusts a short step only without damping, does not say so itself.
    """
    values = [step.value for step in solution.history[-steps - 1 :]]
    if solution.status is Status.STEP_LIMIT and len(values) > steps and values[0] - values[-1] <= tolerance * values[0]:
        solution.status = Status.CONVERGED
        solution.message = f"the value settled at {values[-1]:.6g} in a kink of the image"
    return solution


class _Motion:
    """A turn about the shape's centre and a shift, in the world, as parameters of the scene."""

    def __init__(self, scene: Scene, name: str) -> None:
        shape: Shape = shape_of(scene, name)
        self.name, self.pose = name, shape.pose
        with torch.no_grad():
            self.world = shape.pose(shape.vertices).detach()
        corners = self.world[shape.faces.unique()]
        self.centre = 0.5 * (corners.amin(0) + corners.amax(0))

    def parameters(self, unknowns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The shape's vertices, moved in the world, under a pose that does nothing."""
        moved = (self.world - self.centre) @ rotation_matrix(unknowns["turn"]).mT + self.centre + unknowns["shift"]
        nothing = torch.zeros_like(self.centre)
        pose = f"shapes.{self.name}.pose"
        return {
            f"shapes.{self.name}.vertices": moved, f"{pose}.rotation": nothing, f"{pose}.translation": nothing,
            f"{pose}.scale_raw": unpositive(self.centre.new_ones(())),
        }  # fmt: skip

    def pose_after(self, unknowns: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The shape's pose after the motion."""
        with torch.no_grad():
            turn = rotation_matrix(unknowns["turn"])
            rotation = rotation_vector(turn @ self.pose.rotation_matrix)
            translation = turn @ (self.pose.translation - self.centre) + self.centre + unknowns["shift"]
        return {"rotation": rotation, "translation": translation}


def _turns(angle: float) -> list[Tensor]:
    """No turn, then turns by `angle` about the six half axes and the twelve diagonals between them."""
    axes = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 3)
    count = axes.abs().sum(1)
    ordered = torch.cat([axes[count == number] for number in (1, 2)])
    return [torch.zeros(3), *(angle * ordered / ordered.norm(dim=1, keepdim=True))]
