"""The other pictures of `docs/capture.md`, from the example captures: `python -m scenes.capture_pictures [FOLDER]`.

`capture_frame.webp`: what belongs into the frame; `capture_exposure.webp`: too dark, right, burnt out;
`capture_lamps.webp`: where the lamps were, and how much noise each placing leaves in the normals.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from numpy.typing import NDArray
from PIL import Image

from scenes.capture_rig import CAPTURES, Array, distant_directions
from sharpvision.core.srgb import srgb8

mpl.use("agg")
import matplotlib.pyplot as plt

PAGE, INK, SOFT, GOOD, BAD = "#fbfaf7", "#22262b", "#8a9099", "#2f7d5b", "#b3402f"
LABEL = {"boxstyle": "round,pad=0.35", "fc": PAGE, "ec": "none", "alpha": 0.92}


def pixels(name: str) -> NDArray[np.uint8]:
    """A photograph of an example capture (H, W, 3)."""
    with Image.open(CAPTURES / name) as picture:
        return np.asarray(picture.convert("RGB"))


def write(figure: Figure, path: Path) -> None:
    """As WebP, on the page's colour."""
    figure.savefig(path.with_suffix(".png"), facecolor=PAGE)
    plt.close(figure)
    with Image.open(path.with_suffix(".png")) as picture:
        picture.convert("RGB").save(path, quality=88, method=6)
    path.with_suffix(".png").unlink()


