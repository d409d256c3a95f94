"""The maps on the page: normals, reflectance, depth, uncertainty and error, a card each with views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharpvision.report.page_pictures import (
    RELIEF,
    SEQUENTIAL,
    colours,
    data_uri,
    degree_limit,
    gradient,
    height_limits,
    normal_colours,
    srgb,
    with_alpha,
)
from sharpvision.report.page_subject import Subject, coverage, shrink
from sharpvision.solvers.solution import Solution

MAP_SIDE = 900


@dataclass(frozen=True)
class Scale:
    """A colour bar: its CSS gradient and the texts of its ends."""

    gradient: str
    low: str
    high: str


@dataclass(frozen=True)
class View:
    """One picture of a card, the word that switches to it, and its colour bar."""

    label: str
    picture: str
    alt: str
    scale: Scale | None = None


@dataclass(frozen=True)
class Card:
    """A titled map with one or more views."""

    key: str
    title: str
    caption: str
    views: list[View]


def map_cards(solution: Solution, shown: Subject) -> list[Card]:
    """A card for each map that the solution holds."""
    cover = coverage(shown.mask, MAP_SIDE)
    cards = [_normals(shown, cover), *(make(solution, shown, cover) for make in (_albedo, _gloss, _depth))]
    limit = degree_limit(shown.std_deg, shown.error_deg)
    degrees = Scale(gradient(SEQUENTIAL), "0°", f"≥ {limit}°")

    def angles(values: np.ndarray, label: str, alt: str) -> View:
        small = shrink(values, shown.mask, MAP_SIDE)
        known = cover * np.isfinite(small)
        return View(label, data_uri(with_alpha(colours(small, (0, limit), SEQUENTIAL), known)), alt, degrees)

    if shown.std_deg is not None:
        view = angles(shown.std_deg, "stated", f"Uncertainty of the normals of {shown.name}, in degrees")
        cards.append(Card("std", "Uncertainty", "The angle within which 68 % of the errors should fall.", [view]))
    if shown.error_deg is not None:
        view = angles(shown.error_deg, "measured", f"Angular error of the normals of {shown.name}, in degrees")
        same = ", on the colours of the uncertainty." if shown.std_deg is not None else "."
        cards.append(Card("error", "Error", f"Angle to the true normal{same}", [view]))
    return [card for card in cards if card is not None]


def _normals(shown: Subject, cover: np.ndarray) -> Card:
    def view(field: np.ndarray, label: str) -> View:
        small = shrink(field, shown.mask, MAP_SIDE)
        known = cover * (np.abs(np.nan_to_num(small)).sum(-1) > 1e-6)
        return View(label, data_uri(with_alpha(normal_colours(small), known)), f"Normal map of {shown.name}, {label}")

    views = [view(shown.normals, "estimate")]
    if shown.truth is not None:
        views.append(view(shown.truth, "truth"))
    return Card("normals", "Normals", "Red to the right, green up, blue to the viewer.", views)


def _albedo(solution: Solution, shown: Subject, cover: np.ndarray) -> Card | None:
    if shown.albedo is None:
        return None
    albedo = shrink(shown.albedo, shown.mask, MAP_SIDE)
    views = [View("albedo", data_uri(with_alpha(srgb(albedo), cover)), f"Diffuse albedo of {shown.name}")]
    rough = _weight(solution, "rough_diffuse", shown, cover)
    if rough is not None:
        views.append(View("rough diffuse", rough, f"Weight of the rough diffuse term of {shown.name}"))
    return Card("albedo", "Albedo", "Linear, scaled to a 99th percentile of 1; shown as sRGB.", views)


def _gloss(solution: Solution, shown: Subject, cover: np.ndarray) -> Card | None:
    gloss = _weight(solution, "lobe_weights", shown, cover)
    if gloss is None:
        return None
    widths = ", ".join(f"{float(a):.2g}" for a in solution.values["lobe_roughness"].reshape(-1))
    caption = f"Weight of all lobes of the shared basis, of widths {widths}."
    return Card("gloss", "Gloss", caption, [View("gloss", gloss, f"Weight of the gloss lobes of {shown.name}")])


def _weight(solution: Solution, name: str, shown: Subject, cover: np.ndarray) -> str | None:
    """Picture of weights (H, W, 3), or (H, W, K, 3) added up, its 99th percentile white; None where all are zero."""
    value = solution.values.get(name)
    if value is None or value.shape[:2] != solution.values["normals"].shape[:2]:
        return None
    crop = value.detach().cpu().numpy()[shown.window]
    crop = np.maximum(np.nan_to_num(crop.sum(2) if crop.ndim == 4 else crop), 0)
    small = np.nan_to_num(shrink(crop, shown.mask, MAP_SIDE))
    top = float(np.percentile(small[cover > 0.5], 99)) if (cover > 0.5).any() else 0.0
    return data_uri(with_alpha(srgb(small / top), cover)) if top > 0 else None


def _depth(solution: Solution, shown: Subject, cover: np.ndarray) -> Card | None:
    if shown.depth is None:
        return None
    depth = shrink(shown.depth, shown.mask, MAP_SIDE)
    low, high = height_limits(depth)
    model = str(solution.figures.get("depth_model", "orthographic"))
    unit = getattr(solution.observations, "length_unit", "px") if model == "perspective" else "px"
    scale = Scale(gradient(RELIEF), f"{high - low:.3g} {unit} deep", "nearest")
    known = cover * np.isfinite(depth)
    heights = data_uri(with_alpha(colours(-depth, (-high, -low), RELIEF), known))
    relief = data_uri(with_alpha(_hillshade(depth, max(shown.mask.shape) / max(depth.shape)), known))
    views = [
        View("height", heights, f"Depth map of {shown.name}", scale),
        View("shaded", relief, f"Surface of {shown.name}, integrated and shaded"),
    ]
    return Card("depth", "Depth", f"Integrated from the normals; {model} camera.", views)


def _hillshade(depth: np.ndarray, pixel: float) -> np.ndarray:
    """Grey shading of the integrated surface by its own slopes, lit from the upper left; `pixel`: a sample's size."""
    filled = np.nan_to_num(depth / pixel, nan=float(np.nanmedian(depth / pixel)) if np.isfinite(depth).any() else 0.0)
    slope_y, slope_x = np.gradient(filled) if min(depth.shape) > 1 else (0 * filled, 0 * filled)
    # n = (dz/dx, -dz/dy, 1) in the frame of files, for depth that grows away from the viewer
    normal = np.dstack([slope_x, -slope_y, np.ones_like(slope_x)])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lit = np.clip(normal @ np.array([-0.45, 0.45, 0.77]), 0, 1)
    return np.repeat(srgb(0.05 + 0.75 * lit)[..., None], 3, axis=-1)
