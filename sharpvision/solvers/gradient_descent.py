"""The loop of the first-order solvers: move, keep the best, shorten the steps on a plateau, say how it ended."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sharpvision.solvers.posedness import judge
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution, Status, Step
from sharpvision.solvers.solve import Callback


@runtime_checkable
class Rule(Protocol):
    """How an unknown moves: remembers the gradients it has seen."""

    def direction(self, gradient: Tensor) -> Tensor:
        """Against this the unknown moves, times its step size; of the unknown's shape."""
        ...

    def forget(self) -> None:
        """Start again without memory of earlier gradients."""
        ...


@dataclass(frozen=True)
class Stopping:
    """When steps shorten and when the descent ends.

    Where `patience` steps together lower the best value by no more than `value_tolerance` of itself, or by no more than
    `value_floor` of the first value (then the residuals are as good as zero), the descent goes back to its best point
    and goes on with steps `shrink` times as long; a plateau at steps shorter than `least_scale` of the first ones is
    the end. With at most `judged_unknowns` unknowns the solution's standard deviations and null directions are found
    (by `judge`, which needs derivatives of the residuals one by one).
    """

    value_tolerance: float = 1e-5
    value_floor: float = 1e-9
    patience: int = 20
    shrink: float = 0.5
    least_scale: float = 1e-3
    judged_unknowns: int = 64


class GradientDescent:
    """theta_k <- clamp(theta_k - scale step_k direction_k(dE/dtheta_k)) for each unknown k, at once.

    CONVERGED: the gradient vanished, or no step, down to the shortest, lowers the value by more than the tolerance.
    DIVERGED: values or gradients that are not finite at the start or at all step lengths, or no step ever lowered the
    value though the gradient is not zero. ILL_POSED: see `judge`. `best` only ever holds a finished step.
    """

    def __init__(
        self,
        problem: Problem,
        rules: Mapping[str, Rule],
        step_sizes: Mapping[str, float],
        stopping: Stopping,
        callbacks: Sequence[Callback],
    ) -> None:
        self.problem, self.rules, self.step_sizes, self.stopping = problem, rules, step_sizes, stopping
        self.callbacks = callbacks
        self.limits = {name: problem.limits(name) for name in problem.unknowns}
        self.best = {name: u.detach().clone() for name, u in problem.unknowns.items()}
        self.current, self.gradient = dict(self.best), {name: torch.zeros_like(u) for name, u in self.best.items()}
        self.best_gradient = dict(self.gradient)
        self.value = self.best_value = self.plateau_value = self.first_value = math.nan
        self.scale, self.waited, self.fallen = 1.0, 0, False
        self.history: list[Step] = []

    def run(self, method: str, max_steps: int) -> Solution:
        """Descend; see `sharpvision.solvers.solve`."""
        std: dict[str, Tensor] = {}
        try:
            ended = self._start()
            while not ended and len(self.history) < max_steps:
                ended = self._advance()
            status, message = ended or (Status.STEP_LIMIT, f"{max_steps} steps; {self._progress()}")
            count = sum(u.numel() for u in self.best.values())
            if status is Status.CONVERGED and count <= self.stopping.judged_unknowns:
                posedness = judge(self.problem, self.problem.flatten(self.best))
                std = posedness.std
                if posedness.undetermined:
                    status, message = Status.ILL_POSED, f"the data leave undetermined: {posedness.undetermined}"
        except KeyboardInterrupt:
            status, message = Status.INTERRUPTED, f"interrupted after {len(self.history)} finished steps"
        figures = {"value": self.best_value, "step_scale": self.scale}
        return Solution(method, status, message, self.best, std, self.history, figures=figures)

    def _start(self) -> tuple[Status, str] | None:
        """The value at the start; an end where it is not finite or already at rest."""
        self.value, self.gradient = self._evaluate(self.current)
        self.best_value = self.plateau_value = self.first_value = self.value
        self.best_gradient = self.gradient
        if not self._finite():
            return Status.DIVERGED, "the value or its gradient is not finite at the start"
        if self._gradient_norm() == 0:
            return Status.CONVERGED, "the gradient vanished at the start"
        return None

    def _advance(self) -> tuple[Status, str] | None:
        """One step of every unknown, or the reason why the descent ends."""
        started, before = time.perf_counter(), self.current
        moved = {}
        for name, u in before.items():
            step = self.scale * self.step_sizes[name] * self.rules[name].direction(self.gradient[name])
            moved[name] = torch.clamp(u - step, *self.limits[name])
        value, gradient = self._evaluate(moved)
        self.current, self.value, self.gradient = moved, value, gradient
        length = math.sqrt(sum(float((moved[name] - u).square().sum()) for name, u in before.items()))
        finite = self._finite()
        if finite and value < self.best_value:
            self.best, self.best_value, self.best_gradient, self.fallen = moved, value, gradient, True
        self.history.append(Step(value, self._gradient_norm(), length, self.scale, time.perf_counter() - started))
        for callback in self.callbacks:
            callback(self.history[-1])
        if finite and self._gradient_norm() == 0 and value == self.best_value:
            return Status.CONVERGED, f"the gradient vanished after {len(self.history)} steps"
        self.waited += 1
        if not finite:
            return self._shorten(finite=False)
        return self._shorten(finite=True) if self.waited >= self.stopping.patience else None

    def _shorten(self, *, finite: bool) -> tuple[Status, str] | None:
        """Back to the best point with shorter steps, unless the value still falls; an end at the shortest."""
        tolerance, floor = self.stopping.value_tolerance, self.stopping.value_floor
        least_fall = max(tolerance * abs(self.plateau_value), floor * abs(self.first_value))
        fell = self.plateau_value - self.best_value > least_fall
        self.plateau_value, self.waited = self.best_value, 0
        if finite and fell:
            return None
        if self.scale * self.stopping.shrink < self.stopping.least_scale:
            if not finite:
                return Status.DIVERGED, "the value is not finite wherever a step leads"
            if not self.fallen:
                return Status.DIVERGED, "no step downhill lowers the value: the derivatives disagree with the values"
            return Status.CONVERGED, f"the value settled at {self.best_value:.6g} after {len(self.history)} steps"
        self.scale *= self.stopping.shrink
        self.current, self.value, self.gradient = self.best, self.best_value, self.best_gradient
        for rule in self.rules.values():
            rule.forget()
        return None

    def _evaluate(self, unknowns: Mapping[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Value and gradient; a gradient that would leave a bound that holds is zero."""
        leaves = {name: u.detach().requires_grad_() for name, u in unknowns.items()}
        value = self.problem.value(leaves)
        slopes: Sequence[Tensor | None] = [None] * len(leaves)
        if value.requires_grad:
            slopes = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        gradient = {}
        for (name, u), slope in zip(leaves.items(), slopes, strict=True):
            lower, upper = self.limits[name]
            g = torch.zeros_like(u) if slope is None else slope
            held = ((u <= lower) & (g > 0)) | ((u >= upper) & (g < 0))
            gradient[name] = torch.where(held, 0.0, g).detach()
        return float(value.detach()), gradient

    def _finite(self) -> bool:
        return math.isfinite(self.value) and math.isfinite(self._gradient_norm())

    def _gradient_norm(self) -> float:
        return math.sqrt(sum(float(g.double().square().sum()) for g in self.gradient.values()))

    def _progress(self) -> str:
        last = self.history[-1]
        return f"value {self.best_value:.6g}, gradient {last.gradient_norm:.3g}, step {last.step:.3g}"
