"""Plots of a capture: where the lights stood, how strong they were, the camera's response and its movement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.report.page_plots import FIRST, LINE, QUIET, SECOND, THIRD, new_axes, svg_of

RINGS_DEG = (30, 60, 90)


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
    for ring in RINGS_DEG:
        axes.plot(ring * np.cos(turn), ring * np.sin(turn), color=LINE, linewidth=1.2 if ring == 90 else 0.8)
        axes.text(0, ring, f" {ring}°", color=QUIET, fontsize=9, va="bottom")
    axes.plot([-90, 90], [0, 0], color=LINE, linewidth=0.6)
    axes.plot([0, 0], [-90, 90], color=LINE, linewidth=0.6)
    sizes = np.full(len(d), 2.0) if std_deg is None else np.maximum(np.asarray(std_deg, np.float64), 2.0)
    for number, ((x, y), size) in enumerate(zip(places, sizes, strict=True), 1):
        axes.fill(x + size * np.cos(turn), y + size * np.sin(turn), color=FIRST, alpha=0.75, linewidth=0)
        if len(d) <= 40:
            axes.annotate(str(number), (x, y), (5, 4), textcoords="offset points", color=QUIET, fontsize=9)
    limit = max(95.0, float((np.abs(places).max(1) + sizes).max()) if len(d) else 0.0)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-limit, limit)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return Markup(svg_of(figure, "Lights as seen from the camera"))


def response_curve(curve: Any, log_std: float) -> Markup:
    """An estimated response between linear and sRGB; the band is its uncertainty."""
    figure, axes = new_axes(height=3.4)
    codes = np.linspace(0, 1, 129)
    axes.plot(codes, codes, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(codes, linear_from_srgb(codes.astype(np.float32)), color=THIRD, linewidth=1.2)
    values, factor = curve.linear(codes), np.exp(log_std)
    axes.fill_between(codes, values / factor, np.minimum(values * factor, 1), color=SECOND, alpha=0.2, linewidth=0)
    axes.plot(codes, values, color=FIRST, linewidth=2.2)
    axes.annotate("linear", (0.62, 0.62), (6, -12), textcoords="offset points", color=QUIET, fontsize=11)
    at = float(linear_from_srgb(np.array([0.86], np.float32))[0])
    axes.annotate("sRGB", (0.86, at), (6, -12), textcoords="offset points", color=THIRD, fontsize=11)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("stored value")
    axes.set_ylabel("light")
    return Markup(svg_of(figure, "Response of the camera"))


def shifts(measured: np.ndarray, moved: np.ndarray, std: np.ndarray) -> Markup:
    """Shifts (N, 2) of the photographs in pixels, x right and y down; filled where they were undone."""
    figure, axes = new_axes(height=3.4)
    known = np.isfinite(std)
    for undone, style in ((True, {"color": FIRST}), (False, {"color": QUIET, "markerfacecolor": "none"})):
        chosen = known & (moved == undone)
        axes.errorbar(measured[chosen, 0], measured[chosen, 1], xerr=std[chosen], yerr=std[chosen], fmt="o",
                      markersize=4, linewidth=0.8, **style)  # fmt: skip
    for number in np.flatnonzero(known & moved)[:40]:
        axes.annotate(str(number + 1), measured[number], (5, 4), textcoords="offset points", color=QUIET, fontsize=9)
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_yaxis()
    axes.set_xlabel("pixels to the right")
    axes.set_ylabel("pixels down")
    return Markup(svg_of(figure, "Movement of the camera between photographs"))


def strengths(intensities: np.ndarray, std: np.ndarray) -> Markup:
    """Relative intensities (N, 3) of the lights, mean 1, with the relative standard deviation (N,)."""
    figure, axes = new_axes()
    gray = intensities.mean(-1)
    numbers = np.arange(1, len(gray) + 1)
    known = np.isfinite(gray)
    axes.errorbar(numbers[known], gray[known], yerr=(np.nan_to_num(std) * gray)[known], fmt="o", color=FIRST,
                  markersize=4, linewidth=1.2)  # fmt: skip
    axes.axhline(1.0, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_ylim(0, 1.15 * float((gray * (1 + np.nan_to_num(std)))[known].max()))
    axes.set_xlabel("photograph")
    axes.set_ylabel("intensity, mean 1")
    return Markup(svg_of(figure, "Strengths of the lights"))
