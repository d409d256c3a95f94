"""Mirror balls found in rendered photographs and in real ones; what is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from ball_photographs import ONE, TWO, lens_of, photographs, scene_of, true_outline

from sharpvision.bench.ball_scene import render
from sharpvision.core.errors import InputError
from sharpvision.data.images import decode
from sharpvision.reconstruct.calibration.ball_detection import detect_ball, detect_balls
from sharpvision.reconstruct.calibration.mirror_ball import lights_from_ball
from sharpvision.reconstruct.calibration.sphere_outline import Lens


def matte(size: int = 160, stays: bool = False) -> np.ndarray:
    """A Lambertian ball under six lights."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    x, y = (columns - 80) / 50, (rows - 75) / 50
    depth = np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    turn = np.zeros(6) if stays else np.arange(6) * np.pi / 3
    images = [np.maximum(0.5 * np.cos(t) * x + 0.5 * np.sin(t) * y + 0.7 * depth, 0) * (x**2 + y**2 < 1) for t in turn]
    noise = 0.004 * np.random.default_rng(0).standard_normal((6, size, size, 3))
    return np.clip(0.02 + 0.6 * np.array(images)[..., None] + noise, 0, 1).astype(np.float32)


def glossy(stays: bool) -> np.ndarray:
    """The same ball, black, with a highlight that moves or stays."""
    images = 0.05 * matte()
    for number, image in enumerate(images):
        turn = 0.0 if stays else number * np.pi / 3
        x, y = int(80 + 20 * np.cos(turn)), int(75 + 20 * np.sin(turn))
        cv2.circle(image, (x, y), 3, (1.0, 1.0, 1.0), -1)
    return images


def test_two_balls_in_perspective() -> None:
    balls = detect_balls(photographs("two"), count=2, lens=lens_of(TWO))
    for number, ball in enumerate(balls):
        truth = true_outline(TWO, number)
        assert np.hypot(*np.subtract(ball.centre, truth.centre)) < 0.15
        assert np.abs(ball.outline.semi_axes - truth.semi_axes).max() < 0.25
        assert ball.confidence > 0.5
        assert ball.highlights.found.all()
        stated = np.sqrt(np.diag(ball.covariance))
        assert (np.abs(np.subtract(ball.outline.parameters, truth.parameters)) < 4 * stated).all()


def test_the_rim_model_comes_nearer_than_the_edges() -> None:
    ball, truth = detect_ball(photographs("one"), lens=lens_of(ONE)), true_outline(ONE)
    edges = ball.radius - ball.rim_shift_px[2]
    assert abs(ball.radius - truth.radius) < 0.6 * abs(edges - truth.radius)


def test_hint_by_hand() -> None:
    truth = true_outline(ONE)
    hint = (truth.centre[0] + 2, truth.centre[1] - 1.5, 1.06 * truth.radius)
    ball = detect_ball(photographs("one"), lens=lens_of(ONE), hint=hint)
    assert np.hypot(*np.subtract(ball.centre, truth.centre)) < 0.15


def test_a_ball_cut_by_the_border() -> None:
    truth, images = true_outline(ONE), photographs("one")
    cut = int(truth.centre[0] + 0.6 * truth.radius)
    ball = detect_ball(images[:, :, :cut], lens=lens_of(ONE))
    assert np.hypot(*np.subtract(ball.centre, truth.centre)) < 0.5


def test_no_ball_in_noise() -> None:
    rng = np.random.default_rng(2)
    base = cv2.GaussianBlur(rng.random((120, 160, 3)), (0, 0), 3)
    images = (base * rng.uniform(0.3, 1, (6, 1, 1, 1)) + 0.01 * rng.random((6, 120, 160, 3))).astype(np.float32)
    with pytest.raises(InputError, match="a mirror ball"):
        detect_ball(images)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_empty_frames(value: float) -> None:
    with pytest.raises(InputError, match="no circular outline"):
        detect_ball(np.full((4, 60, 80, 3), value, dtype=np.float32))


def test_matte_ball_is_refused() -> None:
    with pytest.raises(InputError, match="without one sharp highlight"):
        detect_ball(matte())


def test_highlights_that_stay_are_refused_and_that_move_are_not() -> None:
    with pytest.raises(InputError, match=r"stays within 0\.0 px"):
        detect_ball(glossy(stays=True))
    assert np.hypot(*np.subtract(detect_ball(glossy(stays=False)).centre, (80, 75))) < 0.3


