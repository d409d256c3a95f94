"""Levenberg-Marquardt on dense normal equations, for up to some thousand unknowns."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sharpvision.solvers.normal_equations import Derivative, NormalEquations, linearise
from sharpvision.solvers.posedness import judge
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution, Status, Step
from sharpvision.solvers.solve import SOLVERS, Callback


@SOLVERS.register("levenberg_marquardt")
@dataclass(frozen=True)
class LevenbergMarquardt:
    """Damped Gauss-Newton steps with robust losses by reweighting, bounds by an active set and projection.

        (J^T W J + mu D) delta = -g,   W = diag(w rho'(r) / r),   D = running maximum of diag(J^T W J)

    mu falls and rises with the gain ratio (Nielsen, Damping parameter in Marquardt's method, 1999); D makes the steps
    independent of the unknowns' units (Moré, The Levenberg-Marquardt algorithm, 1978).

    CONVERGED on the first of: gradient, max_j |g_j| / sqrt(D_j) <= gradient_tolerance sqrt(2 value at the start);
    step, |delta| <= step_tolerance (step_tolerance + |x|); value, a decrease, foreseen and made, of at most
    value_tolerance of itself; or a value that rounding keeps from falling. ILL_POSED where the model at the solution
    has null directions (named in the message), DIVERGED on values that are not finite or derivatives that disagree
    with the values. Tolerances are raised to the precision of the unknowns' dtype; the linear algebra is float64.
    """

    gradient_tolerance: float = 1e-8
    step_tolerance: float = 1e-10
    value_tolerance: float = 1e-12
    initial_damping: float = 1e-3
    rank_tolerance: float = 1e-13
    derivative: Derivative = "auto"

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution:
        """See `sharpvision.solvers.solve`."""
        descent = _Descent(self, problem, callbacks)
        try:
            ended = descent.start()
            while not ended and len(descent.history) < max_steps:
                ended = descent.advance()
            status, message = ended or (Status.STEP_LIMIT, f"{max_steps} steps; {descent.progress()}")
            std: dict[str, Tensor] = {}
            if status is Status.CONVERGED:
                posedness = judge(problem, descent.x, self.rank_tolerance, self.derivative)
                std = posedness.std
                if posedness.undetermined:
                    status, message = Status.ILL_POSED, f"the data leave undetermined: {posedness.undetermined}"
        except KeyboardInterrupt:
            status, message, std = Status.INTERRUPTED, f"interrupted after {len(descent.history)} finished steps", {}
        return Solution(
            "levenberg_marquardt", status, message, problem.unflatten(descent.x), std, descent.history,
            figures={"value": descent.value, "damping": descent.damping},
        )  # fmt: skip


class _Descent:
    """The moving parts: point, damping, history. `x` only ever holds the result of a finished step."""

    def __init__(self, settings: LevenbergMarquardt, problem: Problem, callbacks: Sequence[Callback]) -> None:
        self.settings, self.problem, self.callbacks = settings, problem, callbacks
        self.x = problem.flatten(problem.unknowns)
        self.lower, self.upper = problem.flat_limits()
        self.epsilon = torch.finfo(self.x.dtype).eps
        self.value = self.first_value = math.nan
        self.damping, self.growth = settings.initial_damping, 2.0
        self.scaling = torch.zeros(self.x.numel(), dtype=torch.float64)
        self.history: list[Step] = []

    def start(self) -> tuple[Status, str] | None:
        """Linearise at the start; an end where it is not finite or already a solution."""
        self.model = linearise(self.problem, self.x, self.settings.derivative)
        self.value = self.first_value = self.model.value
        if not self.model.finite:
            return Status.DIVERGED, "the value or its derivatives are not finite at the start"
        return self._at_rest()

    def advance(self) -> tuple[Status, str] | None:
        """One step that lowers the value, or the reason why there is none."""
        started, foreseen, walled = time.perf_counter(), math.nan, False
        self.scaling = torch.maximum(self.scaling, self.model.matrix.diagonal())
        while True:
            trial, decrease = self._trial()
            foreseen = decrease if math.isnan(foreseen) and decrease > 0 else foreseen
            if decrease > 0:
                value = float(self.problem.value(self.problem.unflatten(trial)).detach())
                gain, walled = (self.value - value) / decrease, not math.isfinite(value)
                if gain > 1e-4 and not walled:
                    model = linearise(self.problem, trial, self.settings.derivative)
                    if model.finite:
                        break
                    walled = True
            self.damping, self.growth = self.damping * self.growth, self.growth * 2
            if 0 < decrease <= 10 * self.epsilon * abs(self.value) or self.damping > 1e100:
                return self._stuck(foreseen, walled)
        return self._accept(trial, model, gain, decrease, time.perf_counter() - started)

    def _accept(
        self, trial: Tensor, model: NormalEquations, gain: float, decrease: float, seconds: float
    ) -> tuple[Status, str] | None:
        """Move to the trial; an end where it meets a tolerance."""
        step = float(torch.linalg.vector_norm((trial - self.x).double()))
        size = float(torch.linalg.vector_norm(trial.double()))
        made, damping, before = self.value - model.value, self.damping, abs(self.value)
        self.damping = max(damping * max(1 / 3, 1 - (2 * gain - 1) ** 3), 1e-15)
        self.growth = 2.0
        self.x, self.model, self.value = trial, model, model.value
        gradient = float(self._scaled_gradient().max())
        self.history.append(Step(self.value, gradient, step, damping, seconds))
        for callback in self.callbacks:
            callback(self.history[-1])
        if ended := self._at_rest():
            return ended
        # A small step or decrease tells of a minimum only where damping did not make it small.
        tolerance = max(self.settings.step_tolerance, self.epsilon)
        if damping <= 1 and step <= tolerance * (tolerance + size):
            return Status.CONVERGED, f"the step fell to {step:.3g} after {len(self.history)} steps"
        if damping <= 1 and max(made, decrease) <= max(self.settings.value_tolerance, self.epsilon) * before:
            return Status.CONVERGED, f"the value settled at {self.value:.6g} after {len(self.history)} steps"
        return None

    def _scaled_gradient(self) -> Tensor:
        """|g_j| / sqrt(D_j) in the unit of the root of the value; zero where a bound holds or nothing depends on j."""
        diagonal, g = self.model.matrix.diagonal(), self.model.gradient.abs()
        # A slope without curvature (a prior's concave part) is not at rest.
        scaled = torch.where(g > 0, g / diagonal.clamp(min=0).sqrt(), 0.0)
        return torch.where(self.model.free(self.x, self.lower, self.upper), scaled, 0.0)

    def _at_rest(self) -> tuple[Status, str] | None:
        """CONVERGED where the gradient is within its tolerance."""
        tolerance = max(self.settings.gradient_tolerance, self.epsilon) * math.sqrt(2 * abs(self.first_value))
        if float(self._scaled_gradient().max()) <= tolerance:
            return Status.CONVERGED, f"the gradient vanished after {len(self.history)} steps"
        return None

    def _trial(self) -> tuple[Tensor, float]:
        """The damped step inside the bounds, and the decrease that the model foresees (0 where there is no step)."""
        free, step = self.model.free(self.x, self.lower, self.upper), torch.zeros_like(self.model.gradient)
        scaling = torch.where(self.scaling > 0, self.scaling, 1.0)[free]
        matrix = self.model.matrix[free][:, free] + torch.diag(self.damping * scaling)
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if failed:
            return self.x, 0.0
        step[free] = -torch.cholesky_solve(self.model.gradient[free].unsqueeze(1), factor).squeeze(1)
        trial = torch.clamp(self.x + step.to(self.x), self.lower, self.upper)
        step = (trial - self.x).double().cpu()
        return trial, -float(self.model.gradient @ step + 0.5 * step @ self.model.matrix @ step)

    def _stuck(self, foreseen: float, walled: bool) -> tuple[Status, str]:
        """Why no step lowers the value: rounding, or values that are not finite, or derivatives that do not fit."""
        if walled:
            return Status.DIVERGED, "the value is not finite wherever a step would lead"
        if foreseen <= math.sqrt(self.epsilon) * abs(self.value):
            return Status.CONVERGED, f"rounding keeps the value from falling below {self.value:.6g}"
        return Status.DIVERGED, "no step downhill lowers the value: the derivatives disagree with the values"

    def progress(self) -> str:
        """Where the last step left off."""
        last = self.history[-1]
        return f"value {last.value:.6g}, scaled gradient {last.gradient_norm:.3g}, step {last.step:.3g}"
