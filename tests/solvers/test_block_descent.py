"""The alternation loop: what it returns, and in which state, however it ends."""

from __future__ import annotations

import math

import pytest
import torch

from sharpvision.core.errors import InputError
from sharpvision.solvers import Block, BlockDescentSettings, BlockUpdate, Status, descend
from sharpvision.solvers.block_descent import State

# min over a, b of (a - 2)^2 + (b + 1)^2 + a b / 2: each block is solved exactly.
HESSIAN = torch.tensor([[2.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
MINIMUM = torch.linalg.solve(HESSIAN, torch.tensor([4.0, -2.0], dtype=torch.float64))


def start() -> State:
    return {"a": torch.tensor(0.0, dtype=torch.float64), "b": torch.tensor(0.0, dtype=torch.float64)}


def value(state: State) -> float:
    return float((state["a"] - 2) ** 2 + (state["b"] + 1) ** 2 + state["a"] * state["b"] / 2)


def update_a(state: State) -> BlockUpdate:
    before = state["a"]
    state["a"] = 2 - state["b"] / 4
    return BlockUpdate(value(state), abs(float(state["a"] - before)))


def update_b(state: State) -> BlockUpdate:
    before = state["b"]
    state["b"] = -1 - state["a"] / 4
    return BlockUpdate(value(state), abs(float(state["b"] - before)), gradient_norm=0.0, damping=1.0)


BLOCKS = [Block("a", update_a), Block("b", update_b)]


def fails_in_round(which: int, how: BaseException | float) -> Block:
    """A block that finds the state changed, then raises or reports a value that is not finite."""
    rounds = 0

    def update(state: State) -> BlockUpdate:
        nonlocal rounds
        rounds += 1
        state["a"] = state["a"] + 100 * (rounds == which)
        if rounds == which and isinstance(how, BaseException):
            raise how
        return BlockUpdate(how if rounds == which and isinstance(how, float) else value(state), 0.0)

    return Block("bad", update)


def test_converges_to_the_joint_minimum() -> None:
    state = start()
    solution = descend(state, BLOCKS, BlockDescentSettings(tolerance=1e-14, max_rounds=100))
    assert solution.status is Status.CONVERGED
    assert [float(solution.values[name]) for name in "ab"] == pytest.approx(MINIMUM.tolist(), abs=1e-6)
    assert state == solution.values
    assert [s.stage for s in solution.history[:4]] == ["a", "b", "a", "b"]
    assert len(solution.history) == 2 * solution.figures["rounds"]
    values = [s.value for s in solution.history]
    assert values == sorted(values, reverse=True)
    assert solution.settings == {"tolerance": 1e-14, "floor": 0.0, "max_rounds": 100, "min_rounds": 1}


def test_never_silent_at_the_limit() -> None:
    solution = descend(start(), BLOCKS, BlockDescentSettings(tolerance=0.0, max_rounds=3))
    assert solution.status is Status.STEP_LIMIT
    assert "3 rounds" in solution.message
    assert len(solution.history) == 6


@pytest.mark.parametrize("max_rounds", [1, 5])
def test_one_round_is_never_convergence(max_rounds: int) -> None:
    still = Block("still", lambda state: BlockUpdate(1.0, 0.0))
    solution = descend(start(), [still], BlockDescentSettings(max_rounds=max_rounds))
    assert solution.figures["rounds"] == min(max_rounds, 2)
    assert solution.status is (Status.CONVERGED if max_rounds > 1 else Status.STEP_LIMIT)


def test_min_rounds_and_floor() -> None:
    still = Block("still", lambda state: BlockUpdate(1.0, 0.0))
    assert descend(start(), [still], BlockDescentSettings(min_rounds=4)).figures["rounds"] == 4
    values = iter([4.0, 1e-3, 1e-9, 1e-14, 1e-20])
    falling = Block("falling", lambda state: BlockUpdate(next(values), 0.0))
    assert descend(start(), [falling], BlockDescentSettings(floor=1e-8)).figures["rounds"] == 4


@pytest.mark.parametrize("how", [KeyboardInterrupt(), math.nan, math.inf])
@pytest.mark.parametrize("which", [1, 3])
def test_returns_the_last_finished_round(how: BaseException | float, which: int) -> None:
    expected = start()
    for _ in range(which - 1):
        update_a(expected), update_b(expected)
    state = start()
    solution = descend(state, [*BLOCKS, fails_in_round(which, how)], BlockDescentSettings(tolerance=0.0))
    assert solution.status is (Status.INTERRUPTED if isinstance(how, KeyboardInterrupt) else Status.DIVERGED)
    assert state == solution.values == expected
    assert solution.figures["rounds"] == which - 1


def test_interrupt_in_a_callback_counts_the_same() -> None:
    def stop(step) -> None:
        if step.stage == "b":
            raise KeyboardInterrupt

    solution = descend(start(), BLOCKS, callbacks=[stop])
    assert solution.status is Status.INTERRUPTED
    assert solution.values == start()


def test_other_errors_pass_through_and_state_may_hold_more_than_tensors() -> None:
    with pytest.raises(ZeroDivisionError):
        descend(start(), [fails_in_round(1, ZeroDivisionError())])
    solution = descend({**start(), "note": "kept"}, BLOCKS)
    assert set(solution.values) == {"a", "b"}


@pytest.mark.parametrize(("blocks", "rounds"), [([], 5), (BLOCKS, 0)])
def test_nothing_to_do_is_refused(blocks, rounds: int) -> None:
    with pytest.raises(InputError, match="at least one block and one round"):
        descend(start(), blocks, BlockDescentSettings(max_rounds=rounds))