def frame(path: Path) -> None:
    """One photograph of `jpeg` with ball, card and object marked."""
    figure = plt.figure(figsize=(7.6, 5.7), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(pixels("jpeg/IMG_0003.jpg"), interpolation="lanczos", extent=(0, 256, 192, 0))
    axes.set_axis_off()
    ball = json.loads((CAPTURES / "jpeg" / "truth" / "ball.json").read_text())["outline_px"]
    size = 2.0 * np.array(ball["semi_axes"])
    axes.add_patch(Ellipse(ball["centre"], *size, angle=ball["angle_deg"], fill=False, ec="#ffd873", lw=1.8))
    x, y, width, height = json.loads((CAPTURES / "jpeg" / "capture.json").read_text())["gray_card"]
    axes.add_patch(Rectangle((x, y), width, height, fill=False, ec="#ffd873", lw=1.8))
    mask = cv2.imread(str(CAPTURES / "jpeg" / "truth" / "mask.png"), cv2.IMREAD_GRAYSCALE)
    outlines, _ = cv2.findContours((mask > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    axes.plot(*(max(outlines, key=len)[:, 0].T + 0.5), color="#9fd8ff", lw=1.3, ls=(0, (3, 2)))
    notes = (("object: two thirds of the frame's height,\nnothing in front of it", (160, 36), (200, 17)),
             ("chrome ball: a sixth of the frame's height,\nclear of the object's shadow", (207, 160), (140, 176)),
             ("gray card: flat, faces the camera,\nnever in a shadow", (26, 146), (46, 112)),
             ("black cloth", (22, 52), (34, 30)))  # fmt: skip
    for text, at, where in notes:
        axes.annotate(text, at, where, fontsize=10.5, color=INK, ha="center", va="center", bbox=LABEL,
                      arrowprops={"arrowstyle": "-", "color": PAGE, "lw": 1.2})  # fmt: skip
    write(figure, path)


def exposures(path: Path) -> None:
    """One scene of `exposures` at three times, burnt pixels striped, with histograms of the object's levels."""
    figure, rows = plt.subplots(2, 3, figsize=(9.6, 4.3), dpi=100, height_ratios=(3.4, 1), facecolor=PAGE)
    mask = cv2.imread(str(CAPTURES / "handheld" / "truth" / "mask.png"), cv2.IMREAD_GRAYSCALE) > 127
    exposure, value = np.loadtxt(CAPTURES / "exposures" / "truth" / "response.txt").T
    scene = np.interp(pixels("exposures/IMG_0002.png") / 255.0, value, exposure)
    cases = ((0.22, "too dark: noise and steps in the shade", BAD),
             (1.75, "right: the brightest part just below white", GOOD),
             (3.2, "burnt out: no shading left to measure", BAD))  # fmt: skip
    for column, (gain, title, colour) in enumerate(cases):
        levels = srgb8(np.clip(gain * scene, 0.0, 1.0))
        burnt = levels.max(-1) >= 253
        stripes = (np.indices(burnt.shape).sum(0) // 3) % 3 == 0
        axes = rows[0, column]
        axes.imshow(np.where((burnt & stripes)[..., None], np.uint8([214, 40, 110]), levels), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(title, fontsize=10, color=colour, pad=6)
        histogram(rows[1, column], levels[mask].max(-1), f"{100 * burnt[mask].mean():.0f} % burnt")
    figure.subplots_adjust(left=0.02, right=0.98, top=0.92, bottom=0.09, wspace=0.06, hspace=0.06)
    write(figure, path)


def histogram(axes: Axes, values: Array, text: str) -> None:
    """How often each level occurs."""
    axes.hist(values, bins=np.arange(0, 257, 4), color="#566270")
    axes.set(xlim=(0, 256), yticks=[], xticks=[64, 128, 192], facecolor=PAGE)
    axes.tick_params(labelsize=8.5, colors=SOFT, length=2)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.axvspan(250, 256, color="#d6286e", alpha=0.35, lw=0)
    axes.text(0.03, 0.86, text, transform=axes.transAxes, fontsize=9, color=INK, va="top")


def noise_gain(directions: Array) -> float:
    """Root mean square of the normal's error for images with an error of one, per albedo: sqrt(tr (L^T L)^-1)."""
    return float(np.sqrt(np.trace(np.linalg.inv(directions.T @ directions))))


def placings() -> tuple[tuple[str, str, Array], ...]:
    """Titles, colours and directions (N, 3) of a good and two poor placings of twelve lamps."""
    good = distant_directions(((22.0, 4), (48.0, 8)))
    near = distant_directions(((8.0, 4), (16.0, 8)))
    turn = np.radians(np.linspace(-35.0, 35.0, 12))
    tilt = np.radians(np.tile((28.0, 42.0, 56.0), 4))
    side = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], axis=-1)
    return (("two rings around the camera", GOOD, good), ("all close to the camera", BAD, near),
            ("all from one side", BAD, side))  # fmt: skip


def lamps(path: Path) -> None:
    """Polar plots: the camera looks at the page, the rim is 90 degrees off its axis."""
    figure, row = plt.subplots(1, 3, figsize=(9.6, 3.9), dpi=100, subplot_kw={"projection": "polar"}, facecolor=PAGE)
    best = noise_gain(placings()[0][2])
    for axes, (title, colour, directions) in zip(row, placings(), strict=True):
        turn = np.arctan2(directions[:, 1], directions[:, 0])
        tilt = np.degrees(np.arccos(directions[:, 2]))
        axes.scatter(turn, tilt, s=46, color=colour, zorder=3, edgecolor=PAGE, linewidth=0.8)
        ticks: Any = [30, 60, 90]
        axes.set(rlim=(0, 90), facecolor="#f2f1ec")
        axes.set_rticks(ticks, [f"{t}°" for t in ticks])
        axes.set_thetagrids([0, 90, 180, 270], ["right", "above", "left", "below"])
        axes.tick_params(labelsize=8.5, colors=SOFT)
        axes.grid(color="#d7d5cd", lw=0.8)
        axes.spines["polar"].set_color("#d7d5cd")
        axes.set_title(title, fontsize=10.5, color=colour, pad=14)
        times = noise_gain(directions) / best
        text = "noise of the normals: 1" if times < 1.01 else f"noise of the normals: {times:.1f} times that"
        axes.text(0.5, -0.2, text, transform=axes.transAxes, ha="center", fontsize=9.5, color=INK)
    figure.subplots_adjust(left=0.05, right=0.95, top=0.82, bottom=0.16, wspace=0.45)
    write(figure, path)


def main(folder: Path) -> None:
    """All three."""
    frame(folder / "capture_frame.webp")
    exposures(folder / "capture_exposure.webp")
    lamps(folder / "capture_lamps.webp")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs")
