"""What the report page carries: packed reflectance and mesh come back within a quantum, shading is the materials'."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from page_solutions import glossy_sphere
from synthetic_solution import sphere_solution

from sharpvision.materials.lobe_mixture import LobeWeights, lobe_mixture_brdf
from sharpvision.report.page_mesh import Camera, pack_mesh, surface_mesh
from sharpvision.report.page_relight import Material, direction, fitted_material, pack, shade
from sharpvision.report.page_subject import Subject, coverage, shrink, subject


def unpacked(packed: Any) -> dict[str, np.ndarray]:
    """Channels of a packed material: what the script of the page does, written a second time."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(packed.data)), np.uint8)
    size = packed.description["height"] * packed.description["width"]
    out, at = {}, 0
    for channel in packed.description["channels"]:
        steps = raw[at : at + size].astype(np.int64)
        at += size
        if channel["bits"] > 8:
            steps = steps * 256 + raw[at : at + size]
            at += size
        steps = steps.reshape(packed.description["height"], -1)
        levels = np.cumsum(steps, axis=1) % (1 << channel["bits"])
        share = levels / ((1 << channel["bits"]) - 1)
        out[channel["name"]] = channel["offset"] + channel["scale"] * share ** channel["power"]
    assert at == raw.size
    return out


def test_shade_is_the_mix_of_lobes_of_the_materials_folder():
    rng = np.random.default_rng(3)
    normals = rng.normal(size=(8, 9, 3))
    normals[..., 2] = np.abs(normals[..., 2]) + 0.05
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[0, 0] = [0, 0, 1]  # facing the viewer
    normals[0, 1] = [1, 0, 0.01] / np.linalg.norm([1, 0, 0.01])  # grazing
    alpha = (0.08, 0.14, 0.22, 0.35)
    diffuse, rough = rng.random((2, 8, 9, 3))
    lobes, tint = rng.random((8, 9, 4)), rng.random((8, 9, 3))
    material = Material(np.ones((8, 9)), normals, diffuse, None, rough, lobes, tint, alpha)
    parts = (np.pi * diffuse, np.pi * rough, lobes[..., None] * tint[..., None, :])
    weights = LobeWeights(*(torch.from_numpy(part) for part in parts), torch.tensor(alpha, dtype=torch.float64))
    for light in (direction(0, 0), direction(0.5, -0.7), direction(-2, 1)):
        n, wi = torch.from_numpy(normals), torch.from_numpy(light)
        wo = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
        expected = lobe_mixture_brdf(n, wi, wo, weights).numpy() * np.clip(normals @ light, 0, None)[..., None]
        np.testing.assert_allclose(shade(material, light), expected, rtol=1e-6, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), width=st.integers(1, 9), height=st.integers(1, 9), top=st.floats(1e-6, 1e3))
def test_packed_channels_come_back_within_a_quantum(seed: int, width: int, height: int, top: float):
    rng = np.random.default_rng(seed)
    tilt = rng.uniform(-0.7, 0.7, size=(height, width, 2))
    normals = np.dstack([tilt, np.sqrt(1 - (tilt**2).sum(-1))])
    lobes = top * rng.random((height, width, 3)) ** 4
    lobes[rng.random(lobes.shape) < 0.4] = 0
    material = Material(
        cover=rng.random((height, width)), normals=normals, diffuse=rng.random((height, width, 3)),
        height=rng.normal(size=(height, width)) * top, rough=np.zeros((height, width, 3)), lobes=lobes,
        tint=np.ones((height, width, 3)), alpha=(0.1, 0.2, 0.3),
    )  # fmt: skip
    found = unpacked(pack(material))
    assert np.abs(found["nx"] - normals[..., 0]).max() <= 1.01 / 4095
    assert np.abs(found["ny"] - normals[..., 1]).max() <= 1.01 / 4095
    span = np.ptp(material.height)
    assert np.abs(found["height"] - material.height).max() <= 0.51 * span / 4095 + 1e-9 * top
    for k in range(3):
        # Square-root companding: a step of the root, in value at most 2 sqrt(v scale) of it.
        scale = max(lobes[..., k].max(), 1e-12)
        step = np.abs(np.sqrt(found[f"lobe_{k}"] / scale) - np.sqrt(np.minimum(lobes[..., k], scale) / scale))
        assert step.max() <= 0.51 / 255
    assert np.all(found["rough_r"] == 0)


def test_one_outlier_does_not_coarsen_a_channel():
    lobes = np.full((80, 80, 1), 0.5)
    lobes[3, 4] = 1e6
    white, up = np.ones((80, 80, 3)), np.tile([0.0, 0, 1], (80, 80, 1))
    material = Material(white[..., 0], up, white, lobes=lobes, tint=white, alpha=(0.2,))
    found = unpacked(pack(material))["lobe_0"]
    np.testing.assert_allclose(np.delete(found.ravel(), 3 * 80 + 4), 0.5, rtol=0.02)