def test_one_photograph_is_refused() -> None:
    with pytest.raises(InputError, match="two images or more"):
        detect_ball(photographs("one")[:1])


def test_second_ball_that_is_not_there() -> None:
    with pytest.raises(InputError, match="found 1 of them"):
        detect_balls(photographs("one"), count=2, lens=lens_of(ONE))


def test_without_a_focal_length_an_ellipse_is_named() -> None:
    """A wide camera: the ball stands 26 degrees off its axis."""
    scene = scene_of([[270.0, 60.0, 569.0]], focal_px=520.0, width=600)
    images = render(scene, samples=3, noise=0.004)
    ball = detect_ball(images)
    assert 12 < ball.tilt_deg < 30
    assert "give the focal length" in ball.notes[0]
    lights = lights_from_ball(images, ball)
    assert np.nanmin(lights.std_deg) > ball.tilt_deg
    assert detect_ball(images, lens=lens_of(scene)).notes == ()


def uw(data_root: Path, name: str) -> np.ndarray:
    files = sorted((data_root / "uw_psm" / name).glob("[0-9][0-9].png"))
    return (np.stack([decode(path).pixels for path in files]) / 255).astype(np.float32)


@pytest.fixture
def data_root() -> Path:
    import os

    root = os.environ.get("SHARPVISION_DATA")
    if not root or not (Path(root) / "uw_psm").is_dir():
        pytest.skip("uw_psm is not in $SHARPVISION_DATA")
    return Path(root)


def test_real_chrome_ball(data_root: Path) -> None:
    images = uw(data_root, "chrome")
    crop = json.loads((data_root / "uw_psm/chrome/crop.json").read_text())
    ball = detect_ball(images)
    mask = np.array([253.28 - crop["crop_x0"], 147.77 - crop["crop_y0"]]) + 0.5
    # The mask's own circle is 1.3 px from the edges in the photographs, which agree to 0.2 px.
    assert np.hypot(*(np.array(ball.centre) - mask)) < 1.5
    assert ball.radius == pytest.approx(119.03, abs=0.5)
    assert ball.contour_rms_px < 0.3
    truth = np.loadtxt(data_root / "uw_psm/light_directions.txt") * [1, -1, -1]
    lights = lights_from_ball(images, ball)
    errors = np.degrees(np.arccos(np.clip((lights.directions * truth).sum(1), -1, 1)))
    assert lights.found.all()
    assert errors.max() < 2.0


@pytest.mark.parametrize("name", ["gray", "buddha", "cat", "horse", "owl", "rock"])
def test_real_objects_are_no_mirror(data_root: Path, name: str) -> None:
    with pytest.raises(InputError, match="a mirror ball"):
        detect_ball(uw(data_root, name))


CAPTURES = Path(__file__).resolve().parents[3] / "scenes/captures"


def capture(name: str) -> np.ndarray:
    """Photographs of an example capture, sRGB undone."""
    codes = np.stack([decode(path).pixels for path in sorted((CAPTURES / name).glob("*0*.[pj][np]g"))]) / 255
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)


@pytest.mark.parametrize("name", ["ball", "jpeg"])
def test_path_traced_ball_beside_an_object(name: str) -> None:
    """A ball of 25 pixels' radius among shadows: lights to one or two degrees."""
    images = capture(name)
    truth = json.loads((CAPTURES / name / "truth/ball.json").read_text())
    height, width = images.shape[1:3]
    ball = detect_ball(images, lens=Lens(truth["focal_px"], (width / 2, height / 2)))
    assert np.hypot(*np.subtract(ball.centre, truth["outline_px"]["centre"])) < 0.3
    assert np.abs(ball.outline.semi_axes - truth["outline_px"]["semi_axes"]).max() < 0.4
    lights = lights_from_ball(images, ball)
    directions = np.loadtxt(CAPTURES / name / "truth/light_directions.txt") * [1, -1, -1]
    errors = np.degrees(np.arccos(np.clip((lights.directions * directions).sum(1), -1, 1)))
    assert lights.found.all()
    assert np.sqrt((errors**2).mean()) < 2.0
    assert np.sqrt((errors**2).mean()) < 2 * np.sqrt((lights.std_deg**2).mean())


@pytest.mark.parametrize("name", ["handheld", "matte"])
def test_captures_without_a_ball(name: str) -> None:
    with pytest.raises(InputError, match="a mirror ball"):
        detect_ball(capture(name))
