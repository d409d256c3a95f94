"""The section 'Capture' of the page: what was found in the photographs before anything was solved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup, escape

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.report.page_pictures import data_uri, srgb
from sharpvision.report.page_plots import FIRST, LINE, QUIET, SECOND, THIRD, new_axes, svg_of

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
    highlights and lights; `response` with its curve; what is None is left out.
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
    if findings.response is not None:
        figures.append(_response(findings.response))
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


def polar(directions: np.ndarray, std_deg: Sequence[float] | np.ndarray | None = None) -> Markup:
    """Light directions (N, 3), OpenCV frame, as an SVG disc: the angle to the camera's axis outwards, x to the right.

    A disc's size is its uncertainty, at least that of a dot.
    """
    d = opengl_from_opencv(np.asarray(directions, np.float64))
    zenith = np.degrees(np.arccos(np.clip(d[:, 2], -1, 1)))
    flat = d[:, :2] / np.maximum(np.linalg.norm(d[:, :2], axis=1, keepdims=True), 1e-12)
    places = flat * zenith[:, None]
    figure, axes = new_axes(height=4.2)
    turn = np.linspace(0, 2 * np.pi, 121)
    for ring in (30, 60, 90):
        axes.plot(ring * np.cos(turn), ring * np.sin(turn), color=LINE, linewidth=1.2 if ring == 90 else 0.8)
        axes.text(0, ring, f" {ring}°", color=QUIET, fontsize=9, va="bottom")
    axes.plot([-90, 90], [0, 0], color=LINE, linewidth=0.6)
    axes.plot([0, 0], [-90, 90], color=LINE, linewidth=0.6)
    sizes = np.full(len(d), 2.0) if std_deg is None else np.maximum(np.asarray(std_deg, np.float64), 2.0)
    for number, ((x, y), size) in enumerate(zip(places, sizes, strict=True), 1):
        axes.fill(x + size * np.cos(turn), y + size * np.sin(turn), color=FIRST, alpha=0.75, linewidth=0)
        axes.annotate(str(number), (x, y), (5, 4), textcoords="offset points", color=QUIET, fontsize=9)
    limit = max(95.0, float((np.abs(places).max(1) + sizes).max()) if len(d) else 0.0)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return Markup(svg_of(figure, "Lights as seen from the camera"))


def _response(estimate: Any) -> CaptureFigure:
    """The estimated curve between linear and sRGB."""
    figure, axes = new_axes(height=3.4)
    codes = np.linspace(0, 1, 129)
    axes.plot(codes, codes, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(codes, linear_from_srgb(codes.astype(np.float32)), color=THIRD, linewidth=1.2)
    values = estimate.curve.linear(codes)
    rows = np.exp(estimate.log_std)
    axes.fill_between(codes, values / rows, np.minimum(values * rows, 1), color=SECOND, alpha=0.2, linewidth=0)
    axes.plot(codes, values, color=FIRST, linewidth=2.2)
    for name, at, colour in (("linear", 0.62, QUIET), ("sRGB", 0.86, THIRD)):
        height = at if name == "linear" else float(linear_from_srgb(np.array([at], np.float32))[0])
        axes.annotate(name, (at, height), (6, -12), textcoords="offset points", color=colour, fontsize=11)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("stored value")
    axes.set_ylabel("light")
    caption = f"The camera's response as estimated; the band is its uncertainty, {100 * estimate.log_std:.0f} %."
    if not estimate.determined:
        caption += " The photographs do not tell it: this is the more plausible of linear and sRGB."
    return CaptureFigure("Camera response", Markup(svg_of(figure, "Response of the camera")), caption)
