"""Normal maps of every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
from folders import write_image
from scipy.io import savemat

from sharpvision.core.errors import InputError
from sharpvision.data.normal_maps import read_normals


def _hemisphere(size: int = 33) -> np.ndarray:
    """A sphere's normals in the files' frame (x right, y up, z to the viewer), zero outside."""
    y, x = np.mgrid[1 : -1 : size * 1j, -1 : 1 : size * 1j]
    squared = x**2 + y**2
    normals = np.stack([x, y, np.sqrt(np.clip(1 - squared, 0, 1))], -1)
    return np.where((squared < 0.98)[..., None], normals, 0).astype(np.float32)


def _write(path: Path, normals: np.ndarray) -> None:
    match path.suffix:
        case ".npz":
            np.savez(path, normal=normals)
        case ".npy":
            np.save(path, normals)
        case ".mat":
            savemat(path, {"Normal_gt": normals.astype(np.float64)})
        case ".exr":
            OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": normals}).write(str(path))
        case ".png":
            limit = 255 if path.stem == "eight" else 65535
            coded = np.round((normals + 1) / 2 * limit) * (np.abs(normals).max(-1, keepdims=True) > 0)
            write_image(path, coded.astype(np.uint8 if limit == 255 else np.uint16))


@pytest.mark.parametrize(("name", "tolerance"), [
    ("a.npz", 1e-6), ("a.npy", 1e-6), ("a.mat", 1e-6), ("a.exr", 1e-6), ("a.png", 1e-4), ("eight.png", 8e-3),
])  # fmt: skip
def test_every_format_gives_the_same_normals(tmp_path: Path, name: str, tolerance: float) -> None:
    normals = _hemisphere()
    _write(tmp_path / name, normals)
    found, mask = read_normals(tmp_path / name)
    known = np.abs(normals).max(-1) > 0
    np.testing.assert_array_equal(mask.numpy(), known)
    np.testing.assert_allclose(found.numpy(), normals * [1, -1, -1], atol=tolerance)
    np.testing.assert_allclose(np.linalg.norm(found[mask].numpy(), axis=-1), 1, atol=1e-6)


def test_maps_of_our_own_say_their_frame_and_mask(tmp_path: Path) -> None:
    normals = _hemisphere()
    mask = np.zeros(normals.shape[:2], bool)
    mask[10:20, 10:20] = True
    for frame, sign in (("x right, y up, z to the viewer", 1), ("x right, y down, z forward", -1)):
        np.savez(tmp_path / "maps.npz", normals=normals * [1, sign, sign], mask=mask, frame=frame)
        found, known = read_normals(tmp_path / "maps.npz")
        np.testing.assert_array_equal(known.numpy(), mask)
        np.testing.assert_allclose(found.numpy()[mask], (normals * [1, -1, -1])[mask], atol=1e-6)
        assert not found[~known].any()


def test_lengths_and_nan_are_mended(tmp_path: Path) -> None:
    normals = _hemisphere() * 3
    normals[16, 16] = np.nan
    np.save(tmp_path / "a.npy", normals)
    found, mask = read_normals(tmp_path / "a.npy")
    assert not mask[16, 16]
    assert not found[16, 16].any()
    np.testing.assert_allclose(np.linalg.norm(found[mask].numpy(), axis=-1), 1, atol=1e-6)


def test_a_gray_background_is_outside(tmp_path: Path) -> None:
    normals = _hemisphere()
    coded = np.round((normals + 1) / 2 * 255).astype(np.uint8)  # zero vectors become middle gray
    write_image(tmp_path / "a.png", coded)
    np.testing.assert_array_equal(read_normals(tmp_path / "a.png")[1].numpy(), np.abs(normals).max(-1) > 0)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("a.npz", {"depth": np.zeros((3, 3))}, "expected normals under one of normals, normal, .* found depth"),
    ("a.npz", {"normals": np.zeros((3, 3))}, r"normals as numbers \(height, width, 3\), found float64 \(3, 3\)"),
    ("a.npz", {"normals": np.zeros((3, 3, 3))}, "expected at least one normal, found none"),
    ("a.npz", {"normals": np.full((3, 3, 3), np.nan)}, "expected at least one normal, found none"),
    ("a.npz", {"normals": np.tile([0, 0, -1.0], (3, 3, 1))}, "found most of them facing away"),
    ("a.npz", {"normals": np.tile([0, 0, 1.0], (3, 3, 1)), "frame": "blender"}, "expected a field 'frame'"),
    ("a.npz", {"normals": np.tile([0, 0, 1.0], (3, 3, 1)), "mask": np.ones((2, 2))}, "expected a mask of the normals"),
    ("a.npy", np.array([["a", "b", "c"]]), "expected normals as numbers"),
    ("a.npy", b"not numpy", "can't read"),
    ("a.npz", b"PK\3\4 cut off", "can't read"),
    ("a.mat", b"no matlab file, but longer than its header would be" * 5, "a damaged MAT file"),
    ("a.png", np.full((3, 3), 9, np.uint8), "expected a normal map of three channels, found a gray image"),
    ("a.txt", b"text", "a file of another kind"),
])  # fmt: skip
def test_bad_maps_are_one_line(tmp_path: Path, name: str, content: Any, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif name.endswith(".npy"):
        np.save(path, content)
    else:
        write_image(path, content)
    with pytest.raises(InputError, match=message) as error:
        read_normals(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError, match="can't read"):
        read_normals(tmp_path / "a.npy")


def test_a_missing_map(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing of that name"):
        read_normals(tmp_path / "a.npz")
