"""The example captures of `scenes/captures`: small, complete, and at one with the truth that stands beside them."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from scipy.ndimage import label
from scipy.optimize import minimize

from sharpvision.core.srgb import linear_from_srgb
from sharpvision.data.capture_file import read_capture_file
from sharpvision.data.exif import focal_px_of

Array = NDArray[np.float64]
CAPTURES = Path(__file__).parents[1] / "scenes" / "captures"
PHOTOGRAPHS = {"ball": 12, "exposures": 5, "handheld": 12, "jpeg": 13, "matte": 20, "multiplexed/constant": 1,
               "multiplexed/piecewise": 1, "near_leds": 9, "near_leds/balls": 9}  # fmt: skip
WITH_OBJECT = [n for n in PHOTOGRAPHS if n not in ("exposures", "near_leds/balls")]


def photographs(name: str) -> list[Path]:
    """The photographs of a capture in order, a dark frame last."""
    found = [p for p in sorted((CAPTURES / name).iterdir()) if p.suffix in (".png", ".jpg") and p.stem != "mask"]
    return sorted(found, key=lambda p: p.stem == "dark")


def linear(path: Path, response: str) -> Array:
    """Linear values in [0, 1]."""
    levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
    signal = (levels / np.iinfo(levels.dtype).max).astype(np.float32)
    return (linear_from_srgb(signal) if response == "srgb" else signal).astype(np.float64)


def truth(name: str) -> tuple[Array, NDArray[np.bool_], Array]:
    """Normals, mask and depth."""
    folder = CAPTURES / name / "truth"
    normal = np.load(folder / "normal_gt.npz")["normal"].astype(np.float64)
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE) > 127
    return normal, mask, np.load(folder / "depth_gt.npz")["depth"].astype(np.float64)


def focal(name: str) -> float:
    """Focal length in pixels from the capture file, or else from EXIF."""
    capture = read_capture_file(CAPTURES / name)
    if capture is not None and capture.camera is not None and capture.camera.focal_px is not None:
        return capture.camera.focal_px
    with Image.open(photographs(name)[0]) as picture:
        found = focal_px_of(picture.getexif(), *picture.size)
    assert found is not None
    return found


def rays(shape: tuple[int, int], focal_px: float, pixels: Array | None = None) -> Array:
    """Directions (..., 3) of pixels (all, or (..., 2) x right and y down), x right, y up, z to the viewer, z = -1."""
    height, width = shape
    if pixels is None:
        pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    x, y = pixels[..., 0] - 0.5 * width, 0.5 * height - pixels[..., 1]
    return np.stack([x / focal_px, y / focal_px, -np.ones_like(x)], axis=-1)


def unit(vector: Array) -> Array:
    """Of unit length along the last axis."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12)


def angle_deg(a: Array, b: Array) -> Array:
    """Angle between vectors along the last axis."""
    return np.degrees(np.arccos(np.clip((unit(a) * unit(b)).sum(-1), -1.0, 1.0)))


