"""From a person's folder to observations: the rendered example captures and the photographs of a chrome ball."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from sharpvision.core.errors import InputError
from sharpvision.data import ReadOptions, read_photometric
from sharpvision.reconstruct.capture import Capture, CaptureOptions, prepare_capture

CAPTURES = Path(str(files("scenes"))) / "captures"
LIGHTS = np.array([[0.0, 0.0, 1.0], [0.6, 0.0, 0.8], [0.0, 0.6, 0.8], [-0.6, 0.0, 0.8], [0.0, -0.6, 0.8]])


def _copy(name: str, place: Path) -> Path:
    """A capture without its truth."""
    folder = place / name
    shutil.copytree(CAPTURES / name, folder, ignore=shutil.ignore_patterns("truth"))
    return folder


def _lambertian(folder: Path, size: int = 40, suffix: str = ".png") -> Path:
    """A ball of known shape under `LIGHTS`, 16 bits, with a mask and no lights."""
    folder.mkdir(parents=True)
    y, x = (np.mgrid[:size, :size] + 0.5 - size / 2) / (0.45 * size)
    inside = x**2 + y**2 < 0.95
    normals = np.stack([x, -y, np.sqrt(np.clip(1 - x**2 - y**2, 0, None))], -1) * inside[..., None]
    for number, light in enumerate(LIGHTS):
        image = np.rint(20000 * np.clip(normals @ light, 0, 1) + 900).astype(np.uint16)
        assert cv2.imwrite(str(folder / f"{number}{suffix}"), np.repeat(image[..., None], 3, -1))
    assert cv2.imwrite(str(folder / "mask.png"), inside.astype(np.uint8) * 255)
    return folder


def _degrees(capture: Capture, truth: np.ndarray) -> np.ndarray:
    cosine = (capture.observations.light_directions.numpy() * truth * [1, -1, -1]).sum(1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_a_calibrated_folder_is_read_as_it_is(tmp_path: Path) -> None:
    folder = _lambertian(tmp_path / "a")
    np.savetxt(folder / "light_directions.txt", LIGHTS)
    before = sorted(folder.iterdir())
    capture = prepare_capture(folder, CaptureOptions(ReadOptions(light_count=4)))
    plain = read_photometric(folder, ReadOptions(light_count=4))
    torch.testing.assert_close(capture.observations.load().images, plain.load().images, rtol=0, atol=0)
    assert capture.observations.notes == plain.notes
    assert (capture.lights, capture.learned, capture.written) == (None, {}, ())
    assert sorted(folder.iterdir()) == before


def test_no_lights_and_no_ball_says_what_to_do(tmp_path: Path) -> None:
    folder = _lambertian(tmp_path / "a")
    with pytest.raises(InputError, match=r"mirror ball .* found no lights.*--method uncalibrated") as error:
        prepare_capture(folder)
    assert "\n" not in str(error.value)
    capture = prepare_capture(folder, CaptureOptions(ReadOptions(lights="none")))
    assert capture.observations.calibration == "none"
    assert capture.observations.light_directions.isnan().all()


def test_the_dark_frames_light_is_subtracted(tmp_path: Path) -> None:
    folder = _lambertian(tmp_path / "a")
    np.savetxt(folder / "light_directions.txt", LIGHTS)
    assert cv2.imwrite(str(folder / "dark.png"), np.full((40, 40, 3), 900, np.uint16))
    capture = prepare_capture(folder)
    images = capture.observations.load().images
    assert capture.observations.light_count == 5
    outside = ~capture.observations.mask
    assert images[:, outside].abs().max() == 0
    assert any("the dark frame was subtracted" in note for note in capture.observations.notes)
    shutil.move(folder / "dark.png", folder / "lamp_off.png")
    named = prepare_capture(folder, CaptureOptions(dark_frame=folder / "lamp_off.png"))
    torch.testing.assert_close(named.observations.load().images, images, rtol=0, atol=0)
    assert json.loads((folder / "capture.json").read_text()) == {"dark_frame": "lamp_off.png"}
    again = prepare_capture(folder)
    torch.testing.assert_close(again.observations.load().images, images, rtol=0, atol=0)
    assert cv2.imwrite(str(folder / "lamp_off.png"), np.full((40, 40, 3), 20000, np.uint16))
    with pytest.raises(InputError, match="expected a photograph with the lamp off, found one as bright as"):
        prepare_capture(folder)
    assert cv2.imwrite(str(folder / "lamp_off.png"), np.full((20, 40, 3), 9, np.uint16))
    with pytest.raises(InputError, match="a dark frame of the photographs' size 40x40, found 40x20"):
        prepare_capture(folder)


def test_a_ball_in_the_picture_gives_the_lights_and_the_next_run_needs_nothing(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    first = prepare_capture(folder)
    assert _degrees(first, np.loadtxt(CAPTURES / "ball/truth/light_directions.txt")).max() < 4
    assert first.written == ("lights.json", "mask_found.png", "capture.json")
    assert first.findings.ball is not None
    assert first.findings.ball.in_frame
    told = json.loads((folder / "capture.json").read_text())
    truth = json.loads((CAPTURES / "ball/truth/ball.json").read_text())["outline_px"]
    np.testing.assert_allclose(told["ball"], [*truth["centre"], np.mean(truth["semi_axes"])], atol=1.5)
    kept = json.loads((CAPTURES / "ball/capture.json").read_text())
    assert {key: told[key] for key in kept} == kept
    second = prepare_capture(folder)
    assert second.findings.ball is None
    assert second.written == ()
    torch.testing.assert_close(second.observations.light_directions, first.observations.light_directions,
                               rtol=0, atol=1e-6)  # fmt: skip
    assert read_photometric(folder).image_names == first.observations.image_names


def test_a_named_ball_comes_before_the_parents_lights(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    (folder / "capture.json").write_text('{"ball": "auto", "mask": "whole"}')
    (tmp_path / "light_directions.txt").write_text("0 0 1\n0 1 1\n1 0 1\n")
    capture = prepare_capture(folder, CaptureOptions(remember=False))
    assert capture.observations.light_count == 12
    assert prepare_capture(folder).written == ("lights.json", "capture.json")


def test_a_ball_is_found_near_a_hint_whatever_size_is_solved(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    options = CaptureOptions(ReadOptions(max_size=100), ball=(214.0, 119.0, 26.0), remember=False)
    small = prepare_capture(folder, options)
    assert small.observations.shape == (75, 100)
    assert _degrees(small, np.loadtxt(CAPTURES / "ball/truth/light_directions.txt")).max() < 4
    with pytest.raises(InputError, match="expected a mirror ball"):
        prepare_capture(folder, replace(options, ball=(60.0, 60.0, 20.0)))
    assert not (folder / "lights.json").exists()


def test_intensities_come_from_a_gray_card(tmp_path: Path) -> None:
    folder = _copy("jpeg", tmp_path)
    capture = prepare_capture(folder)
    truth = np.loadtxt(CAPTURES / "jpeg/truth/light_intensities.txt")
    found = capture.observations.light_intensities.numpy()
    assert np.abs(found / found.mean() * truth.mean() / truth - 1).max() < 0.12
    assert "intensity" in json.loads((folder / "lights.json").read_text())["lights"][0]
    torch.testing.assert_close(read_photometric(folder).light_intensities, capture.observations.light_intensities,
                               rtol=1e-4, atol=1e-4)  # fmt: skip
    with pytest.raises(InputError, match="--gray-card: expected a rectangle within 256x192 pixels"):
        prepare_capture(folder, CaptureOptions(gray_card=(250, 10, 20, 20)))


def test_a_persons_own_lights_are_never_written_over(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    mine = (CAPTURES / "ball/truth/light_directions.txt").read_text()
    (folder / "light_directions.txt").write_text(mine)
    own = json.dumps({"lights": [{"type": "directional", "direction": row} for row in
                                 np.loadtxt(CAPTURES / "ball/truth/light_directions.txt").tolist()]})  # fmt: skip
    (folder / "lights.json").write_text(own)
    capture = prepare_capture(folder, CaptureOptions(ball="auto"))
    assert (folder / "lights.json").read_text() == own
    assert (folder / "light_directions.txt").read_text() == mine
    assert any("lights.json was not written by sharpvision" in note for note in capture.observations.notes)


def test_a_folder_that_cannot_be_written_is_solved_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _copy("ball", tmp_path)

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise InputError(folder, "permission to write", "none", "change it")

    monkeypatch.setattr("sharpvision.data.lights_file.write_lights_file", refuse)
    capture = prepare_capture(folder)
    assert capture.written == ()
    assert any("could not be written" in note for note in capture.observations.notes)


@pytest.mark.parametrize(("options", "message"), [
    (CaptureOptions(ball="auto", ball_folder="x"), "found both"),
    (CaptureOptions(ball=(1.0, 2.0, 0.0)), "--ball: expected X,Y,R .* found 1,2,0"),
    (CaptureOptions(ball=(1.0, float("nan"), 3.0)), "--ball: .* found 1,nan,3"),
    (CaptureOptions(matte_ball=(9.0, 9.0, 0.0)), "--matte-ball: .* found 9,9,0"),
    (CaptureOptions(gray_card=(-1, 0, 2, 2)), "--gray-card: .* found -1,0,2,2"),
    (CaptureOptions(ball_folder="nowhere"), "nowhere: expected a folder of photographs"),
    (CaptureOptions(exposures_folder="nowhere"), "nowhere: expected a folder of photographs"),
    (CaptureOptions(dark_frame="nowhere.png"), r"nowhere\.png: expected an image"),
])  # fmt: skip
def test_bad_options(tmp_path: Path, options: CaptureOptions, message: str) -> None:
    folder = _lambertian(tmp_path / "a")
    np.savetxt(folder / "light_directions.txt", LIGHTS)
    with pytest.raises(InputError, match=message):
        prepare_capture(folder, options)


def test_chrome_ball_in_a_folder_of_its_own(data_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "buddha"
    shutil.copytree(data_folder / "uw_psm" / "buddha", folder)
    options = CaptureOptions(ball_folder=data_folder / "uw_psm" / "chrome")
    first = prepare_capture(folder, options)
    assert _degrees(first, np.loadtxt(data_folder / "uw_psm" / "light_directions.txt")).max() < 2
    assert first.findings.response is not None
    told = json.loads((folder / "capture.json").read_text())
    assert (folder / told["ball_folder"]).resolve() == (data_folder / "uw_psm" / "chrome").resolve()
    second = prepare_capture(folder)
    torch.testing.assert_close(second.observations.light_directions, first.observations.light_directions,
                               rtol=0, atol=1e-6)  # fmt: skip
    if first.findings.response.determined:
        assert second.findings.response is None
        torch.testing.assert_close(second.observations.load().images, first.observations.load().images,
                                   rtol=0, atol=1e-4)  # fmt: skip


def test_photographs_of_a_ball_must_match(data_folder: Path, tmp_path: Path) -> None:
    folder, ball = tmp_path / "owl", tmp_path / "chrome"
    shutil.copytree(data_folder / "uw_psm" / "owl", folder)
    shutil.copytree(data_folder / "uw_psm" / "chrome", ball)
    (ball / "03.png").unlink()
    with pytest.raises(InputError, match=r"expected 12 photographs of the ball.* found 11, none named like 03\.png"):
        prepare_capture(folder, CaptureOptions(ball_folder=ball))


def test_shake_is_undone_and_remembered(tmp_path: Path) -> None:
    folder = _copy("handheld", tmp_path)
    first = prepare_capture(folder, CaptureOptions(made_mask="whole"))
    assert first.findings.alignment is not None
    true = np.loadtxt(CAPTURES / "handheld/truth/shifts_px.txt")
    found = first.findings.alignment.measured
    apart = found - true - (found - true).mean(0)
    assert np.median(np.hypot(*apart.T)) < 1.0
    assert np.hypot(*(true - true.mean(0)).T).max() > 2
    still = prepare_capture(folder, CaptureOptions(made_mask="whole", align=False))
    assert still.findings.alignment is None
    assert not torch.equal(still.observations.load().images, first.observations.load().images)


def test_photographs_that_do_not_belong_are_named_and_stay_out(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    odd = folder / "IMG_0005.png"
    image = cv2.imread(str(odd))
    assert cv2.imwrite(str(odd), image // 64)
    options = CaptureOptions(made_mask="whole")
    first = prepare_capture(folder, options)
    assert list(first.findings.left_out) == [odd.name]
    assert any(note.startswith(f"{odd.name} was left out (lamp off") for note in first.observations.notes)
    assert odd.name not in first.observations.image_names
    assert json.loads((folder / "capture.json").read_text())["left_out"] == [odd.name]
    second = prepare_capture(folder)
    assert second.observations.image_names == first.observations.image_names


def test_a_mask_is_made_once_and_kept_for_a_person_to_correct(tmp_path: Path) -> None:
    folder = _copy("ball", tmp_path)
    first = prepare_capture(folder, CaptureOptions(ReadOptions(max_size=200)))
    truth = cv2.imread(str(CAPTURES / "ball/truth/mask.png"), 0) > 127
    made = cv2.imread(str(folder / "mask_found.png"), 0) > 127
    assert made.shape == truth.shape
    assert (made & truth).sum() > 0.8 * (made | truth).sum()
    assert first.observations.mask.sum() < made.sum()
    corrected = np.zeros_like(made)
    corrected[60:100, 60:100] = True
    assert cv2.imwrite(str(folder / "mask_found.png"), corrected.astype(np.uint8) * 255)
    second = prepare_capture(folder)
    assert int(second.observations.mask.sum()) == 1600
    assert not [note for note in second.observations.notes if "mask" in note]
    whole = prepare_capture(folder, CaptureOptions(made_mask="whole"))
    assert whole.observations.mask.all()
    assert prepare_capture(folder).observations.mask.all()


def test_near_lights_need_no_mask(tmp_path: Path) -> None:
    folder = _copy("near_leds", tmp_path)
    shutil.copy(CAPTURES / "near_leds/truth/lights.json", folder)
    capture = prepare_capture(folder, CaptureOptions(remember=False))
    assert capture.observations.point_lights is not None
    shutil.copy(CAPTURES / "near_leds/truth/mask.png", folder)
    masked = read_photometric(folder)
    cosine = (capture.observations.light_directions * masked.light_directions).sum(-1)
    assert torch.rad2deg(torch.arccos(cosine.clamp(max=1))).max() < 2


def test_intensities_come_from_a_matte_ball() -> None:
    from sharpvision.data import from_arrays
    from sharpvision.reconstruct.calibration.intensities import sphere_normals
    from sharpvision.reconstruct.capture.strengths import matte_ball_intensities

    lights = np.array([[0.0, 0, -1], [0.5, 0.1, -0.9], [-0.4, 0.3, -0.8], [0.1, -0.6, -0.8]])
    lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    strengths = np.array([1.0, 0.6, 0.8, 1.3])
    normals = sphere_normals((60, 80), (30.0, 26.0, 14.0), inside=1.0)
    images = 0.5 * np.maximum(normals @ lights.T, 0).transpose(2, 0, 1)[..., None] * strengths[:, None, None, None]
    photographs = from_arrays(torch.from_numpy(images).expand(-1, -1, -1, 3), torch.from_numpy(lights))
    found = matte_ball_intensities(photographs, (60.0, 52.0, 28.0), 0.5).intensities  # twice as large on disk
    np.testing.assert_allclose(found / found.mean(0), np.tile(strengths[:, None] / strengths.mean(), 3), rtol=1e-3)
    with pytest.raises(InputError, match="--matte-ball"):
        matte_ball_intensities(photographs, (10.0, 52.0, 28.0), 0.5)
