"""The linear solver and the least-squares system against SciPy's LSQR, dense algebra and symmetry."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import lsqr

from sharpvision.reconstruct.integration_grid import pixel_graph, slope_equations
from sharpvision.reconstruct.integration_least_squares import least_squares_depth
from sharpvision.reconstruct.integration_linear import LaplacianSolver
from sharpvision.reconstruct.integration_settings import IntegrationSettings


def random_case(seed, shape=(13, 17)):
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(*shape, 3)) * [0.6, 0.6, 0.3] - [0, 0, 1.0]
    mask = rng.random(shape) < 0.8
    weights = rng.random(shape) + 0.05
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True), mask, weights


def residual_rows(normals, mask, weights, min_nz):
    """Rows (q s / sqrt 2) (z_b - z_a) = -(q t / sqrt 2), pixel by pixel, written down without the graph."""
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    rows, right = [], []
    for y, x in zip(*np.nonzero(mask), strict=True):
        s = min(normals[y, x, 2], -min_nz)
        for dy, dx, t in ((0, 1, 0), (0, -1, 0), (1, 0, 1), (-1, 0, 1)):
            v, u = y + dy, x + dx
            if not (0 <= v < mask.shape[0] and 0 <= u < mask.shape[1] and mask[v, u]):
                continue
            q = np.sqrt(weights[y, x] / 2)
            row = np.zeros(mask.sum())
            sign = dx + dy
            row[number[v, u]], row[number[y, x]] = q * s * sign, -q * s * sign
            rows.append(row)
            right.append(-q * normals[y, x, t])
    return np.array(rows), np.array(right)


@pytest.mark.parametrize("seed", range(4))
def test_least_squares_is_the_solution_of_lsqr(seed):
    normals, mask, weights = random_case(seed)
    settings = IntegrationSettings()
    found = least_squares_depth(normals, mask, settings, weights)
    rows, right = residual_rows(normals, mask, weights, settings.min_nz)
    expected = lsqr(csr_matrix(rows), right, atol=1e-13, btol=1e-13, iter_lim=5000)[0]
    graph = pixel_graph(mask)
    image = np.full(mask.shape, np.nan)
    image[mask] = expected
    centred = graph.centred(image[graph.rows, graph.columns])
    np.testing.assert_allclose(found.depth[graph.rows, graph.columns], centred, atol=1e-6)
    assert found.energy == pytest.approx(((rows @ expected - right) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_banded_and_multigrid_agree(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((40, 33)) < 0.85
    graph = pixel_graph(mask)
    c = tuple(rng.random(e.shape[1]) ** 4 + 1e-4 for e in graph.edges)
    g = tuple(rng.normal(size=e.shape[1]) for e in graph.edges)
    start = np.zeros(graph.size)
    banded, multigrid = LaplacianSolver(graph, direct=True), LaplacianSolver(graph, direct=False)
    direct = graph.centred(banded.solve(c, g, start))
    iterative = graph.centred(multigrid.solve(c, g, start, gain=1e-10))
    assert multigrid.last_converged
    np.testing.assert_allclose(iterative, direct, atol=1e-5 * np.abs(direct).max())
    balance = sum(graph.divergence(c[i] * graph.differences(direct, i) - g[i], i) for i in (0, 1))
    assert np.abs(balance).max() < 1e-9


@pytest.mark.parametrize("direct", [True, False])
def test_a_screened_system_is_the_dense_one_and_a_part_without_screen_is_held(direct):
    rng = np.random.default_rng(5)
    mask = rng.random((9, 21)) < 0.9
    mask[:, 10] = False  # two parts
    graph = pixel_graph(mask)
    c = tuple(rng.random(e.shape[1]) + 0.1 for e in graph.edges)
    g = tuple(rng.standard_normal(e.shape[1]) for e in graph.edges)
    bare = graph.labels == graph.labels[graph.columns > 10][0]
    screen = np.where(bare, 0.0, rng.random(graph.size))
    load = np.where(bare, 0.0, rng.standard_normal(graph.size))
    found = LaplacianSolver(graph, direct).solve(c, g, np.zeros(graph.size), 1e-10, screen=(screen, load))
    matrix, right = np.diag(screen), load.copy()
    for axis in (0, 1):
        for a, b, weight, flux in zip(*graph.edges[axis], c[axis], g[axis], strict=True):
            d = np.zeros(graph.size)
            d[b], d[a] = 1.0, -1.0
            matrix += weight * np.outer(d, d)
            right += flux * d
    assert matrix @ found == pytest.approx(right, abs=1e-6)
    assert found[np.flatnonzero(bare)[0]] == pytest.approx(0.0, abs=1e-6)


def test_divergence_is_the_adjoint_of_differences():
    rng = np.random.default_rng(0)
    graph = pixel_graph(rng.random((9, 7)) < 0.7)
    for axis in (0, 1):
        z, f = rng.normal(size=graph.size), rng.normal(size=graph.edges[axis].shape[1])
        assert f @ graph.differences(z, axis) == pytest.approx(z @ graph.divergence(f, axis), abs=1e-12)


def test_weights_that_are_not_positive_are_refused():
    graph = pixel_graph(np.ones((3, 3), dtype=bool))
    ones = (np.ones(6), np.ones(6))
    with pytest.raises(ArithmeticError, match="not positive"):
        LaplacianSolver(graph).solve((np.zeros(6), np.ones(6)), ones, np.zeros(9))


@pytest.mark.parametrize("focal", [None, 20.0])
def test_slope_equations_hold_on_a_surface_by_finite_differences(focal):
    """s dz + t = 0 for the analytic normal of a surface, dz by central differences of its depth (log depth)."""
    h = 1e-5
    settings = IntegrationSettings(focal_px=focal, principal_point=(4.0, 2.5), min_nz=1e-3)

    def depth(u, v):
        return 30 + 0.3 * np.sin(0.4 * u) + 0.02 * v**2 + 0.1 * u * v / 10

    def point(u, v):
        z = depth(u, v)
        return np.stack([u, v, z], -1) if focal is None else z[..., None] * np.stack(
            [(u - 4.0) / focal, (v - 2.5) / focal, np.ones_like(z)], -1)  # fmt: skip

    v, u = np.mgrid[:6, :8] + 0.5
    along_u, along_v = (point(u + h, v) - point(u - h, v)), (point(u, v + h) - point(u, v - h))
    normals = np.cross(along_v, along_u)
    mask = np.ones(u.shape, dtype=bool)
    graph = pixel_graph(mask)
    equations = slope_equations(normals * 1e6, graph, None, settings)
    value = (lambda z: z) if focal is None else np.log
    for axis, (du, dv) in enumerate(((h, 0), (0, h))):
        slope = (value(depth(u + du, v + dv)) - value(depth(u - du, v - dv))) / (2 * h)
        np.testing.assert_allclose(equations.slopes(axis), slope[graph.rows, graph.columns], atol=1e-6)


def test_transposed_normals_give_the_transposed_depth():
    normals, mask, _ = random_case(7)
    plain = least_squares_depth(normals, mask, IntegrationSettings()).depth
    swapped = least_squares_depth(normals.swapaxes(0, 1)[..., [1, 0, 2]], mask.T, IntegrationSettings()).depth
    np.testing.assert_allclose(swapped.T, plain, atol=1e-9)