def test_all_together_are_small_enough_for_git() -> None:
    files = [p for p in CAPTURES.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 6_000_000


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_there_and_of_one_size(name: str) -> None:
    paths = photographs(name)
    assert len(paths) == PHOTOGRAPHS[name]
    sizes = set()
    for path in paths:
        with Image.open(path) as picture:
            sizes.add(picture.size)
    assert len(sizes) == 1
    assert read_capture_file(CAPTURES / name) is not None


@pytest.mark.parametrize("name", WITH_OBJECT)
def test_normals_are_unit_and_those_of_the_depth(name: str) -> None:
    normal, mask, depth = truth(name)
    assert mask.shape == linear(photographs(name)[0], "linear").shape[:2]
    np.testing.assert_allclose(np.linalg.norm(normal[mask], axis=-1), 1.0, atol=2e-3)
    assert not normal[~mask].any()
    np.testing.assert_array_equal(np.isfinite(depth), mask)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    point = rays(mask.shape, focal(name)) * depth[..., None]
    across, down = np.gradient(point, axis=1), np.gradient(point, axis=0)
    from_depth = np.cross(down, across)  # towards the camera: y is up, rows go down
    front = inside & (normal[..., 2] > 0.4)
    error = angle_deg(from_depth[front], normal[front])
    assert np.nanmedian(error) < 1.5
    assert (unit(-point) * normal).sum(-1)[inside].min() > -0.05


def test_pngs_and_jpegs_carry_exif() -> None:
    with Image.open(photographs("ball")[0]) as picture:
        assert focal_px_of(picture.getexif(), *picture.size) == pytest.approx(258.86, abs=0.01)
    exposures = np.loadtxt(CAPTURES / "jpeg" / "truth" / "exposures.txt")
    assert len(set(exposures.round(3))) > 3
    for path, expected in zip(photographs("jpeg"), exposures, strict=False):
        with Image.open(path) as picture:
            inner = picture.getexif().get_ifd(ExifTags.IFD.Exif)
        time, stop, iso = (float(inner[tag]) for tag in (ExifTags.Base.ExposureTime, ExifTags.Base.FNumber,
                                                         ExifTags.Base.ISOSpeedRatings))  # fmt: skip
        assert time * iso * 64.0 / stop**2 == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["ball", "jpeg"])
def test_highlights_of_the_ball_point_to_the_lamps(name: str) -> None:
    ball = json.loads((CAPTURES / name / "truth" / "ball.json").read_text())
    centre, radius = np.array(ball["centre"]), ball["radius"]
    directions = np.loadtxt(CAPTURES / name / "truth" / "light_directions.txt")
    assert ball["focal_px"] == pytest.approx(focal(name))
    outline = ball["outline_px"]
    assert outline["semi_axes"][0] > 1.02 * outline["semi_axes"][1]  # off the axis: an ellipse
    errors = []
    for path, direction in zip(photographs(name), directions, strict=False):
        picture = linear(path, "srgb").min(-1)
        spot = brightest_spot(picture, outline)
        ray = unit(rays(picture.shape, focal(name), spot))
        along = ray @ centre - np.sqrt((ray @ centre) ** 2 - centre @ centre + radius**2)
        normal = unit(ray * along - centre)
        errors.append(angle_deg(ray - 2.0 * (ray @ normal) * normal, direction))
    assert np.mean(errors) < 1.0
    assert np.max(errors) < 2.0


def brightest_spot(picture: Array, outline: dict) -> Array:
    """The middle (x, y) of the largest saturated spot inside 0.95 of the outline."""
    rows, columns = np.indices(picture.shape) + 0.5
    x, y = columns - outline["centre"][0], rows - outline["centre"][1]
    turn = np.radians(outline["angle_deg"])
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    inside = np.hypot(along / outline["semi_axes"][0], across / outline["semi_axes"][1]) < 0.95
    parts, count = label(inside & (picture > 0.9))
    largest = 1 + int(np.argmax([(parts == k + 1).sum() for k in range(count)]))
    return np.array([columns[parts == largest].mean(), rows[parts == largest].mean()])


def test_outline_of_the_ball_is_that_of_its_silhouette() -> None:
    ball = json.loads((CAPTURES / "ball" / "truth" / "ball.json").read_text())
    centre, radius, outline = np.array(ball["centre"]), ball["radius"], ball["outline_px"]
    distance = np.linalg.norm(centre)
    axis, turns = unit(centre), np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
    right = unit(np.cross(axis, [0.0, 1.0, 0.0]))
    ring = np.cos(turns)[:, None] * right + np.sin(turns)[:, None] * np.cross(axis, right)
    sine = radius / distance
    seen = axis * distance * (1.0 - sine**2) + ring * radius * np.sqrt(1.0 - sine**2)  # where rays touch the ball
    pixels = focal("ball") * seen[:, :2] * [1.0, -1.0] / -seen[:, 2:] + [128.0, 96.0]
    fitted = cv2.fitEllipse(pixels.astype(np.float32))
    np.testing.assert_allclose(fitted[0], outline["centre"], atol=0.02)
    np.testing.assert_allclose(sorted(fitted[1])[::-1], 2.0 * np.array(outline["semi_axes"]), atol=0.05)


