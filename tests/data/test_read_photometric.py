"""Folders of photographs: each layout, each option, and what is assumed is said."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from folders import LIGHTS, codes, shallow, write_folder, write_image
from PIL import ExifTags, Image
from scipy.io import savemat

from sharpvision.data import ReadOptions, Validity, read_photometric, spool
from sharpvision.data.transfer import linear_from_srgb

FLIP = np.array([1, -1, -1])


def _capture(folder: Path, **content: object) -> None:
    (folder / "capture.json").write_text(json.dumps(content))


def _said(notes: tuple[str, ...], word: str) -> bool:
    return any(word in note for note in notes)


def test_a_plain_folder(tmp_path: Path) -> None:
    images = codes()
    found = read_photometric(write_folder(tmp_path / "vase", images))
    tile = found.load()
    np.testing.assert_allclose(tile.images.numpy(), np.stack(images) / 65535, rtol=1e-6)
    np.testing.assert_allclose(found.light_directions, LIGHTS * FLIP, atol=1e-6)
    assert (found.name, found.shape, found.light_count) == ("vase", (6, 8), 4)
    assert found.image_names == ("001.png", "002.png", "003.png", "004.png")
    assert found.mask.all()
    assert found.ground_truth is None
    assert found.focal_px is None
    assert found.quantisation == pytest.approx(1 / 65535)
    for word in ("no mask", "no light_intensities.txt", "orthographic"):
        assert _said(found.notes, word)
    assert not tile.validity.any()


def test_the_official_layout(tmp_path: Path) -> None:
    folder, images = tmp_path / "ballPNG", codes()
    folder.mkdir()
    order = [2, 0, 3, 1]
    (folder / "filenames.txt").write_text("".join(f"{i:03d}.png\r\n" for i in order))
    for index, image in zip(order, images, strict=True):
        write_image(folder / f"{index:03d}.png", image)
    write_image(folder / "unused.png", images[0])
    np.savetxt(folder / "light_directions.txt", LIGHTS)
    np.savetxt(folder / "light_intensities.txt", np.arange(1, 13).reshape(4, 3))
    mask = np.zeros((6, 8), np.uint8)
    mask[1:5, 2:7] = 255
    write_image(folder / "mask.png", mask)
    normals = np.zeros((6, 8, 3))
    normals[mask > 0] = [0, 0.6, 0.8]
    savemat(folder / "Normal_gt.mat", {"Normal_gt": normals})
    found = read_photometric(folder)
    assert found.name == "ball"
    np.testing.assert_allclose(found.load().images.numpy(), np.stack(images) / 65535, rtol=1e-6)
    np.testing.assert_array_equal(found.light_intensities, np.arange(1, 13).reshape(4, 3))
    np.testing.assert_array_equal(found.mask.numpy(), mask > 0)
    assert found.ground_truth is not None
    np.testing.assert_allclose(found.ground_truth.numpy(), normals * FLIP, atol=1e-6)
    assert not _said(found.notes, "mask")


def test_the_layout_of_the_crops(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "cat")
    normals = np.tile(np.float32([0, 0, 1]), (6, 8, 1))
    np.savez(folder / "normal_gt.npz", normal=normals)
    (folder / "crop.json").write_text("{}")
    _capture(folder, response="linear", bits=16, lights_frame="x right, y up, z to the camera",
             camera={"model": "orthographic"})  # fmt: skip
    found = read_photometric(folder)
    assert found.ground_truth is not None
    assert (found.ground_truth == torch.tensor([0.0, 0, -1])).all()
    assert not _said(found.notes, "orthographic")  # the capture file says so, it is no assumption


def test_lights_one_level_up(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set" / "owl")
    (folder / "light_directions.txt").rename(tmp_path / "set" / "light_directions.txt")
    found = read_photometric(folder)
    np.testing.assert_allclose(found.light_directions, LIGHTS * FLIP, atol=1e-6)
    assert _said(found.notes, "parent folder")


def test_natural_order_and_no_masks_or_maps_among_photographs(tmp_path: Path) -> None:
    images = codes()
    np.savetxt(tmp_path / "light_directions.txt", LIGHTS)
    for name, image in zip(("img2", "img9", "img10", "img11"), images, strict=True):
        write_image(tmp_path / f"{name}.png", image)
    for name in ("mask.png", "Normal_gt.png", "cat_normal.png", "depth.png", "img_albedo.png", "._img2.png"):
        write_image(tmp_path / name, np.full((6, 8, 3), 255, np.uint8) // 2 * np.uint8([1, 1, 2]))
    found = read_photometric(tmp_path)
    assert found.image_names == ("img2.png", "img9.png", "img10.png", "img11.png")
    np.testing.assert_allclose(found.load().images.numpy(), np.stack(images) / 65535, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_8_bit_is_srgb_unless_told(tmp_path: Path, suffix: str) -> None:
    images = codes(dtype=np.uint8)
    folder = write_folder(tmp_path, images, suffix=suffix)
    coded = np.stack(images) / np.float32(255)
    found = read_photometric(folder)
    np.testing.assert_allclose(found.load().images.numpy(), linear_from_srgb(coded), rtol=1e-5)
    assert _said(found.notes, "sRGB")
    found = read_photometric(folder, ReadOptions(response="linear"))
    np.testing.assert_allclose(found.load().images.numpy(), coded, rtol=1e-6)
    assert not _said(found.notes, "sRGB")


def test_response_of_the_capture_file(tmp_path: Path) -> None:
    images = codes(dtype=np.uint8)
    folder = write_folder(tmp_path, images)
    coded = np.stack(images) / np.float32(255)
    _capture(folder, response="linear")
    np.testing.assert_allclose(read_photometric(folder).load().images.numpy(), coded, rtol=1e-6)
    _capture(folder, response="unknown")
    found = read_photometric(folder)
    np.testing.assert_allclose(found.load().images.numpy(), coded, rtol=1e-6)
    assert _said(found.notes, "response is unknown and was taken as linear")
    found = read_photometric(folder, ReadOptions(response="srgb"))
    np.testing.assert_allclose(found.load().images.numpy(), linear_from_srgb(coded), rtol=1e-5)
    assert not _said(found.notes, "unknown")


def test_jpegs(tmp_path: Path) -> None:
    for index, image in enumerate(codes(dtype=np.uint8)):
        Image.fromarray(image).save(tmp_path / f"{index}.jpeg")
    np.savetxt(tmp_path / "light_directions.txt", LIGHTS)
    expected = np.stack([np.asarray(Image.open(tmp_path / f"{i}.jpeg")) for i in range(4)]) / np.float32(255)
    np.testing.assert_allclose(read_photometric(tmp_path).load().images.numpy(), linear_from_srgb(expected), rtol=1e-5)


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("repeated", [False, True])
def test_shallow_values_in_16_bits(tmp_path: Path, bits: int, repeated: bool) -> None:
    low = [shallow(image, bits) for image in codes()]
    stored = [(v.astype(int) << (16 - bits) | v >> (2 * bits - 16)).astype(np.uint16) for v in low] if repeated else low
    folder = write_folder(tmp_path, stored)
    _capture(folder, bits=bits)
    found = read_photometric(folder)
    np.testing.assert_allclose(found.load().images.numpy(), (np.stack(low) + 0.5) / 2**bits, rtol=1e-6)
    assert found.quantisation == pytest.approx(1 / (2**bits - 1))


def test_exposures_are_undone(tmp_path: Path) -> None:
    images = codes()
    folder = write_folder(tmp_path, images)
    exposures = np.array([0.5, 0.25, 1, 0.25])
    _capture(folder, exposures=exposures.tolist())
    expected = np.stack(images) / 65535 * (0.25 / exposures)[:, None, None, None]
    np.testing.assert_allclose(read_photometric(folder).load().images.numpy(), expected, rtol=1e-5)
    few = read_photometric(folder, ReadOptions(light_count=3))
    np.testing.assert_allclose(few.load().images.numpy(), expected[[0, 2, 3]], rtol=1e-5)


def _write_exr(folder: Path, images: np.ndarray) -> None:
    for index, image in enumerate(images):
        channels = {"RGB": np.ascontiguousarray(image, np.float32)}
        OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(folder / f"{index}.exr"))
    np.savetxt(folder / "light_directions.txt", LIGHTS)


def test_exr_infinity_is_saturation(tmp_path: Path) -> None:
    images = np.random.default_rng(0).uniform(0.1, 0.9, (4, 6, 8, 3)).astype(np.float32)
    images[1, 2, 3, 0] = np.inf
    images[1, 2, 4] = 0
    _write_exr(tmp_path, images)
    tile = read_photometric(tmp_path).load()
    expected = np.where(np.isinf(images), images[np.isfinite(images)].max(), images)
    np.testing.assert_allclose(tile.images.numpy(), expected, rtol=1e-6)
    assert tile.validity[1, 2, 3] == Validity.SATURATED
    assert tile.validity[1, 2, 4] == Validity.DARK
    assert int((tile.validity != 0).sum()) == 2


def test_exr_beyond_one_is_scaled_and_a_white_level_declared(tmp_path: Path) -> None:
    images = np.random.default_rng(0).uniform(1, 40, (4, 6, 8, 3)).astype(np.float32)
    _write_exr(tmp_path, images)
    found = read_photometric(tmp_path)
    np.testing.assert_allclose(found.load().images.numpy(), images / images.max(), rtol=1e-5)
    assert _said(found.notes, "divided by their largest value")
    _capture(tmp_path, white_level=35.0)
    tile = read_photometric(tmp_path).load()
    np.testing.assert_allclose(tile.images.numpy(), images / 35, rtol=1e-5)
    np.testing.assert_array_equal((tile.validity == Validity.SATURATED).numpy(), images.max(-1) >= 35 * 0.98)


def test_saturated_and_dark_pixels_are_marked(tmp_path: Path) -> None:
    images = codes()
    images[0][0, 0] = [65535, 100, 100]
    images[0][0, 1] = [1, 0, 1]
    images[0][0, 2] = int(0.97 * 65535)
    flags = read_photometric(write_folder(tmp_path, images)).load().validity
    assert flags[0, 0, :3].tolist() == [Validity.SATURATED, Validity.DARK, Validity.VALID]
    assert int((flags != 0).sum()) == 2


def test_a_soft_mask_is_cut_at_half_and_an_option_wins(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    ramp = np.tile(np.array([0, 50, 100, 127, 128, 200, 250, 255], np.uint8), (6, 1))
    write_image(folder / "mask.png", ramp)
    np.testing.assert_array_equal(read_photometric(folder).mask.numpy(), ramp >= 128)
    own = folder / "hand.png"
    write_image(own, (ramp < 100).astype(np.uint8))  # 0 and 1, and among the photographs
    found = read_photometric(folder, ReadOptions(mask=own))
    assert found.light_count == 4
    np.testing.assert_array_equal(found.mask.numpy(), ramp < 100)


def test_a_mask_that_touches_the_border_pixel_only(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    mask = np.zeros((6, 8), np.uint8)
    mask[0, 7] = 255
    write_image(folder / "mask.png", mask)
    assert read_photometric(folder).mask.nonzero().tolist() == [[0, 7]]


def test_light_count_takes_the_stated_lights(tmp_path: Path) -> None:
    lights = np.random.default_rng(0).normal((0, 0, 4), size=(11, 3))
    images = codes(11)
    folder = write_folder(tmp_path, images, lights)
    found = read_photometric(folder, ReadOptions(light_count=4))
    chosen = np.linspace(0, 10, 4).round().astype(int)
    assert found.image_names == tuple(f"{i + 1:03d}.png" for i in chosen)
    expected = lights[chosen] / np.linalg.norm(lights[chosen], axis=1, keepdims=True) * FLIP
    np.testing.assert_allclose(found.light_directions, expected, atol=1e-5)
    later = read_photometric(folder).with_lights(4)
    torch.testing.assert_close(later.load().images, found.load().images)


@pytest.mark.parametrize("gray", [False, True])
def test_max_size_averages_linear_values(tmp_path: Path, gray: bool) -> None:
    images = [image[..., 0] if gray else image for image in codes(4, 12, 16, np.uint8)]
    folder = write_folder(tmp_path, images)
    mask = np.zeros((12, 16), np.uint8)
    mask[4:10, 2:12] = 255
    write_image(folder / "mask.png", mask)
    np.savez(folder / "normal_gt.npz", normal=np.tile(np.float32([0, 0.6, 0.8]), (12, 16, 1)))
    _capture(folder, response="srgb", camera={"model": "pinhole", "focal_px": 100, "principal_point": [7, 5]},
             light_distance={"value": 50, "unit": "length_unit"})  # fmt: skip
    full, small = read_photometric(folder), read_photometric(folder, ReadOptions(max_size=8))
    assert small.shape == (6, 8)
    blocks = full.load().images.reshape(4, 6, 2, 8, 2, 3).mean((2, 4))
    torch.testing.assert_close(small.load().images, blocks, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(small.load().images.mean((1, 2)), full.load().images.mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(small.mask.numpy(), mask[::2, ::2] > 0)
    assert small.focal_px == pytest.approx(50)
    assert small.principal_point == pytest.approx((3.5, 2.5))
    assert small.light_distance == full.light_distance == pytest.approx(50 / 10)
    assert small.ground_truth is not None
    np.testing.assert_allclose(small.ground_truth.numpy(), np.tile([0, -0.6, -0.8], (6, 8, 1)), atol=1e-6)
    assert read_photometric(folder, ReadOptions(max_size=100)).shape == (12, 16)


def test_reduced_pixels_that_hold_a_saturated_one_are_marked(tmp_path: Path) -> None:
    images = codes(4, 12, 16)
    images[2][3, 5] = 65535
    small = read_photometric(write_folder(tmp_path, images), ReadOptions(max_size=8)).load()
    assert (small.validity == Validity.SATURATED).nonzero().tolist() == [[2, 1, 2]]


@pytest.mark.parametrize(("distance", "expected"), [(None, None), (9, 9), ("infinite", math.inf)])
def test_light_distance(tmp_path: Path, distance: object, expected: float | None) -> None:
    folder = write_folder(tmp_path)
    _capture(folder, light_distance=distance)
    assert read_photometric(folder).light_distance == expected


def test_lights_in_the_opencv_frame(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, lights=LIGHTS * FLIP)
    _capture(folder, lights_frame="x right, y down, z forward")
    np.testing.assert_allclose(read_photometric(folder).light_directions, LIGHTS * FLIP, atol=1e-6)


def test_focal_length_from_option_capture_file_and_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 50
    for index, image in enumerate(codes(4, 24, 36, np.uint8)):
        Image.fromarray(image).save(tmp_path / f"{index}.jpg", exif=exif.tobytes())
    np.savetxt(tmp_path / "light_directions.txt", LIGHTS)
    found = read_photometric(tmp_path)
    assert found.focal_px == pytest.approx(50)
    assert found.principal_point == (18, 12)
    assert _said(found.notes, "EXIF")
    _capture(tmp_path, camera={"model": "pinhole", "focal_px": 70})
    assert read_photometric(tmp_path).focal_px == 70
    assert read_photometric(tmp_path, ReadOptions(focal=90)).focal_px == 90
    _capture(tmp_path, camera={"model": "orthographic"})
    assert read_photometric(tmp_path).focal_px is None


def test_turned_photographs_without_a_mask(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    images = codes(4, 16, 24, np.uint8)
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index}.png", exif=exif.tobytes())
    np.savetxt(tmp_path / "light_directions.txt", LIGHTS)
    found = read_photometric(tmp_path, ReadOptions(response="linear"))
    assert found.shape == (24, 16)
    expected = np.stack([np.rot90(image, -1) for image in images]) / np.float32(255)
    np.testing.assert_allclose(found.load().images.numpy(), expected, rtol=1e-6)


def test_tiles_cover_all_rows_and_files_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sharpvision.data import ingest

    monkeypatch.setattr(spool, "IN_MEMORY_BYTES", 0)
    decoded: list[str] = []
    original = ingest.decode
    monkeypatch.setattr(ingest, "decode", lambda path: decoded.append(path.name) or original(path))
    images, steps = codes(4, 23, 8), []
    found = read_photometric(write_folder(tmp_path, images), progress=lambda done, total: steps.append((done, total)))
    for height in (1, 5, 23, 100):
        tiles = list(found.tiles(height))
        assert [t.top for t in tiles] == list(range(0, 23, height))
        np.testing.assert_allclose(torch.cat([t.images for t in tiles], 1).numpy(), np.stack(images) / 65535, rtol=1e-6)
        assert torch.cat([t.mask for t in tiles]).shape == (23, 8)
    assert decoded == list(found.image_names)
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_black_photograph_under_a_light_from_behind_is_no_error(tmp_path: Path) -> None:
    lights = np.vstack([LIGHTS, [0.6, 0, -0.8]])
    images = [*codes(), np.zeros((6, 8, 3), np.uint16)]
    found = read_photometric(write_folder(tmp_path, images, lights))
    assert (found.load().validity[4] == Validity.DARK).all()
    assert _said(found.notes, "005.png")


def test_many_saturated_observations_are_told(tmp_path: Path) -> None:
    images = codes()
    for image in images:
        image[:3] = 65535
    assert _said(read_photometric(write_folder(tmp_path, images)).notes, "50 % of the observations are saturated")


def test_a_relative_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_folder(tmp_path / "jug"))
    assert read_photometric(".").name == "jug"
