"""Plots of the page as inline SVG in the page's own colours (CSS variables), so that they follow light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sharpvision.solvers.solution import Step

# Stand-ins that matplotlib writes as they are, and the CSS variables that take their place.
THEME = {"#010203": "var(--ink)", "#010204": "var(--quiet)", "#010205": "var(--line)", "#010206": "var(--series-1)",
         "#010207": "var(--series-2)", "#010208": "var(--series-3)", "#010209": "var(--shade)"}  # fmt: skip
INK, QUIET, LINE, FIRST, SECOND, THIRD, SHADE = THEME


def convergence(history: Sequence[Step]) -> str | None:
    """The solver's value after each step, one line a stage, alternate stages shaded; None without two finite values."""
    values = np.array([step.value for step in history], dtype=np.float64)
    if np.isfinite(values).sum() < 2:
        return None
    figure, axes = new_axes()
    at = 0
    # "reduced: shadows" is a part of the stage "reduced".
    for number, (stage, steps) in enumerate(groupby(history, key=lambda step: step.stage.split(":")[0])):
        count = len(list(steps))
        span = np.arange(at, at + count)
        if number % 2:
            axes.axvspan(at - 0.5, at + count - 0.5, color=SHADE, linewidth=0)
        marker = 3 if len(values) < 40 else 0
        axes.plot(span, values[span], color=FIRST, linewidth=1.6, marker="o", markersize=marker)
        if stage and count > 0.07 * len(values):
            middle, above = at + (count - 1) / 2, axes.get_xaxis_transform()
            style = {"ha": "center", "va": "bottom", "color": QUIET, "fontsize": 10}
            axes.text(middle, 1.02, _plain_text(stage), transform=above, **style)
        at += count
    positive = values[np.isfinite(values)]
    if (positive > 0).all() and positive.max() > 3 * positive.min():
        axes.set_yscale("log")
        _round_ticks(axes.yaxis, "{:.3g}")
    axes.set_xlim(-0.5, max(at - 0.5, 1))
    axes.set_xlabel("step")
    axes.set_ylabel("cost")
    return svg_of(figure, "Cost after each step of the solver")


def calibration(std_deg: np.ndarray, error_deg: np.ndarray, bins: int = 12) -> tuple[str, float] | None:
    """Actual error quantiles against stated std in bins of equal counts, and the share of errors within one std.

    A calibrated solver's 68 % quantile lies on the diagonal, and the share is 0.68. None with fewer than 50 pixels.
    """
    known = np.isfinite(std_deg) & np.isfinite(error_deg) & (std_deg > 0)
    stated, actual = std_deg[known].astype(np.float64), error_deg[known].astype(np.float64)
    if stated.size < 50:
        return None
    edges = np.quantile(stated, np.linspace(0, 1, bins + 1))
    number = np.clip(np.searchsorted(edges, stated, side="right") - 1, 0, bins - 1)
    filled = [b for b in range(bins) if (number == b).sum() >= 5]
    x = [float(np.median(stated[number == b])) for b in filled]
    quantiles = {q: [max(float(np.quantile(actual[number == b], q)), 1e-3) for b in filled] for q in (0.5, 0.68, 0.9)}
    figure, axes = new_axes(height=3.3)
    ends = [0.8 * min(x + quantiles[0.5]), 1.25 * max(x + quantiles[0.9])]
    axes.plot(ends, ends, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    for q, colour, width in ((0.9, THIRD, 1.2), (0.68, FIRST, 2.2), (0.5, SECOND, 1.2)):
        axes.plot(x, quantiles[q], color=colour, linewidth=width, marker="o", markersize=2.5 + width)
        last = (x[-1], quantiles[q][-1])
        axes.annotate(f"{q:.0%}", last, (7, 0), textcoords="offset points", color=colour, va="center", fontsize=11)
    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        getattr(axes, f"set_{name}scale")("log")
        _round_ticks(axis, "{:g}°")
    axes.set_xlim(ends[0] if ends[0] < min(x) else min(x), max(x) * 1.6)
    axes.set_ylim(*ends)
    axes.set_xlabel("stated uncertainty")
    axes.set_ylabel("actual error")
    svg = svg_of(figure, "Quantiles of the actual error against the stated uncertainty")
    return svg, float((actual <= stated).mean())


def _round_ticks(axis: Any, text: str) -> None:
    """Ticks at 1, 2 and 5 times powers of ten on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text.format(value)))
    axis.set_minor_formatter(NullFormatter())
    axis.minorticks_off()


def new_axes(height: float = 2.9) -> tuple[Figure, Any]:
    with rc_context({"font.size": 12, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(5.6, height), layout="constrained")
        axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(which="both", color=LINE, labelcolor=QUIET, labelsize=11)
    axes.xaxis.label.set_color(QUIET)
    axes.yaxis.label.set_color(QUIET)
    axes.grid(True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def svg_of(figure: Figure, label: str) -> str:
    """The figure as an SVG element: text stays text, colours become CSS variables, identifiers get a prefix."""
    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px[^;\"]*", r"font-size: \1px", svg)
    prefix = label.split()[0].lower()
    for mark in ('id="', "url(#", 'xlink:href="#'):
        svg = svg.replace(mark, f"{mark}{prefix}-")
    for stand_in, variable in THEME.items():
        svg = svg.replace(stand_in, variable)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _plain_text(text: str) -> str:
    """A stage's name without the characters that matplotlib reads as mathematics."""
    return text.replace("$", "")
