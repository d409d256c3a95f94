"""Suite `colour-multiplexed`: one photograph under three coloured lights, rendered, and nothing else to go by."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sharpvision.bench.photometric_scoring import scores
from sharpvision.bench.rendered import RenderedScene, expose, radiance, sample_pixels
from sharpvision.bench.rendered_shapes import Shadows, bumpy, sphere
from sharpvision.bench.suite import SUITES, Case, Ledger, Measurement, Options, Row
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph

Array = NDArray[np.float64]

MIXING = np.array([[0.90, 0.12, 0.03], [0.15, 0.78, 0.12], [0.02, 0.18, 0.85]])
"""What each channel (row) sees of each light (column): a camera's filters overlap."""
TILT_DEG, TURN_DEG = 32.0, 20.0
CAPTURES = Path(__file__).resolve().parents[2] / "scenes" / "captures" / "multiplexed"
PATH_TRACED = {"path_traced_constant": "constant", "path_traced_piecewise": "piecewise"}


@dataclass(frozen=True)
class MultiplexedScene:
    """A shape in `paints` linear RGB albedos, in patches with sharp borders; `glossy` adds a dielectric lobe, white."""

    paints: tuple[tuple[float, float, float], ...]
    glossy: bool
    shape: str = "bumpy"
    side: int = 136
    noise: float = 0.01
    seed: int = 0


SCENES = {
    # one chromaticity, three levels of it
    "constant_chromaticity": MultiplexedScene(
        ((0.70, 0.45, 0.30), (0.49, 0.315, 0.21), (0.35, 0.225, 0.15)), glossy=False, seed=1
    ),
    "piecewise_albedo": MultiplexedScene(
        ((0.75, 0.30, 0.20), (0.25, 0.50, 0.65), (0.80, 0.72, 0.55), (0.30, 0.60, 0.28)), glossy=False, seed=2
    ),
    "one_paint_sphere": MultiplexedScene(((0.5, 0.6, 0.35),), glossy=True, shape="sphere", seed=3),
}


def three_lights() -> Array:
    """Directions (3, 3) in the OpenCV frame, a third of a turn apart."""
    turn = np.radians(TURN_DEG + 120.0 * np.arange(3))
    tilt = np.radians(TILT_DEG)
    return np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.full(3, -np.cos(tilt))], 1)


def paint_of(scene: MultiplexedScene, positions: Array) -> Array:
    """Albedo (P, 3) at image positions (P, 2) in disc radii: that of the nearest of a few seeds."""
    rng = np.random.default_rng([scene.seed, 4])
    seeds = rng.uniform(-0.8, 0.8, (2 * len(scene.paints), 2))
    nearest = ((positions[:, None] - seeds) ** 2).sum(-1).argmin(1) % len(scene.paints)
    return np.array(scene.paints)[nearest]


def render_multiplexed(scene: MultiplexedScene, name: str = "rendered") -> MultiplexedPhotograph:
    """The photograph, its calibration and its truth: attached and cast shadows, highlights, noise as in `rendered`."""
    import torch

    from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph

    shape = sphere() if scene.shape == "sphere" else bumpy(scene.seed)
    mask, normals, samples = sample_pixels(shape, scene.side)
    shadows, directions = Shadows(shape, 0.5 * scene.side), three_lights()
    white = RenderedScene("matte", seed=scene.seed)
    shiny = RenderedScene("glossy", seed=scene.seed)
    colour = paint_of(scene, samples.position[:, :2])
    signal = np.zeros((1, len(normals), 3))
    for k, direction in enumerate(directions):
        matte = radiance(white, shadows, samples, direction)
        highlight = radiance(shiny, shadows, samples, direction) - matte if scene.glossy else np.zeros_like(matte)
        paint = np.maximum(base_paint(white, samples.position[:, :2]), 1e-9)
        outgoing = (matte / paint * colour + highlight) * MIXING[:, k]
        np.add.at(signal[0], samples.pixel, samples.weight[:, None] * outgoing)
    image = np.zeros((*mask.shape, 3), np.float32)
    image[mask] = expose(signal, scene.noise, scene.seed)[0]
    truth = np.zeros((*mask.shape, 3), np.float32)
    truth[mask] = normals
    return MultiplexedPhotograph(image, mask, directions, MIXING, name, ground_truth=torch.from_numpy(truth))


def base_paint(scene: RenderedScene, positions: Array) -> Array:
    """Albedo (P, 3) that `rendered.radiance` gives its own patches, which `render_multiplexed` divides out."""
    from sharpvision.bench.rendered import paint

    return paint(positions[:, 0], positions[:, 1], scene.seed)


def read_path_traced(folder: Path, name: str) -> MultiplexedPhotograph:
    """A path-traced example capture with its truth; `InputError` where the checkout does not hold it."""
    import torch

    from sharpvision.core.frames import opencv_from_opengl
    from sharpvision.data import read_capture_file
    from sharpvision.data.images import decode
    from sharpvision.data.masks import read_mask
    from sharpvision.reconstruct.photometric.multiplexed.solve import MultiplexedPhotograph

    if not (folder / "photo.png").is_file():
        raise InputError(folder, "an example capture (photo.png and truth/)", "none", "use a checkout with scenes/")
    image = decode(folder / "photo.png").pixels.astype(np.float32) / 65535.0
    capture = read_capture_file(folder)
    truth = folder / "truth"
    normals = opencv_from_opengl(np.load(truth / "normal_gt.npz")["normal"].astype(np.float32)) + np.float32(0)
    return MultiplexedPhotograph(
        image, read_mask(truth / "mask.png", (image.shape[0], image.shape[1])),
        opencv_from_opengl(np.loadtxt(truth / "light_directions.txt")), np.loadtxt(truth / "light_matrix.txt"), name,
        focal_px=capture.camera.focal_px if capture is not None and capture.camera is not None else None,
        ground_truth=torch.from_numpy(normals),
    )  # fmt: skip


@SUITES.register("colour-multiplexed")
class ColourMultiplexed:
    """Every scene in one photograph; the lights' directions and the matrix of lights to channels are known."""

    name = "colour-multiplexed"
    takes = ("objects",)

    def cases(self, options: Options) -> list[Case]:
        """Raises `InputError` for a scene that is not there."""
        names = [*SCENES, *PATH_TRACED]
        for name in options.objects:
            if name not in names:
                raise InputError(f"scene {name!r}", f"one of {', '.join(names)}", repr(name), "use one of these")
        return [Case(self.name, name, "physics", {"photographs": 1}) for name in options.objects or names]

    def run(self, case: Case, seed: int) -> Measurement:
        """Render or read, solve, score."""
        from sharpvision.reconstruct.photometric.multiplexed.solve import solve_multiplexed

        if case.case in SCENES:
            scene = SCENES[case.case]
            photograph = render_multiplexed(replace(scene, seed=scene.seed + 1000 * seed), case.case)
        else:
            photograph = read_path_traced(CAPTURES / PATH_TRACED[case.case], case.case)
        small = replace(SCENES["one_paint_sphere"], side=24)
        solve_multiplexed(render_multiplexed(small))  # kernels and imports
        started = time.perf_counter()
        solution, _ = solve_multiplexed(photograph, seed=seed)
        seconds = time.perf_counter() - started
        found = scores(solution, solution.observations)
        stored = 3 * 4 * int(photograph.mask.sum()) + 3 * int(solution.figures.get("paints", 0))
        return Measurement(found, seconds, Ledger(stored_numbers=stored))

    def derive(self, rows: list[Row]) -> list[Row]:
        """No rows made of others."""
        return []
