"""Adam with a step size for each unknown, for problems too large or too kinked for Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.solvers.gradient_descent import GradientDescent, Stopping
from sharpvision.solvers.problem import Problem
from sharpvision.solvers.solution import Solution
from sharpvision.solvers.solve import SOLVERS, Callback


class Adam:
    """direction = m / (sqrt(v) + tiny), m and v the running means of g and g^2, both divided by 1 - beta^t.

    `uniform`: v is its largest entry, one number for the whole unknown, so that the direction is that of the mean
    gradient and does not depend on the frame; this is AdamUniform of Nicolet et al. 2021. Kingma and Ba, Adam, ICLR
    2015.

    >>> Adam().direction(torch.tensor([4.0, -0.5])).round(decimals=3).tolist()
    [1.0, -1.0]
    >>> Adam(uniform=True).direction(torch.tensor([4.0, -0.5])).round(decimals=3).tolist()
    [1.0, -0.125]
    """

    def __init__(self, betas: tuple[float, float] = (0.9, 0.999), *, uniform: bool = False) -> None:
        self.betas, self.uniform = betas, uniform
        self.forget()

    def forget(self) -> None:
        """Start again without memory of earlier gradients."""
        self.mean = self.square = torch.zeros(())
        self.time = 0

    def direction(self, gradient: Tensor) -> Tensor:
        """See the class."""
        first, second = self.betas
        self.time += 1
        self.mean = first * self.mean + (1 - first) * gradient
        self.square = second * self.square + (1 - second) * gradient.square()
        square = self.square / (1 - second**self.time)
        if self.uniform:
            square = square.max() if square.numel() else square.sum()
        tiny = torch.finfo(gradient.dtype).tiny ** 0.5
        return self.mean / (1 - first**self.time) / (square.sqrt() + tiny)


def step_size_of_each(step_size: float | Mapping[str, float], problem: Problem) -> dict[str, float]:
    """The step size of each unknown; raises `InputError` where one is missing, strange or not positive.

    >>> from sharpvision.solvers import Problem, Residual
    >>> root = Problem({"x": torch.tensor(1.0)}, [Residual("square", lambda u: u["x"] ** 2 - 2)])
    >>> step_size_of_each(0.1, root)
    {'x': 0.1}
    """
    sizes = dict(step_size) if isinstance(step_size, Mapping) else dict.fromkeys(problem.unknowns, step_size)
    if set(sizes) != set(problem.unknowns):
        raise InputError("step_size", f"one for each of {sorted(problem.unknowns)}", str(sorted(sizes)), "name them")
    for name, size in sizes.items():
        if not 0 < size < torch.inf:
            raise InputError(f"step_size of {name!r}", "a positive number", str(size), "give the first step's length")
    return sizes


@SOLVERS.register("first_order")
@dataclass(frozen=True)
class FirstOrder:
    """Adam, theta <- clamp(theta - scale step_size m / sqrt(v)), with steps that shorten on a plateau.

    `step_size`, in the unit of the unknown, for all or by name: about how far an entry moves in one of the first steps.
    Converges to where no step lowers the value by the tolerance: on a smooth value a minimum, on a kinked one (an image
    between two samples) as near as its kinks let it. How it ends: `GradientDescent`; when: `Stopping`.
    """

    step_size: float | Mapping[str, float] = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    stopping: Stopping = field(default_factory=Stopping)

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution:
        """See `sharpvision.solvers.solve`."""
        sizes = step_size_of_each(self.step_size, problem)
        rules = {name: Adam(self.betas) for name in problem.unknowns}
        return GradientDescent(problem, rules, sizes, self.stopping, callbacks).run("first_order", max_steps)