def test_near_leds_shade_the_gourd_by_their_law() -> None:
    lights = json.loads((CAPTURES / "near_leds" / "truth" / "lights.json").read_text())["lights"]
    normal, mask, depth = truth("near_leds")
    point = rays(mask.shape, focal("near_leds")) * depth[..., None]
    for path, light in zip(photographs("near_leds"), lights, strict=True):
        picture = linear(path, "linear")
        to_light = np.array(light["position"]) - point
        distance = np.linalg.norm(to_light, axis=-1)
        cosine = np.maximum(-(unit(to_light) @ np.array(light["axis"])), 0.0)
        shade = np.maximum((normal * unit(to_light)).sum(-1), 0.0) * cosine ** light["exponent"] / distance**2
        lit = mask & (np.abs(picture[..., 0] - 0.5) < 0.48) & (shade > 0.2 * shade[mask].max()) & (normal[..., 2] > 0.3)
        skin = lit & (picture[..., 2] < 0.22 * picture[..., 0])
        ratio = picture[..., 0][skin] / (shade[skin] * light["radiant_intensity"][0])
        assert skin.sum() > 1000
        assert np.percentile(ratio, 80) / np.percentile(ratio, 30) < 1.06
        size, away = 84.0, np.linalg.norm(np.array(light["position"]) - [0.0, 0.0, -300.0])
        assert 1.0 <= away / size <= 2.5


def test_leds_stand_where_both_balls_reflect_them() -> None:
    balls = json.loads((CAPTURES / "near_leds" / "balls" / "truth" / "balls.json").read_text())
    lights = json.loads((CAPTURES / "near_leds" / "truth" / "lights.json").read_text())["lights"]
    for path, light in zip(photographs("near_leds/balls"), lights, strict=True):
        picture = linear(path, "srgb").min(-1)
        for centre in np.array(balls["centres"]):
            x, y = highlight(centre, balls["radius"], np.array(light["position"]), picture.shape)
            row, column = int(y), int(x)
            assert picture[row - 1 : row + 2, column - 1 : column + 2].max() > 0.95


def highlight(centre: Array, radius: float, light: Array, shape: tuple[int, int]) -> Array:
    """The pixel at which a ball reflects a point light: the shortest way from the camera over the ball (Fermat)."""

    def length(angles: Array) -> float:
        tilt, turn = angles
        out = np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)])
        return float(np.linalg.norm(centre + radius * out) + np.linalg.norm(centre + radius * out - light))

    half = unit(unit(light - centre) + unit(-centre))
    first = np.array([np.arccos(half[2]), np.arctan2(half[1], half[0])])
    tilt, turn = minimize(length, first, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10}).x
    point = centre + radius * np.array([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)])
    return focal("near_leds") * point[:2] * [1.0, -1.0] / -point[2] + 0.5 * np.array(shape[::-1])


def test_multiplexed_photograph_is_unmixed_by_the_matrix() -> None:
    folder = CAPTURES / "multiplexed" / "constant"
    normal, mask, _ = truth("multiplexed/constant")
    matrix, paint = np.loadtxt(folder / "truth" / "light_matrix.txt"), np.loadtxt(folder / "truth" / "paints.txt")
    directions = np.loadtxt(folder / "truth" / "light_directions.txt")
    picture = linear(folder / "photo.png", "linear")
    found = (picture / paint) @ np.linalg.inv(matrix @ directions).T
    lit = mask & ((normal @ directions.T).min(-1) > 0.15)
    assert np.median(angle_deg(found[lit], normal[lit])) < 3.0


