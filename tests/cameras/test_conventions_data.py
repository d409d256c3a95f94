"""Conventions held against real calibrations (SHARPVISION_DATA): points must land where the photographs say."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import trimesh

from sharpvision.cameras import BrownConrady, Rational, View
from sharpvision.cameras.conventions import (
    camera_from_colmap,
    from_bop,
    from_idr,
    from_middlebury,
    from_nerf,
    k_from_integer_centres,
    object_pose_from_bop,
    pose_from_colmap,
)
from sharpvision.core.pose import Pose


def seen(view: View, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return view.camera.project(view.world_to_camera(torch.from_numpy(np.ascontiguousarray(points)))).pixels.numpy()


def inside(mask: np.ndarray, pixels: np.ndarray) -> float:
    """Share of the pixels that lie in the mask."""
    column, row = np.floor(pixels).astype(int).T
    there = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    return float(mask[row[there], column[there]].mean())


def test_colmap_reprojects_with_its_stated_error(data_folder: Path) -> None:
    """Median 0.48 px and mean 0.65 px (SOURCES_multiview.md); half a pixel off it would be 0.9."""
    folder = data_folder / "colmap_small" / "sparse_text"
    line = next(v for v in (folder / "cameras.txt").read_text().splitlines() if not v.startswith("#")).split()
    camera = camera_from_colmap(line[1], [float(v) for v in line[4:]])
    points = {}
    for text in (folder / "points3D.txt").read_text().splitlines():
        if not text.startswith("#"):
            words = text.split(" ", 4)
            points[int(words[0])] = [float(v) for v in words[1:4]]
    lines = [v for v in (folder / "images.txt").read_text().splitlines() if not v.startswith("#")]
    errors, shifted = [], []
    for head, body in list(zip(lines[::2], lines[1::2], strict=True))[::10]:
        numbers = torch.tensor([float(v) for v in head.split()[1:8]], dtype=torch.float64)
        view = View(camera, Pose.from_matrix(pose_from_colmap(numbers[:4], numbers[4:])), 960, 540)
        table = np.array(body.split(), dtype=float).reshape(-1, 3)
        there = seen(view, np.array([points[int(v)] for v in table[:, 2]]))
        errors.append(np.linalg.norm(there - table[:, :2], axis=-1))
        shifted.append(np.linalg.norm(there + 0.5 - table[:, :2], axis=-1))
    error = np.concatenate(errors)
    assert np.median(error) < 0.55
    assert error.mean() < 0.72
    assert np.median(np.concatenate(shifted)) > 1.3 * np.median(error)


def test_idr_reads_the_cameras_that_made_its_matrices(data_folder: Path) -> None:
    folder = data_folder / "dtu_scan24"
    cameras = dict(np.load(folder / "cameras.npz"))
    views = json.loads((folder / "views.json").read_text())["views"]
    points = np.asarray(trimesh.load(folder / "sparse_points.ply").vertices, dtype=float)
    for view in views[::4]:
        index = view["index"]
        world, scale = (torch.from_numpy(cameras[f"{name}_mat_{index}"]).double() for name in ("world", "scale"))
        found = from_idr(world)
        expected = torch.tensor(view["K"], dtype=torch.float64)
        torch.testing.assert_close(found.k[:2, 2], expected[:2, 2] + 0.5, rtol=0.0, atol=1e-3)
        torch.testing.assert_close(found.world_to_camera[:, :3], torch.tensor(view["R"]).double(), rtol=0.0, atol=1e-5)
        mask = cv2.imread(str(folder / view["mask"]), cv2.IMREAD_GRAYSCALE) > 0
        pixels = seen(found.view(600, 800), points)
        assert inside(mask, pixels) > 0.97
        image = np.concatenate([points, np.ones((len(points), 1))], -1) @ world[:3].numpy().T
        np.testing.assert_allclose(pixels, image[:, :2] / image[:, 2:] + 0.5, atol=2e-2)  # skew of 1e-4 px is dropped
        in_sphere = (points - scale[:3, 3].numpy()) / float(scale[0, 0])
        assert np.linalg.norm(in_sphere, axis=-1).max() <= 1.001
        np.testing.assert_allclose(seen(from_idr(world, scale).view(600, 800), in_sphere), pixels, atol=1e-3)


def test_middlebury_points_land_in_the_masks(data_folder: Path) -> None:
    folder = data_folder / "dino_sparse_ring"
    cameras = from_middlebury((folder / "dinoSR_par.txt").read_text())
    assert len(cameras) == 16
    hull = np.asarray(trimesh.load(folder / "visual_hull.ply").vertices, dtype=float)
    for name in ("dinoSR0004.png", "dinoSR0009.png", "dinoSR0013.png"):
        mask = cv2.imread(str(folder / "masks" / name), cv2.IMREAD_GRAYSCALE) > 0
        pixels = seen(cameras[name].view(480, 640), hull)
        assert inside(cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0, pixels) > 0.99
        low, high = pixels.min(0), pixels.max(0)  # the hull fills the silhouette
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        np.testing.assert_allclose([*low, *high], [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], atol=4.0)


def test_middlebury_ring_is_a_turntable(data_folder: Path) -> None:
    """Cameras as far from the middle of the object's box as the data's notes say, 22.5 degrees apart on a circle."""
    cameras = list(from_middlebury((data_folder / "dino_sparse_ring" / "dinoSR_par.txt").read_text()).values())
    places = torch.stack([camera.view(480, 640).position.detach() for camera in cameras])
    box = torch.tensor([[-0.061897, -0.018874, -0.057845], [0.010897, 0.068227, 0.015495]], dtype=torch.float64)
    distance = (places - box.mean(0)).norm(dim=-1)
    assert 0.645 < float(distance.min()) < float(distance.max()) < 0.665
    around = places - places.mean(0)
    normal = torch.linalg.svd(around).Vh[-1]
    assert float((around @ normal).abs().max()) < 0.02 * float(distance.mean())
    looks = torch.stack([camera.world_to_camera[2, :3] for camera in cameras])
    apart = torch.rad2deg(torch.acos((looks[1:] * looks[:-1]).sum(-1)))
    assert float(apart.median()) == pytest.approx(22.5, abs=1.0)


def test_bop_models_land_in_their_masks(data_folder: Path) -> None:
    folder = data_folder / "ycbv"
    scene = folder / "test" / "000049"
    camera = from_bop(json.loads((scene / "scene_camera.json").read_text())["1"])
    objects = json.loads((scene / "scene_gt.json").read_text())["1"]
    information = json.loads((scene / "scene_gt_info.json").read_text())["1"]
    for entry, info in zip(objects, information, strict=True):
        model = np.asarray(trimesh.load(folder / "models" / f"obj_{entry['obj_id']:06d}.ply").vertices, dtype=float)
        pose = object_pose_from_bop(entry["cam_R_m2c"], entry["cam_t_m2c"]).numpy()
        pixels = seen(camera.view(480, 640), model @ pose[:, :3].T + pose[:, 3])
        x, y, width, height = info["bbox_obj"]  # inclusive of both ends, pixels by index
        np.testing.assert_allclose([*pixels.min(0), *pixels.max(0)], [x, y, x + width, y + height], atol=2.0)


def test_nerf_hull_of_all_views_fills_the_object(data_folder: Path) -> None:
    """Carve a coarse grid by the training views: held-out alphas and the hull must agree."""
    folder = data_folder / "lego"

    def views(name: str, every: int) -> list[tuple[View, np.ndarray]]:
        listed = json.loads((folder / f"transforms_{name}.json").read_text())
        found = []
        for frame in listed["frames"][::every]:
            matrix = torch.tensor(frame["transform_matrix"], dtype=torch.float64)
            alpha = cv2.imread(str(folder / f"{frame['file_path']}.png"), cv2.IMREAD_UNCHANGED)[..., 3]
            found.append((from_nerf(matrix, listed["camera_angle_x"], alpha.shape).view(*alpha.shape), alpha > 127))
        return found

    step = 0.05
    axes = [np.arange(-1.3, 1.3, step)] * 3
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    kept = np.ones(len(grid), dtype=bool)
    for view, alpha in views("train", 1):
        wide = cv2.dilate(alpha.astype(np.uint8), np.ones((9, 9))) > 0
        column, row = np.floor(seen(view, grid)).astype(int).T
        there = (column >= 0) & (row >= 0) & (column < 400) & (row < 400)
        kept &= there & wide[row.clip(0, 399), column.clip(0, 399)]
    hull = grid[kept]
    assert 2_000 < len(hull) < 20_000
    np.testing.assert_allclose(hull.min(0), [-0.64, -1.14, -0.53], atol=0.16)
    np.testing.assert_allclose(hull.max(0), [0.64, 1.15, 1.00], atol=0.16)
    for view, alpha in views("test", 4):
        assert inside(cv2.dilate(alpha.astype(np.uint8), np.ones((13, 13))) > 0, seen(view, hull)) > 0.97


@pytest.mark.parametrize(("kind", "flags"), [(BrownConrady, 0), (Rational, cv2.CALIB_RATIONAL_MODEL)])
def test_opencv_calibration_of_a_chessboard(data_folder: Path, kind: type, flags: int) -> None:
    """Corners that OpenCV found in photographs, reprojected with what it calibrated: its own error, to the digit."""
    board = np.zeros((54, 3), np.float32)
    board[:, :2] = np.mgrid[:9, :6].T.reshape(-1, 2)
    corners = []
    for path in sorted((data_folder / "chessboard").glob("left*.jpg"))[::2]:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found, places = cv2.findChessboardCorners(image, (9, 6))
        if found:
            corners.append(places.reshape(-1, 2))
    assert len(corners) >= 5
    rms, k, coefficients, rotations, translations = cv2.calibrateCamera(
        [board] * len(corners), corners, image.shape[::-1], None, None, flags=flags
    )
    count = kind.model.count
    camera = kind(k_from_integer_centres(torch.from_numpy(k)), torch.from_numpy(coefficients.reshape(-1)[:count]))
    squares = []
    for places, rotation, translation in zip(corners, rotations, translations, strict=True):
        pose = Pose(torch.from_numpy(rotation[:, 0].copy()), torch.from_numpy(translation[:, 0].copy()))
        view = View(camera, pose, *image.shape)
        squares.append(np.square(seen(view, board.astype(float)) - 0.5 - places).sum(-1))
        rays = camera.rays(torch.from_numpy(seen(view, board.astype(float)))).directions.detach()
        moved = pose(torch.from_numpy(board).double()).detach()
        torch.testing.assert_close(rays, moved / moved.norm(dim=-1, keepdim=True), rtol=0.0, atol=1e-12)
    assert np.sqrt(np.mean(np.concatenate(squares))) == pytest.approx(rms, rel=1e-5)
    assert rms < 1.0
