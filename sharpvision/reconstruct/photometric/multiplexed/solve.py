"""One photograph under three coloured lights to a `Solution`: checks, estimation, values, uncertainty, notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.data.lights import LEAST_SPREAD
from sharpvision.data.observations import MemorySource, PhotometricObservations, Validity
from sharpvision.reconstruct.integration_bilateral import bilateral_depth
from sharpvision.reconstruct.integration_settings import IntegrationSettings
from sharpvision.reconstruct.photometric.grid import PixelGrid
from sharpvision.reconstruct.photometric.maps import Shares, albedo_gauge, as_image, depth_map
from sharpvision.reconstruct.photometric.multiplexed.estimate import (
    MultiplexedSettings,
    MultiplexedState,
    Photograph,
    estimate,
)
from sharpvision.reconstruct.photometric.multiplexed.explanations import (
    BORDER,
    CLEAN,
    DEEP_SHADOWS,
    EXPLANATIONS,
    HIGHLIGHTS,
    SHADOWS,
    Paints,
    modelled,
)
from sharpvision.reconstruct.photometric.multiplexed.paints import Unmixing
from sharpvision.reconstruct.photometric.pixel_observations import noise_level
from sharpvision.solvers.solution import Solution, Status, Step

LEAST_MIXING = 0.02
"""Smallest over largest singular value of the mixing matrix below which two lights have the same colour."""
SATURATION = 0.98
_DEG_68 = 1.515 * 180.0 / np.pi
LEAST_AGREEMENT_DEG = 1.8
"""`disagreement_deg` from which the paints are wrong: 0.6 to 1.2 where normals were right within 5 degrees, 2.4 where
they were 10 off (rendered)."""
_MANY_PAINTS = 4
_FLOOR_DEG, _UNKNOWN_DEG = 0.5, 90.0


@dataclass(frozen=True, eq=False)
class MultiplexedPhotograph:
    """`image` (H, W, 3) linear, 1 at the sensor's limit; `mask` (H, W) bool; `lights` (3, 3) unit directions in rows,
    OpenCV frame; `mixing` (3, 3): what channel c (row) sees of light k (column) on a white surface facing it.

    `focal_px` and `principal_point` as in `PhotometricObservations`, used for the depth; `ground_truth` normals.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.bool_]
    lights: NDArray[np.float64]
    mixing: NDArray[np.float64]
    name: str = "photograph"
    focal_px: float | None = None
    principal_point: tuple[float, float] | None = None
    quantisation: float = 1.0 / 65535.0
    length_unit: str = "px"
    ground_truth: torch.Tensor | None = None
    notes: tuple[str, ...] = ()


