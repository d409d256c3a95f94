"""Bundle adjustment: lights, intensities, normals and reflectance together, by Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpvision.kernels.bundle_pixels import BundlePixels
from sharpvision.reconstruct.photometric.uncalibrated.inflation import facing

_LARGEST_TURN, _LARGEST_CHANGE = 0.3, 0.5
_HALVINGS = 4
_LIGHT_DAMPING = 0.1
_HOLD = 1000.0
_LAST_DAMPING = 10.0
_SETTLE_DAMPING = 1e-2

Held = Callable[[NDArray], NDArray]
"""Lights times intensities (N, 3) -> moves (K, N, 3) of them along which a bundle adjustment does not go."""


@dataclass(frozen=True, eq=False)
class BundleState:
    """Lights (N, 3) unit, `intensities` (N,) of mean log 0, `normals` (P, 3), `weights` (P, 6), `costs` (P,)."""

    lights: NDArray[np.float64]
    intensities: NDArray[np.float64]
    normals: NDArray[np.float32]
    weights: NDArray[np.float32]
    costs: NDArray[np.float32]
    damping: float = 1e-3

    @property
    def cost(self) -> float:
        """Mean cost over the pixels."""
        return float(self.costs.mean(dtype=np.float64))


def start_state(pixels: BundlePixels, lights: NDArray, intensities: NDArray, normals: NDArray) -> BundleState:
    """A state at given lights and normals, its reflectance fitted."""
    weights = np.zeros((len(normals), 6), np.float32)
    weights[:, 0] = 1.0
    lights, normals = facing(lights), facing(normals).astype(np.float32)
    intensities = intensities / np.exp(np.log(intensities).mean())
    weights, costs = pixels.fit_reflectance(lights, intensities, normals, weights, 6)
    return BundleState(lights, intensities, normals, weights, costs)


def light_axes(lights: NDArray) -> NDArray[np.float64]:
    """Two unit tangents (N, 2, 3) of each light's direction."""
    other = np.where(np.abs(lights[:, :1]) > 0.7, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(lights, other)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(lights, first)], 1)


def directions_of(state: BundleState, moves: NDArray, axes: NDArray) -> NDArray[np.float64]:
    """Orthonormal directions (K', 3 N) of steps that span moves (K, N, 3) of the lights times their intensities."""
    relative = moves / state.intensities[:, None]
    along = np.einsum("kja,jta->kjt", relative, axes)
    logs = np.einsum("kja,ja->kj", relative, state.lights)
    logs -= logs.mean(1, keepdims=True)
    flat = np.concatenate([along, logs[..., None]], 2).reshape(len(moves), -1)
    _, sizes, spanned = np.linalg.svd(flat, full_matrices=False)
    return spanned[sizes > 1e-6 * sizes[0]]


def rotations(lights: NDArray) -> NDArray[np.float64]:
    """What a rotation about each axis does to the lights, (3, N, 3)."""
    return np.stack([np.cross(axis, lights) for axis in np.eye(3)])


def linear_maps(lights: NDArray) -> NDArray[np.float64]:
    """What a linear map of all of space does to the lights, (9, N, 3): what the images of a Lambertian surface leave
    open."""
    return np.stack([lights @ generator for generator in np.eye(9).reshape(9, 3, 3)])


def adjust(
    pixels: BundlePixels, state: BundleState, steps: int, *, hold: Held | None = None, tolerance: float = 1e-4
) -> BundleState:
    """At most `steps` Levenberg-Marquardt steps of the cost in `kernels/bundle_fit`.

    `hold` keeps what integrability or an outline have to tell, since the cost hardly changes along it: the lights' mean
    rotation, or any linear map of them. Reflectance is re-fitted after every trial step. Ends early where the cost
    falls by less than `tolerance` of itself.
    """
    for _ in range(steps):
        before = state.cost
        state, moved = _step(pixels, state, hold=hold)
        if not moved or before - state.cost < tolerance * before:
            break
    return state


