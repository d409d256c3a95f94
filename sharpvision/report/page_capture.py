"""The section 'Capture' of the page: what was found in the photographs before anything was solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup, escape

from sharpvision.report.page_capture_plots import polar, response_curve, shifts, strengths
from sharpvision.report.page_pictures import data_uri, srgb

PICTURE_SIDE = 900


@dataclass(frozen=True)
class CaptureFigure:
    """One figure of the section: a drawing and what to see in it; `wide` for pictures."""

    title: str
    drawing: Markup
    caption: str
    wide: bool = False


def capture_figures(findings: Any, solution: Any) -> list[CaptureFigure]:
    """Figures for whatever `findings` (of a prepared capture) hold, and for lights that the solver estimated.

    None where the photographs and their lights were taken as they are.

    Findings are plain numbers by attribute: `picture` (h, w, 3) linear, reduced by `scale`; `ball` with its outline,
    highlights and lights; `response` with its curve; `intensities` and `alignment`; what is None is left out.
    """
    estimated = solution.values.get("light_directions")
    figures = [] if estimated is None else [_estimated(estimated.numpy())]
    if findings is None:
        return figures
    observations = solution.observations
    ball = findings.ball
    if findings.picture is not None:
        mask = observations.mask.numpy() if findings.mask is not None else None
        inside = ball if ball is not None and ball.in_frame else None
        figures.append(_seen(findings.picture, findings.scale, mask, inside))
    if ball is not None and not ball.in_frame:
        figures.append(_seen(ball.picture, ball.scale, None, ball))
    if ball is not None:
        figures.append(_lights(ball))
    parts = ((findings.intensities, _strengths), (findings.response, _response), (findings.alignment, _movement))
    figures += [drawn(found) for found, drawn in parts if found is not None]
    return figures


def _seen(picture: np.ndarray, scale: float, mask: np.ndarray | None, ball: Any) -> CaptureFigure:
    """The mean photograph with the outlines that were found in it."""
    height, width = picture.shape[:2]
    white = max(float(np.percentile(picture, 99.5)), 1e-6)
    further = min(PICTURE_SIDE / max(height, width), 1.0)
    if further < 1:
        picture = cv2.resize(picture, None, fx=further, fy=further, interpolation=cv2.INTER_AREA)
    scale *= further
    parts, said = [], []
    if mask is not None:
        parts.append(f'<path class="edge mask" d="{_outline(mask, scale)}"/>')
        said.append("the object's mask")
    if ball is not None:
        middle, axes, angle = ball.ball.outline.ellipse
        middle, axes = middle * scale, axes * scale
        parts.append(f'<ellipse class="edge" rx="{axes[0]:.2f}" ry="{axes[1]:.2f}" '
                     f'transform="translate({middle[0]:.2f} {middle[1]:.2f}) rotate({angle:.2f})"/>')  # fmt: skip
        places = ball.ball.highlights.positions * scale
        radius = max(0.04 * float(axes[1]), 1.5)
        for name, place in zip(ball.names, places, strict=False):
            if np.isfinite(place).all():
                parts.append(f'<circle class="spot" cx="{place[0]:.2f}" cy="{place[1]:.2f}" r="{radius:.2f}">'
                             f"<title>{escape(name)}</title></circle>")  # fmt: skip
        said.append("the mirror ball with its highlight in each photograph")
    height, width = picture.shape[:2]
    drawing = Markup(
        f'<div class="overlay"><img src="{data_uri(srgb(picture / white), quality=82)}" alt="Mean of all photographs">'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{"".join(parts)}</svg></div>'
    )
    caption = f"Mean of all photographs{', with ' + ' and '.join(said) if said else ''}."
    if ball is not None:
        found = ball.ball
        x, y = found.centre
        caption += (f" Ball at ({x:.1f}, {y:.1f}), radius {found.radius:.1f} px, its edge within "
                    f"{found.contour_rms_px:.2f} px; confidence {found.confidence:.2f} of 1.")  # fmt: skip
    title = "What was found" if ball is None or ball.in_frame else "The mirror ball"
    return CaptureFigure(title, drawing, caption, True)


def _outline(mask: np.ndarray, scale: float) -> str:
    """The mask's outlines as an SVG path in pixels of the reduced picture."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = []
    for contour in contours:
        if len(contour) >= 8:
            simple = cv2.approxPolyDP(contour, 0.5 / max(scale, 1e-6), closed=True)[:, 0] + 0.5
            rings.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in simple * scale) + "Z")
    return "".join(rings)


def _lights(ball: Any) -> CaptureFigure:
    found = ball.lights.found
    drawing = polar(ball.lights.directions[found], ball.lights.std_deg[found])
    worst = float(np.nanmax(ball.lights.std_deg[found]))
    caption = (f"Directions of {int(found.sum())} of {len(found)} lights from the ball, seen from the camera: its axis "
               f"in the middle, the horizon outside. Each is known to {worst:.1f}° or better.")  # fmt: skip
    return CaptureFigure("Where the lights stood", drawing, caption)


def _estimated(directions: np.ndarray) -> CaptureFigure:
    caption = "Directions of the lights as estimated with the surface, seen from the camera."
    return CaptureFigure("Where the lights stood", polar(directions), caption)


def _response(estimate: Any) -> CaptureFigure:
    caption = f"The camera's response as estimated; the band is its uncertainty, {100 * estimate.log_std:.0f} %."
    if not estimate.determined:
        caption += " The photographs do not tell it: this is the more plausible of linear and sRGB."
    return CaptureFigure("Camera response", response_curve(estimate.curve, estimate.log_std), caption)


def _movement(alignment: Any) -> CaptureFigure:
    moved = alignment.moved
    caption = (f"Shift of each photograph against number {alignment.reference + 1}. {int(moved.sum())} of {len(moved)} "
               "were moved back (filled); the others stayed within their uncertainty.")  # fmt: skip
    return CaptureFigure("Movement of the camera", shifts(alignment.measured, moved, alignment.std), caption)


def _strengths(found: Any) -> CaptureFigure:
    caption = "Relative intensity of each light, with its uncertainty; mean of red, green and blue."
    return CaptureFigure("How strong the lights were", strengths(found.intensities, found.std), caption)
