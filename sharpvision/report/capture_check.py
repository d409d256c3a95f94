"""Pictures of a checked capture: light directions as a polar plot, the mask in the mean photograph, movement."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sharpvision.core.srgb import srgb_from_linear

_COLOURS = {"good": "#2a7f3f", "improve": "#b57700", "missing": "#7a4fb0", "bad": "#b3261e"}


def overlay(picture: NDArray[np.float32], mask: NDArray[np.bool_], ball: Any = None) -> NDArray[np.uint8]:
    """The mean photograph (h, w, 3) in sRGB, dimmed outside the mask, with the outlines of mask and ball."""
    white = max(float(np.percentile(picture, 99)), 1e-9)
    shown = np.asarray(srgb_from_linear(np.clip(picture / white, 0, 1)), dtype=np.float32)
    shown = np.where(mask[..., None], shown, 0.45 * shown)
    codes = np.ascontiguousarray(np.rint(255 * shown).astype(np.uint8))
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(codes, outlines, -1, (255, 196, 0), 1, cv2.LINE_AA)
    if ball is not None:
        middle, axes, angle = ball.outline.ellipse
        centre = (round(float(middle[0]) - 0.5), round(float(middle[1]) - 0.5))
        size = (round(float(axes[0])), round(float(axes[1])))
        cv2.ellipse(codes, centre, size, float(angle), 0, 360, (0, 200, 255), 1, cv2.LINE_AA)
    return codes


def check_figure(check: Any) -> Figure:
    """Light directions, mask and movement of a `CaptureCheck` side by side; what is not known is said."""
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    _polar(figure.add_subplot(1, 3, 1, projection="polar"), check.coverage)
    axes = figure.add_subplot(1, 3, 2)
    axes.imshow(overlay(check.picture, check.mask, check.ball))
    axes.set_title("mask (yellow)" + (" and ball (blue)" if check.ball is not None else ""))
    axes.set_axis_off()
    _movement(figure.add_subplot(1, 3, 3), check.shifts)
    figure.suptitle(check.name)
    return figure


def _polar(axes: Any, coverage: Any) -> None:
    """Azimuth as the camera sees it, radius the angle to its axis."""
    axes.set_title("light directions")
    axes.set_rlim(0, 90)
    axes.set_rticks([30, 60, 90], ["30°", "60°", "90°"])
    axes.set_xticks(np.radians([0, 90, 180, 270]), ["right", "up", "left", "down"])
    if coverage is None:
        axes.text(0, 0, "not known", ha="center", va="center")
        return
    front = coverage.polar_deg <= 90
    axes.scatter(np.radians(coverage.azimuth_deg[front]), coverage.polar_deg[front], s=28, color="#d07a00", zorder=3)
    if len(coverage.polar_deg) <= 40:
        for index in np.flatnonzero(front):
            axes.annotate(str(index + 1), (np.radians(coverage.azimuth_deg[index]), coverage.polar_deg[index]),
                          xytext=(4, 3), textcoords="offset points", fontsize=7)  # fmt: skip


def _movement(axes: Any, shifts: NDArray[np.float64] | None) -> None:
    axes.set_title("movement of the camera")
    if shifts is None:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    reach = max(1.0, 1.2 * float(np.abs(shifts).max()))
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    axes.scatter(shifts[:, 0], shifts[:, 1], s=22, color="#2b6cb0", zorder=3)
    axes.set(xlim=(-reach, reach), ylim=(reach, -reach), xlabel="to the right, pixels", ylabel="down, pixels")
    axes.set_aspect("equal")


def png_of(figure: Figure) -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def page_of(check: Any) -> bytes:
    """A page in one file with the table and the pictures."""
    picture = base64.b64encode(png_of(check_figure(check))).decode()
    rows = "\n".join(
        f'<tr><td>{html.escape(item.name)}</td><td style="color:{_COLOURS[item.state]}">{item.state}</td>'
        f"<td>{html.escape(item.found)}</td><td>{html.escape(item.advice)}</td></tr>"
        for item in check.items
    )
    title = html.escape(f"{check.name}: capture check")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;color:#222;
background:#fff}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.4em .6em;border-bottom:1px solid #ddd;
vertical-align:top}}img{{max-width:100%}}</style></head>
<body><h1>{title}</h1><table><tr><th></th><th></th><th>found</th><th>what to do</th></tr>
{rows}</table><p><img alt="light directions, mask and movement" src="data:image/png;base64,{picture}"></p></body></html>
""".encode()