def test_fitted_material_keeps_weights_and_turns_normals_to_the_viewer():
    solution = glossy_sphere()
    material = fitted_material(solution, subject(solution))
    middle = material.cover.shape[0] // 2
    coloured = material.lobes[middle, middle, :, None] * material.tint[middle, middle]
    np.testing.assert_allclose(material.lobes[middle, middle], [0.13 / 3, 0.14 / 3], rtol=1e-5)
    np.testing.assert_allclose(coloured.sum(0), [0.08, 0.08, 0.11], rtol=1e-5)
    np.testing.assert_allclose(material.rough[middle, middle], [0.10, 0.08, 0.02], rtol=1e-5)
    np.testing.assert_allclose(material.diffuse[middle, middle], [0.40, 0.42, 0.48], rtol=1e-5)  # albedo is both
    assert material.normals[middle, middle, 2] > 0.99
    assert material.normals[4, middle, 1] > 0.7  # up is positive at the top
    assert material.height[middle, middle] > material.height[6, middle]


def test_large_inputs_are_shrunk_before_packing():
    solution = glossy_sphere(size=64)
    material = fitted_material(solution, subject(solution), max_pixels=900)
    assert material.cover.size <= 900
    assert abs(np.linalg.norm(material.normals, axis=-1) - 1).max() < 1e-5


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**31 - 1))
def test_shrink_keeps_constants_and_ignores_what_lies_outside(height: int, width: int, side: int, seed: int):
    mask = np.random.default_rng(seed).random((height, width)) < 0.6
    image = np.where(mask, 3.5, np.nan)
    small = shrink(image, mask, side)
    assert max(small.shape) <= max(side, 1) or max(height, width) <= side
    assert small.shape == coverage(mask, side).shape
    np.testing.assert_allclose(small[np.isfinite(small)], 3.5, rtol=1e-4)
    assert np.isfinite(small).any() == mask.any()


def test_mesh_lies_on_the_sphere_and_faces_the_viewer():
    solution = sphere_solution(64)
    shown = subject(solution)
    mesh = surface_mesh(shown, Camera(), max_triangles=1500)
    assert 1000 < len(mesh.faces) <= 1500
    corners = mesh.vertices[mesh.faces]
    assert np.all(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > -1e-6)
    centre = np.array([32 - shown.window[1].start, -(32 - shown.window[0].start), 0])
    radius = np.linalg.norm(mesh.vertices - centre, axis=1)
    inner = mesh.vertices[:, 2] > 12
    np.testing.assert_allclose(radius[inner], 0.45 * 64, rtol=1e-4)


def plane(normal: list[float], depth: np.ndarray) -> Subject:
    """A rectangle of one normal with a given depth."""
    window = (slice(0, depth.shape[0]), slice(0, depth.shape[1]))
    tilt = np.tile(np.array(normal) / np.linalg.norm(normal), (*depth.shape, 1))
    return Subject("plane", window, np.ones(depth.shape, bool), tilt, depth=depth)


def test_mesh_is_cut_where_the_depth_jumps_but_not_where_it_is_steep():
    across = np.arange(30)[None].repeat(30, 0)
    assert len(surface_mesh(plane([6.0, 0, 1], 6.0 * across), Camera()).faces) == 2 * 29 * 29
    assert len(surface_mesh(plane([0.0, 0, 1], np.where(across < 15, 0.0, 40.0)), Camera()).faces) == 2 * 29 * 28
    assert surface_mesh(plane([0.0, 0, 1], np.full((5, 5), np.nan)), Camera()) is None


def test_packed_mesh_comes_back_within_a_quantum():
    mesh = surface_mesh(subject(sphere_solution(40)), Camera())
    packed = pack_mesh(mesh)
    count, triangles = packed.description["vertices"], packed.description["triangles"]
    raw = zlib.decompress(base64.b64decode(packed.data))
    positions = np.frombuffer(raw, "<u2", 3 * count).reshape(3, count).T / 65535
    low, extent = mesh.vertices.min(0), np.ptp(mesh.vertices, axis=0).max()
    np.testing.assert_allclose(positions * extent + low, mesh.vertices, atol=0.51 * extent / 65535)
    corners = np.cumsum(np.frombuffer(raw, "<i4", offset=12 * count).reshape(3, triangles), axis=1).T
    np.testing.assert_array_equal(corners, mesh.faces)


def test_perspective_mesh_unprojects():
    vertices = surface_mesh(plane([0.0, 0, 1], np.full((21, 41), 2.0)), Camera(100.0, (20.5, 10.5))).vertices
    np.testing.assert_allclose(vertices[:, 2], -2)
    np.testing.assert_allclose([vertices[:, 0].min(), vertices[:, 0].max()], [-0.4, 0.4], atol=0.02)
    np.testing.assert_allclose([vertices[:, 1].min(), vertices[:, 1].max()], [-0.2, 0.2], atol=0.02)
