"""Alternation over named blocks, each of which lowers one value that they share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from sharpvision.core.errors import InputError
from sharpvision.solvers.solution import Solution, Status, Step

State = dict[str, Any]
Callback = Callable[[Step], None]


@dataclass(frozen=True)
class BlockUpdate:
    """What a block reports: the shared `value` after its update and the relative size of its `step`."""

    value: float
    step: float
    gradient_norm: float = math.nan
    damping: float = math.nan


@dataclass(frozen=True)
class Block:
    """A named update of a part of the state.

    `update` rebinds entries of the state and must not write into the tensors it finds there: the state of the last
    finished round is kept by reference, for an interrupt or a divergence to return to.
    """

    name: str
    update: Callable[[State], BlockUpdate]


@dataclass(frozen=True)
class BlockDescentSettings:
    """Stop where a round changes the value by at most `tolerance` of itself or `floor`, or after `max_rounds`."""

    tolerance: float = 1e-4
    floor: float = 0.0
    max_rounds: int = 20
    min_rounds: int = 1


def descend(
    state: State,
    blocks: Sequence[Block],
    settings: BlockDescentSettings | None = None,
    callbacks: Sequence[Callback] = (),
    *,
    method: str = "block_descent",
) -> Solution:
    """Run the blocks in turn, round after round, until the value they share settles.

    The loop stops CONVERGED where |v_k - v_(k-1)| <= tolerance max(|v_k|, |v_(k-1)|) with v_k the last block's value
    in round k, STEP_LIMIT after `max_rounds`, DIVERGED on a value that is not finite, INTERRUPTED on Ctrl-C. The last
    two leave the state of the last finished round (the start, before the first). `state` is updated in place as well;
    `values` of the solution are its tensors. `history` has one step a block update, `stage` its name.

    >>> def halve(state): state["x"] = state["x"] / 2; return BlockUpdate(value=1.0 + state["x"].item() ** 2, step=0.5)
    >>> import torch
    >>> descend({"x": torch.tensor(1.0)}, [Block("halve", halve)]).status
    <Status.CONVERGED: 'converged'>
    """
    settings = settings or BlockDescentSettings()
    if not blocks or settings.max_rounds < 1:
        found = f"{len(blocks)} blocks, {settings.max_rounds} rounds"
        raise InputError("block descent", "at least one block and one round", found, "give both")
    started, history = time.perf_counter(), list[Step]()
    finished, previous, rounds = dict(state), math.nan, 0
    status, message = Status.STEP_LIMIT, ""
    try:
        while rounds < settings.max_rounds and status is Status.STEP_LIMIT:
            value = _one_round(state, blocks, history, callbacks)
            if not math.isfinite(value):
                status = Status.DIVERGED
                message = f"block '{history[-1].stage}' gave the value {value} in round {rounds + 1}"
                break
            rounds, finished = rounds + 1, dict(state)
            # `previous` is NaN in the first round, which cannot be the last for that.
            change = settings.tolerance * max(abs(value), abs(previous))
            settled = abs(value - previous) <= max(change, settings.floor)
            if settled and rounds >= settings.min_rounds:
                status, message = Status.CONVERGED, f"the value settled at {value:.6g} after {rounds} rounds"
            previous = value
    except KeyboardInterrupt:
        status, message = Status.INTERRUPTED, f"interrupted after {rounds} finished rounds"
    if status is Status.STEP_LIMIT:
        message = f"{rounds} rounds; the last one still changed the value by more than {settings.tolerance:g} of itself"
    state.clear()
    state.update(finished)
    return Solution(
        method=method,
        status=status,
        message=message,
        values={name: entry for name, entry in state.items() if isinstance(entry, Tensor)},
        history=history,
        figures={"rounds": rounds},
        settings=asdict(settings),
        seconds=time.perf_counter() - started,
    )


def _one_round(state: State, blocks: Sequence[Block], history: list[Step], callbacks: Sequence[Callback]) -> float:
    """Update each block once; the last value, or the first that is not finite."""
    value = math.nan
    for block in blocks:
        started = time.perf_counter()
        update = block.update(state)
        value = float(update.value)
        seconds = time.perf_counter() - started
        history.append(Step(value, update.gradient_norm, update.step, update.damping, seconds, block.name))
        for callback in callbacks:
            callback(history[-1])
        if not math.isfinite(value):
            break
    return value
