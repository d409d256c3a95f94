"""The basis against its twin, against `materials`, against the bench's own formulas and against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import warp as wp
from pixel_problems import facing, float32, pixels_of, unit_rows

from sharpvision.bench import rendered_brdfs
from sharpvision.kernels.launch import launch
from sharpvision.kernels.reference import reflectance_basis as twin
from sharpvision.kernels.reflectance_basis import (
    BASIS_SIZE,
    LOBE_ROUGHNESS,
    OREN_NAYAR_SIGMA2,
    basis_gradient,
    light_at,
    vec6,
)
from sharpvision.materials.ggx import ggx_facets
from sharpvision.materials.lobe_mixture import ROUGH_DIFFUSE_VARIANCE

UP = np.array([0.0, 0.0, -1.0])


@wp.kernel
def gradient_of_rows(
    n: wp.array(dtype=wp.vec3), t1: wp.array(dtype=wp.vec3), t2: wp.array(dtype=wp.vec3), l: wp.array(dtype=wp.vec3),
    v: wp.array(dtype=wp.vec3), out: wp.array2d(dtype=vec6),
):  # fmt: skip
    """Value and two derivatives for each row."""
    i = wp.tid()
    b = basis_gradient(n[i], t1[i], t2[i], l[i], v[i])
    out[i, 0] = b.value
    out[i, 1] = b.along_1
    out[i, 2] = b.along_2


def kernel_gradient(*vectors: np.ndarray) -> np.ndarray:
    """(R, 3, 6): value, derivative along t1, along t2, from rows n, t1, t2, l, v."""
    out = wp.zeros((len(vectors[0]), 3), dtype=vec6, device="cpu")
    arrays = [wp.array(float32(rows), dtype=wp.vec3, device="cpu") for rows in vectors]
    launch(gradient_of_rows, len(vectors[0]), [*arrays, out])
    return out.numpy()


def kernel_basis(normals: np.ndarray, lights: np.ndarray, viewers: np.ndarray | None = None) -> np.ndarray:
    """(P, N, 6), through the predictions of two times three unit weights."""
    values = []
    for first in (0, 3):
        weights = np.zeros((len(normals), 3, BASIS_SIZE))
        weights[:, np.arange(3), first + np.arange(3)] = 1.0
        pixels = pixels_of(normals, weights, lights)
        if viewers is not None:
            pixels.viewers = float32(viewers)
        values.append(pixels.predict(float32(normals), float32(weights)))
    return np.concatenate(values, -1)


def float64(values: np.ndarray) -> torch.Tensor:
    """A tensor of what the kernel reads."""
    return torch.from_numpy(float32(values)).double()


def twin_basis(normals: np.ndarray, lights: np.ndarray, viewers: np.ndarray) -> np.ndarray:
    """(P, N, 6) of the twin."""
    return twin.basis(float64(normals)[:, None], float64(lights)[None], float64(viewers)[:, None]).numpy()


def test_basis_equals_its_twin_at_random_directions():
    generator = np.random.default_rng(1)
    normals, lights, viewers = (unit_rows(generator.normal(size=(40, 3))) for _ in range(3))
    expected = twin_basis(normals, lights, viewers)
    assert (expected[..., 0] == 0).mean() > 0.5
    assert (expected[..., 0] > 0).sum() > 100
    np.testing.assert_allclose(kernel_basis(normals, lights, viewers), expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("light", "viewer"),
    [
        pytest.param(UP, UP, id="light, viewer and normal are one"),
        pytest.param([0.6, 0.0, -0.8], [0.6, 0.0, -0.8], id="light at the viewer"),
        pytest.param([0.6, 0.0, -0.8], [-0.6, 0.0, -0.8], id="mirror direction"),
        pytest.param([1.0, 0.0, -1e-4], [0.0, 0.0, -1.0], id="grazing light"),
        pytest.param([1.0, 0.0, -1e-3], [-1.0, 0.0, -1e-3], id="both graze, opposite"),
        pytest.param([1.0, 0.0, -1e-3], [1.0, 0.0, -1e-3], id="both graze, same side"),
        pytest.param([1.0, 0.0, -0.2], [0.0, 1.0, -0.2], id="across"),
    ],
)
def test_basis_equals_its_twin_at_singular_directions(light, viewer):
    lights, viewers = unit_rows(np.array([light])), unit_rows(np.array([viewer]))
    value, expected = kernel_basis(UP[None], lights, viewers), twin_basis(UP[None], lights, viewers)
    assert np.isfinite(value).all()
    assert (value >= 0).all()
    np.testing.assert_allclose(value, expected, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("light", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.6, 0.0, 0.8], [-1.0, 0.0, 1e-6]])
def test_basis_is_zero_below_the_horizon(light):
    lights = unit_rows(np.array([light]))
    assert (kernel_basis(UP[None], lights) == 0).all()
    assert (kernel_basis(UP[None], np.array([UP]), lights) == 0).all()
    assert (kernel_gradient(UP[None], np.eye(3)[:1], np.eye(3)[1:2], lights, UP[None]) == 0).all()


def test_rough_diffuse_is_the_full_model_of_the_rendered_suites():
    generator = np.random.default_rng(2)
    n, l, v = (facing(generator, 3000, 0.1) for _ in range(3))
    full = rendered_brdfs.oren_nayar(n, l, v, np.full((3000, 1), 0.5), OREN_NAYAR_SIGMA2)[:, 0]
    cosine = np.maximum((n * l).sum(-1), 0)
    # beyond 1.5 rad the kernel cuts the tangent, the suite at 1.55
    lit = np.minimum(cosine, (n * v).sum(-1)) > math.cos(1.5)
    value = kernel_gradient(n, n, n, l, v)[:, 0, 1]
    np.testing.assert_allclose(value[lit], (full * cosine * math.pi / 0.5)[lit], rtol=2e-4, atol=2e-5)


def test_glossy_lobes_are_those_of_materials():
    generator = np.random.default_rng(3)
    n, l, v = (facing(generator, 2000, 0.2) for _ in range(3))
    alpha = torch.tensor(LOBE_ROUGHNESS, dtype=torch.float64)
    facets = ggx_facets(float64(n)[:, None], float64(l)[:, None], float64(v)[:, None], alpha)
    cosine = (float64(n) * float64(l)).sum(-1).clamp(min=0)
    expected = (facets * cosine[:, None]).numpy()
    np.testing.assert_allclose(kernel_gradient(n, n, n, l, v)[:, 0, 2:], expected, rtol=5e-4, atol=2e-5)
    assert ROUGH_DIFFUSE_VARIANCE == OREN_NAYAR_SIGMA2


def tangents(n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two orthonormal tangents of each normal."""
    axis = np.where(np.abs(n[:, :1]) > 0.7, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    first = unit_rows(np.cross(n, axis))
    return first, np.cross(n, first)


def finite_differences(n: np.ndarray, t: np.ndarray, l: np.ndarray, v: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central difference of the twin along a tangent."""
    rows = [torch.from_numpy(a) for a in (n, t, l, v)]
    ahead = twin.basis(rows[0] + step * rows[1], rows[2], rows[3])
    behind = twin.basis(rows[0] - step * rows[1], rows[2], rows[3])
    return ((ahead - behind) / (2 * step)).numpy()


def test_derivatives_equal_finite_differences():
    generator = np.random.default_rng(4)
    n, l, v = (facing(generator, 4000, 0.4) for _ in range(3))
    lit = ((n * l).sum(-1) > 0.1) & ((n * v).sum(-1) > 0.1) & (np.abs((n * (l - v)).sum(-1)) > 1e-3)
    n, l, v = n[lit], l[lit], v[lit]
    t1, t2 = tangents(n)
    gradient = kernel_gradient(n, t1, t2, l, v)
    for slot, t in ((1, t1), (2, t2)):
        expected = finite_differences(n, t, l, v)
        smooth = np.array([0, 2, 3, 4, 5])
        np.testing.assert_allclose(gradient[:, slot, smooth], expected[:, smooth], rtol=2e-2, atol=2e-3)
        # Oren-Nayar leaves the grazing corrections out of its derivative, and says so
        error = np.abs(gradient[:, slot, 1] - expected[:, 1])
        assert np.sqrt((error**2).mean()) < 0.1 * np.sqrt((expected[:, 1] ** 2).mean())


def test_light_at_points_equals_its_twin():
    generator = np.random.default_rng(5)
    lights, points = facing(generator, 5, 0.5), generator.uniform(-0.3, 0.3, (30, 3))
    normals = np.tile(UP, (30, 1))
    weights = np.zeros((30, 3, 6))
    weights[..., 0] = 1.0
    observed = pixels_of(normals, weights, lights, points=points).observed[..., 0]
    directions, gains = twin.light_at_points(float64(lights), float64(points))
    expected = (-directions[..., 2]).clamp(min=0) * gains
    np.testing.assert_allclose(observed, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert light_at.key == "light_at"