def _step(pixels: BundlePixels, state: BundleState, *, hold: Held | None) -> tuple[BundleState, bool]:
    damping = state.damping
    axes = light_axes(state.lights)
    while damping < _LAST_DAMPING:
        found = pixels.eliminate(state.lights, state.intensities, axes, state.normals, state.weights, damping)
        matrix, right, diagonal = found.reduced_system()
        matrix[np.diag_indices_from(matrix)] += _LIGHT_DAMPING * damping * diagonal + 1e-9 * diagonal.mean()
        stiff = _HOLD * diagonal.mean()
        same = np.zeros(len(right))
        same[2::3] = 1.0 / np.sqrt(len(state.lights))
        matrix += stiff * np.outer(same, same)
        if hold is not None:
            held = directions_of(state, hold(state.lights * state.intensities[:, None]), axes)
            matrix += stiff * held.T @ held
        light_step = np.linalg.solve(matrix, right)
        normal_step = found.normal_steps(light_step)
        for halving in range(_HALVINGS):
            trial = _stepped(pixels, state, axes, light_step * 0.5**halving, normal_step * 0.5**halving)
            if trial.cost < state.cost:
                return replace(trial, damping=damping * (0.3 if halving == 0 else 2.0)), True
        damping *= 10.0
    return state, False


def _stepped(
    pixels: BundlePixels, state: BundleState, axes: NDArray, light_step: NDArray, normal_step: NDArray
) -> BundleState:
    steps = light_step.reshape(-1, 3)
    turn = np.linalg.norm(steps[:, :2], axis=1, keepdims=True)
    tangents = steps[:, :2] * np.minimum(1.0, _LARGEST_TURN / np.maximum(turn, 1e-12))
    lights = facing(state.lights + np.einsum("jt,jta->ja", tangents, axes))
    logs = np.log(state.intensities) + np.clip(steps[:, 2], -_LARGEST_CHANGE, _LARGEST_CHANGE)
    intensities = np.exp(logs - logs.mean())
    size = np.linalg.norm(normal_step, axis=1, keepdims=True)
    capped = normal_step * np.minimum(1.0, _LARGEST_TURN / np.maximum(size, 1e-12))
    normals = pixels.turn(state.normals, capped.astype(np.float32))
    weights, costs = pixels.fit_reflectance(lights, intensities, normals, state.weights)
    return BundleState(lights, intensities, normals, weights, costs, state.damping)


def settle(pixels: BundlePixels, state: BundleState, steps: int = 4) -> BundleState:
    """Normals and reflectance of every pixel at the state's lights: damped Gauss-Newton steps, each pixel its own."""
    axes = light_axes(state.lights)
    still = np.zeros(3 * len(state.lights), np.float32)
    for _ in range(steps):
        found = pixels.eliminate(state.lights, state.intensities, axes, state.normals, state.weights, _SETTLE_DAMPING)
        step = found.normal_steps(still)
        size = np.linalg.norm(step, axis=1, keepdims=True)
        step = step * np.minimum(1.0, _LARGEST_TURN / np.maximum(size, 1e-12))
        for shorter in (1.0, 0.25):
            normals = pixels.turn(state.normals, step * np.float32(shorter))
            weights, costs = pixels.fit_reflectance(state.lights, state.intensities, normals, state.weights)
            better = costs < state.costs
            state = replace(
                state, normals=np.where(better[:, None], normals, state.normals),
                weights=np.where(better[:, None], weights, state.weights), costs=np.where(better, costs, state.costs),
            )  # fmt: skip
            step = np.where(better[:, None], 0.0, step)
    return state


def moved(pixels: BundlePixels, state: BundleState, matrix: NDArray) -> BundleState:
    """Normals under `matrix` (3, 3), lights and intensities under its inverse transposed, reflectance re-fitted."""
    scaled = state.normals.astype(np.float64) @ matrix.T
    lights = (state.lights * state.intensities[:, None]) @ np.linalg.inv(matrix)
    intensities = np.linalg.norm(lights, axis=1)
    directions, normals = facing(lights), facing(scaled).astype(np.float32)
    intensities = intensities / np.exp(np.log(intensities).mean())
    weights, costs = pixels.fit_reflectance(directions, intensities, normals, state.weights, 6)
    return replace(state, lights=directions, intensities=intensities, normals=normals, weights=weights, costs=costs)
