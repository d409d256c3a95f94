"""Alternation over the named unknowns of a problem, each by Levenberg-Marquardt with the others held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sharpvision.solvers.block_descent import Block, BlockDescentSettings, BlockUpdate, State, descend
from sharpvision.solvers.levenberg_marquardt import LevenbergMarquardt
from sharpvision.solvers.posedness import judge
from sharpvision.solvers.problem import Problem, Unknowns
from sharpvision.solvers.solution import Solution, Status
from sharpvision.solvers.solve import SOLVERS, Callback


@SOLVERS.register("alternation")
@dataclass(frozen=True)
class Alternation:
    """Block coordinate descent: theta_k <- argmin over theta_k alone, for each named unknown in turn, round by round.

    Small systems and little memory, at the price of slow convergence where unknowns trade off against each other: a
    step of `solve` is one round. Stops where a round lowers the value by at most `tolerance` of itself, which in a
    narrow valley is not yet the minimum. Whether the data determine the unknowns is judged on all of them together.
    """

    tolerance: float = 1e-10
    steps_per_block: int = 5
    inner: LevenbergMarquardt = field(default_factory=LevenbergMarquardt)

    def run(self, problem: Problem, max_steps: int, callbacks: Sequence[Callback]) -> Solution:
        """See `sharpvision.solvers.solve`."""
        state: State = dict(problem.unknowns)
        blocks = [Block(name, self._update_of(name, problem)) for name in problem.unknowns]
        epsilon = torch.finfo(next(iter(problem.unknowns.values())).dtype).eps
        floor = epsilon * abs(float(problem.value(problem.unknowns)))
        settings = BlockDescentSettings(self.tolerance, floor, max_steps)
        solution = descend(state, blocks, settings, callbacks, method="alternation")
        if solution.status is Status.CONVERGED:
            x, inner = problem.flatten(solution.values), self.inner
            posedness = judge(problem, x, inner.rank_tolerance, inner.derivative)
            solution.std = posedness.std
            if posedness.undetermined:
                solution.status = Status.ILL_POSED
                solution.message = f"the data leave undetermined: {posedness.undetermined}"
        solution.figures["value"] = float(problem.value(solution.values))
        return solution

    def _update_of(self, name: str, problem: Problem) -> Callable[[State], BlockUpdate]:
        """The update of one unknown by a few steps of the inner solver."""

        def update(state: State) -> BlockUpdate:
            part = self.inner.run(_restricted(problem, name, state), self.steps_per_block, ())
            if part.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            moved = float(torch.linalg.vector_norm(part.values[name] - state[name]))
            state[name] = part.values[name]
            value = torch.inf if part.status is Status.DIVERGED else part.figures["value"]
            gradient = part.history[-1].gradient_norm if part.history else 0.0
            return BlockUpdate(value, moved, gradient, part.figures["damping"])

        return update


def _restricted(problem: Problem, name: str, state: State) -> Problem:
    """The problem in one unknown, the others held at the state's values."""
    held = {other: value for other, value in state.items() if other != name}

    def hold(function: Callable[[Unknowns], Tensor]) -> Callable[[Unknowns], Tensor]:
        return lambda unknowns: function({**held, **unknowns})

    return Problem(
        {name: state[name]},
        [replace(b, function=hold(b.function)) for b in problem.residuals],
        [replace(p, energy=hold(p.energy)) for p in problem.priors],
        {name: problem.bounds[name]} if name in problem.bounds else {},
    )