def solve_multiplexed(
    photograph: MultiplexedPhotograph, settings: MultiplexedSettings | None = None,
    start: MultiplexedState | None = None, seed: int = 0,
    progress: Callable[[str, float], None] = lambda stage, done: None,
) -> tuple[Solution, MultiplexedState | None]:  # fmt: skip
    """Normals, paints and depth from one photograph under three coloured lights, and the state that a next one starts
    from.

        I_c = rho_c a sum_k M_ck V_k max(n.l_k, 0)  (+ h M_cm)

    The object's colour is not assumed: it may have a few paints, each of one albedo rho; their colours are found where
    b = (M L)^-1 (I / rho) has one length over patches with many normals, and which paint and which explanation (all
    lights, one or two in shadow, a highlight, a border between paints) holds at a pixel is chosen so that surface and
    paint go on from pixel to pixel. A normal that the pixel leaves open is that of the integrated depth around it.

    Values as of `physics` in DEVELOPERS.md where they apply, `light_intensities` being M transposed, and `paints`
    (K, 3), `paint` (H, W) its number, -1 outside. The solution's observations are the three images that the lights
    would have made one by one. Gauge: M and all paints trade one factor a channel only where all paints are free; M
    as given is kept. Status ILL_POSED, and no normals, where the lights lie in one plane or have no three colours, or
    no pixel is lit; ILL_POSED with normals that are no surface's (`disagreement_deg`), as where broad highlights on
    several colours were taken for paints.

    >>> n = np.array([0.1, -0.2, -1.0]); n /= np.linalg.norm(n)
    >>> l = np.array([[0.6, 0, -0.8], [-0.6, 0, -0.8], [0, -0.6, -0.8]])
    >>> image = np.broadcast_to(0.5 * l @ n, (5, 5, 3)).astype(np.float32)
    >>> photograph = MultiplexedPhotograph(image, np.ones((5, 5), bool), np.array([l[0], l[0], l[2]]), np.eye(3))
    >>> solve_multiplexed(photograph)[0].status.value
    'ill_posed'
    """
    started = time.perf_counter()
    settings = settings or MultiplexedSettings()
    grid, unmixing = PixelGrid(photograph.mask), Unmixing(photograph.mixing, photograph.lights)
    pixels = np.maximum(photograph.image[grid.index].astype(np.float64), 0.0)
    reason = _why_not(pixels, unmixing)
    if reason:
        solution, state = _nothing(photograph, grid, reason), None
    else:
        usable = (pixels < SATURATION).astype(np.float64)
        noise = max(photograph.quantisation, noise_level(pixels[:, None].astype(np.float32), grid))
        prepared = Photograph(pixels, usable, grid, noise)
        if start is not None:
            settings = replace(settings, rounds=max(2, settings.rounds // 2))
        state = estimate(prepared, unmixing, settings, start, seed, lambda done: progress("rounds", 0.9 * done))
        progress("depth", 0.9)
        solution = _solution(photograph, prepared, unmixing, state)
    progress("done", 1.0)
    solution.notes[:0] = photograph.notes
    solution.seconds = time.perf_counter() - started
    return solution, state


def _why_not(pixels: NDArray, unmixing: Unmixing) -> str:
    """Why three numbers a pixel do not determine a normal; empty where they may."""
    lights = np.linalg.svd(unmixing.lights, compute_uv=False)
    if not np.isfinite(lights).all() or lights[2] < LEAST_SPREAD * lights[0]:
        return "the three lights lie in one plane with the object: move one out of it"
    colours = np.linalg.svd(unmixing.mixing, compute_uv=False)
    if not np.isfinite(colours).all() or colours[2] < LEAST_MIXING * colours[0]:
        return "the lights' colours are mixtures of two: the matrix of lights to channels is singular"
    if not (pixels > 0).any():
        return "every pixel inside the mask is black"
    if (pixels >= SATURATION).all():
        return "every pixel inside the mask is saturated"
    return ""


def _observations(photograph: MultiplexedPhotograph, images: NDArray) -> PhotometricObservations:
    """The three images (3, H, W, 3), light by light."""
    tensor = torch.from_numpy(images.astype(np.float32))
    validity = torch.full(images.shape[:3], int(Validity.VALID), dtype=torch.uint8)
    validity[:, torch.from_numpy((photograph.image >= SATURATION).any(-1))] = int(Validity.SATURATED)
    return PhotometricObservations(
        photograph.name, Path("."), MemorySource(tensor, validity), torch.from_numpy(photograph.mask),
        torch.from_numpy(photograph.lights), torch.from_numpy(np.ascontiguousarray(photograph.mixing.T)),
        photograph.focal_px, photograph.principal_point, photograph.ground_truth, None, photograph.quantisation,
        photograph.length_unit, ("light 1", "light 2", "light 3"),
    )  # fmt: skip


def _nothing(photograph: MultiplexedPhotograph, grid: PixelGrid, reason: str) -> Solution:
    """A solution without content, and why."""
    count = grid.size
    facing = as_image(photograph.mask, np.tile([0.0, 0.0, -1.0], (count, 1)))
    return Solution(
        "multiplexed", Status.ILL_POSED, reason,
        {"normals": facing, "albedo": as_image(photograph.mask, np.zeros((count, 3))),
         "depth": as_image(photograph.mask, np.zeros(count), np.nan)},
        {"normals": as_image(photograph.mask, np.full(count, _UNKNOWN_DEG))},
        explained={"physics": 0.0, "residual": 0.0, "neither": 1.0},
        observations=_observations(photograph, np.zeros((3, *photograph.image.shape))),
    )  # fmt: skip


def _parts(unmixing: Unmixing, state: MultiplexedState) -> tuple[NDArray, NDArray]:
    """What each light adds to each pixel (P, 3, 3), and the pixel's albedo (P, 3)."""
    own = state.paints[state.labels]
    parts, albedo = np.zeros((len(own), 3, 3)), own * np.exp(state.fit.log_albedo)[:, None]
    for case in range(-1, len(EXPLANATIONS)):
        here = np.flatnonzero(state.cases == case)
        if here.size:
            paints = Paints(own[here], state.beyond[here], np.ones(here.size))
            explanation = EXPLANATIONS[max(case, 0)]
            fit = state.fit.subset(here)
            parts[here] = modelled(unmixing, paints, explanation, fit)
            if explanation.border:
                albedo[here] += fit.extra[:, None] * (paints.beyond - paints.own) * np.exp(fit.log_albedo)[:, None]
    return parts, albedo


def _solution(
    photograph: MultiplexedPhotograph, prepared: Photograph, unmixing: Unmixing, state: MultiplexedState
) -> Solution:
    mask, grid = photograph.mask, state.grid
    parts, albedo = _parts(unmixing, state)
    model = parts.sum(1)
    # light by light: the model's shares of what is seen
    seen = parts * (prepared.pixels / np.maximum(model, 1e-9))[:, None]
    images = np.stack([grid.image(seen[:, k]) for k in range(3)])
    observations = _observations(photograph, images)
    normals = as_image(mask, state.fit.normals)
    depth = depth_map(observations, normals, "bilateral")
    shares = Shares()
    shares.add(prepared.pixels, model, None, prepared.usable.min(1))
    black = prepared.pixels.max(1) <= 2 * prepared.noise
    gauge = albedo_gauge(albedo)
    values = {
        "normals": normals, "albedo": as_image(mask, albedo * gauge), "depth": depth.depth,
        "paints": torch.from_numpy(state.paints.astype(np.float32) * np.float32(gauge)),
        "paint": torch.from_numpy(grid.image(state.labels.astype(np.int64), -1)),
        "light_intensities": torch.from_numpy(unmixing.mixing.T.astype(np.float32)),
        "predicted": torch.stack([as_image(mask, parts[:, k]) for k in range(3)]),
        "predicted_lights": torch.arange(3),
    }  # fmt: skip
    spread = np.sqrt(0.5 * np.maximum(np.einsum("pii->p", state.fit.covariance), 0.0)) * _DEG_68
    spread = np.where(black, _UNKNOWN_DEG, np.clip(np.hypot(spread, _FLOOR_DEG), 0.0, _UNKNOWN_DEG))
    turned = state.changes[-2] if len(state.changes) > 1 else state.changes[-1]  # the last round's guide is tighter
    settled = turned < np.radians(2.0)
    status = Status.CONVERGED if settled else Status.STEP_LIMIT
    message = "" if settled else f"rounds still turned normals by {np.degrees(turned):.1f} degrees in the mean"
    apart = disagreement_deg(normals, mask)
    if black.all():
        status, message = Status.ILL_POSED, "every pixel inside the mask is black"
    elif apart > LEAST_AGREEMENT_DEG:
        status, message = Status.ILL_POSED, (
            f"half of the normals are {apart:.1f} degrees or more off the surface that they integrate to: the paints "
            "found are not the object's (broad highlights on several colours, or a texture)"
        )
    history = [Step(cost, float("nan"), change, float("nan"), 0.0, "round")
               for cost, change in zip(state.costs, state.changes, strict=True)]  # fmt: skip
    return Solution(
        "multiplexed", status, message, values, {"normals": as_image(mask, spread)}, history, shares.explained(),
        {**depth.figures, "albedo_scale": "relative", "light_distance_mask_sides": "infinite", "learned_parameters": 0,
         "paints": len(state.paints), "normals_off_their_surface_deg": apart},
        notes=[*_notes(state, black), *depth.notes], observations=observations,
    )  # fmt: skip


def disagreement_deg(normals: torch.Tensor, mask: NDArray) -> float:
    """Median angle between normals (H, W, 3) and those of the surface, with steps, that they integrate to.

    Three numbers a pixel leave the paints no check but this: a wrong one bends normals that no surface has.
    """
    settings = IntegrationSettings(method="bilateral", k=4.0, min_nz=0.12, max_steps=20, tolerance=1e-3)
    own = bilateral_depth(normals.numpy(), mask, weights=None, initial=None, settings=settings).own_normals[mask]
    cosine = np.clip((own * normals.numpy()[mask]).sum(-1), -1.0, 1.0)
    return float(np.degrees(np.median(np.arccos(cosine))))


def _notes(state: MultiplexedState, black: NDArray) -> list[str]:
    """What was assumed of the colours, and how much of the object each explanation covers."""
    count = len(state.paints)
    chroma = state.paints / state.paints.sum(1, keepdims=True)
    one_colour = count == 1 or float(np.abs(chroma - chroma[0]).max()) < 0.02
    kinds = "one colour" if count == 1 else f"{count} paints" + (" of one chromaticity" if one_colour else "")
    notes = [f"the object is taken to have {kinds}, found from this photograph; a finer texture would be read as shape"]
    if count > _MANY_PAINTS:
        notes.append(f"{count} paints are many for one photograph: broad highlights on several colours are taken for "
                     "paints of their own, and the normals there may be tens of degrees off")  # fmt: skip
    loose = [k for k in range(count) if state.albedo_std[k] > 0.1]
    if loose:
        notes.append("the albedo varies within a paint: only its chromaticity is taken as constant there, and pixels "
                     "in shadow follow their neighbours")  # fmt: skip
    groups = (("one light in shadow", SHADOWS), ("two lights in shadow", DEEP_SHADOWS), ("a highlight", HIGHLIGHTS),
              ("a border between paints", (BORDER,)))  # fmt: skip
    shares = []
    for name, group in groups:
        share = np.isin(state.cases, [EXPLANATIONS.index(entry) for entry in group]).mean()
        if share >= 0.001:
            shares.append(f"{100 * share:.1f} % {name}")
    clean = float((state.cases == EXPLANATIONS.index(CLEAN)).mean())
    notes.append("pixels: " + ", ".join([f"{100 * clean:.1f} % lit by three lights", *shares,
                                        f"{100 * float((state.cases < 0).mean()):.1f} % unexplained"]))  # fmt: skip
    if black.any():
        notes.append(f"{int(black.sum())} pixels inside the mask are black: they follow the surface around")
    return notes