def test_matte_figurine_has_no_highlight_and_its_lights_are_right() -> None:
    folder = CAPTURES / "matte" / "truth"
    normal, mask, _ = truth("matte")
    lights = np.loadtxt(folder / "light_directions.txt")
    strength = np.loadtxt(folder / "light_intensities.txt")
    pictures = np.stack([linear(p, "linear") for p in photographs("matte")]) / strength[:, None, None]
    gray = pictures.mean(-1)[:, mask]
    lit = (gray > np.percentile(gray, 40, axis=0)).astype(np.float64)
    system = np.einsum("np,ni,nj->pij", lit, lights, lights)
    found = np.linalg.solve(system, np.einsum("np,ni,np->pi", lit, lights, gray)[..., None])[..., 0]
    assert np.median(angle_deg(found, normal[mask])) < 12.0
    assert (np.percentile(gray, 100, axis=0) / np.percentile(gray, 80, axis=0)).mean() < 1.5


def test_handheld_photographs_are_moved_as_said() -> None:
    shifts = np.loadtxt(CAPTURES / "handheld" / "truth" / "shifts_px.txt")
    assert np.abs(shifts).max() <= 3.0
    assert not shifts[0].any()
    _, mask, _ = truth("handheld")
    cloth = (cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0).astype(np.uint8)
    paths = photographs("handheld")
    first = chromaticity(paths[0])
    for path, shift in zip(paths[1:], shifts[1:], strict=True):
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-7)
        start = np.eye(2, 3, dtype=np.float32)
        _, warp = cv2.findTransformECC(first, chromaticity(path), start, cv2.MOTION_TRANSLATION, until, cloth, 3)
        np.testing.assert_allclose(warp[:, 2], shift, atol=0.3)


def chromaticity(path: Path) -> NDArray[np.float32]:
    """Red over blue, on a log scale: the print of the cloth without shading."""
    picture = linear(path, "srgb") + 0.02
    return np.log(picture[..., 0] / picture[..., 2]).astype(np.float32)


def test_gray_card_and_dark_frame_give_the_lamps_strengths() -> None:
    folder = CAPTURES / "jpeg"
    x, y, width, height = read_capture_file(folder).gray_card
    exposures, lights = (np.loadtxt(folder / "truth" / f"{n}.txt") for n in ("exposures", "light_directions"))
    strength = np.loadtxt(folder / "truth" / "light_intensities.txt")
    card = np.stack([linear(p, "srgb")[y : y + height, x : x + width].mean((0, 1)) for p in photographs("jpeg")])
    dark = card[-1] / (100.0 / 15.0)
    seen = (card[:-1] / exposures[:, None] - dark) / lights[:, 2:]
    ratio = seen / strength
    assert ratio.mean(1).std() < 0.03 * ratio.mean()
    assert dark.mean() > 0.02 * (card[:-1] / exposures[:, None]).mean()


def test_bracket_agrees_with_its_response() -> None:
    folder = CAPTURES / "exposures"
    exposure, value = np.loadtxt(folder / "truth" / "response.txt").T
    times = np.loadtxt(folder / "truth" / "exposure_times.txt")
    assert times[1] / times[0] == pytest.approx(2.0)
    assert Fraction(times[-1]).limit_denominator(1000) == Fraction(1, 15)
    assert (np.diff(value) > 0).all()
    levels = np.stack([linear(p, "linear") for p in photographs("exposures")])
    signal = np.interp(levels, value, exposure)
    for shorter, longer in pairwise(signal):
        usable = (longer < 0.9) & (shorter > 0.02)
        assert np.median(longer[usable] / shorter[usable]) == pytest.approx(2.0, rel=0.02)


def test_how_to_shoot_shows_pictures_that_are_there() -> None:
    page = CAPTURES.parents[1] / "docs" / "capture.md"
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    pictures = [page.parent / link for link in links if link.endswith(".webp")]
    assert len(pictures) == 4
    assert all((page.parent / link).exists() for link in links)
    assert sum(p.stat().st_size for p in pictures) < 300_000
