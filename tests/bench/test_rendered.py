"""The renderer of the suites against closed forms, quadrature, finite differences and brute force."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.bench.rendered import (
    RenderedScene,
    expose,
    light_directions,
    radiance,
    reflectance,
    render,
    sample_pixels,
)
from sharpvision.bench.rendered_brdfs import ggx, oren_nayar
from sharpvision.bench.rendered_shapes import Shadows, bumpy, sphere

UP = np.array([0.0, 0.0, 1.0])


def tilted(theta, phi=0.0):
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0.0 * phi], axis=-1)


def hemisphere(count=400):
    """Midpoint quadrature over the hemisphere: directions and solid angles."""
    theta, phi = np.meshgrid((np.arange(count) + 0.5) / count * np.pi / 2, (np.arange(count) + 0.5) / count * 2 * np.pi)
    weight = np.sin(theta) * (np.pi / 2 / count) * (2 * np.pi / count)
    return tilted(theta, phi).reshape(-1, 3), weight.ravel()


@pytest.mark.parametrize("alpha", [0.18, 0.28, 0.6])
def test_ggx_facets_have_unit_projected_area(alpha):
    # Seen along the light, f = D G / (4 cos^2) with Smith's G = 1 / sqrt(1 + a^2 tan^2); D cos must integrate to 1.
    directions, weight = hemisphere(600)
    cosine = directions[:, 2]
    smith = 1.0 / np.sqrt(1.0 + alpha**2 * (1.0 / cosine**2 - 1.0))
    facets = ggx(UP, directions, directions, alpha, np.ones(3))[:, 0] * 4.0 * cosine**2 / smith
    assert np.sum(facets * cosine * weight) == pytest.approx(1.0, abs=2e-3)


@given(st.floats(0.0, 1.5), st.floats(0.0, 1.5), st.floats(0.0, 6.28), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_brdfs_are_reciprocal_and_not_negative(first, second, azimuth, variance):
    a, b = tilted(first), tilted(second, azimuth)
    lobe, f0, albedo = (lambda l, v: ggx(UP, l, v, 0.2, f0)), np.full(3, 0.04), np.full(3, 0.8)
    for f in (lobe, lambda l, v: oren_nayar(UP, l, v, albedo, variance)):
        np.testing.assert_allclose(f(a, b), f(b, a), rtol=1e-6, atol=1e-9)
        assert (f(a, b) >= 0).all()


@pytest.mark.parametrize("theta", [0.0, 0.7, 1.4])
def test_brdfs_return_at_most_what_they_receive(theta):
    directions, weight = hemisphere()
    light = tilted(np.float64(theta))
    for f in (ggx(UP, light, directions, 0.28, np.ones(3)), oren_nayar(UP, light, directions, np.ones(3), 0.2)):
        assert 0.0 < np.sum(f[:, 0] * directions[:, 2] * weight) <= 1.01


def test_oren_nayar_along_the_normal_is_the_papers_constant():
    rho, variance = 0.6, 0.2
    expected = rho / np.pi * (1 - 0.5 * variance / (variance + 0.33) + 0.17 * rho * variance / (variance + 0.13))
    np.testing.assert_allclose(oren_nayar(UP, UP, UP, np.full(3, rho), variance), expected)


def test_ggx_is_zero_from_behind_and_finite_at_grazing():
    assert (ggx(UP, tilted(np.float64(2.0)), UP, 0.2, np.ones(3)) == 0).all()
    grazing = tilted(np.float64(np.pi / 2 - 1e-9))
    assert np.isfinite(ggx(UP, grazing, grazing, 0.2, np.ones(3))).all()


@pytest.mark.parametrize("shape", [sphere(), bumpy(4), bumpy(13)])
def test_normals_are_those_of_the_height(shape):
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.65, 0.65, (2, 300))
    h = 1e-6
    slope_x = (shape.height(x + h, y) - shape.height(x - h, y)) / (2 * h)
    slope_y = (shape.height(x, y + h) - shape.height(x, y - h)) / (2 * h)
    expected = np.stack([-slope_x, -slope_y, -np.ones_like(x)], axis=-1)  # OpenCV: towards the viewer is -z
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    np.testing.assert_allclose(shape.normal(x, y), expected, atol=1e-6)


def test_normals_at_the_rim_lie_in_the_image_plane():
    turn = np.linspace(0, 2 * np.pi, 7)
    normal = bumpy(4).normal(np.cos(turn), np.sin(turn))
    assert np.isfinite(normal).all()
    np.testing.assert_allclose(normal[:, 2], 0.0, atol=1e-6)


def test_shadows_agree_with_a_dense_march_over_the_exact_height():
    shape, radius = bumpy(6, relief=0.6), 60.0
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-0.6, 0.6, (2, 500))
    points = np.stack([x, y, shape.height(x, y)], axis=-1)
    light = np.broadcast_to(tilted(np.float64(1.3), np.float64(0.4)), points.shape)
    t = np.arange(1.5 / radius, 1.6, 0.05 / radius)[:, None, None]
    way = points + t * light
    clearance = (way[..., 2] - shape.height(way[..., 0], way[..., 1])).min(0)
    free = Shadows(shape, radius).free(points, light)
    sure = np.abs(clearance) > 0.2 / radius  # the march has steps of one pixel
    assert 20 < (~free).sum() < 480
    assert (free[sure] == (clearance[sure] > 0)).all()


def test_sphere_shades_nothing_else():
    points = np.array([[0.9, 0.0, 0.43], [0.0, 0.0, 1.0]])
    assert Shadows(sphere(), 50.0).free(points, np.array([[-0.99, 0.0, 0.14], [0.0, 0.0, 1.0]])).all()


def test_near_light_follows_the_inverse_square_law():
    # At the nearest point of a sphere, right below a light on the axis: irradiance (d / (d - gap))^2, incidence normal.
    scene = RenderedScene("matte", inverse_distance=0.5, side=64)
    shape = sphere()
    _, _, samples = sample_pixels(shape, scene.side)
    axis = np.array([0.0, 0.0, -1.0])
    nearest = int(samples.position[:, 2].argmax())
    mean_height = np.average(samples.position[:, 2], weights=samples.weight)
    distance = 2.0 / 0.5
    gap = distance - (samples.position[nearest, 2] - mean_height)
    near = radiance(scene, Shadows(shape, 32.0), samples, axis)[nearest]
    far = radiance(dataclasses.replace(scene, inverse_distance=0.0), Shadows(shape, 32.0), samples, axis)[nearest]
    np.testing.assert_allclose(near / far, (distance / gap) ** 2, rtol=2e-3)
    assert mean_height == pytest.approx(2.0 / 3.0, abs=5e-3)  # of a half sphere over its disc


def test_matte_sphere_without_noise_gives_its_normals_back():
    observations = render(RenderedScene("matte", side=48, noise=0.0))
    inside = observations.mask
    images = (observations.source.images / observations.light_intensities[:, None, None].float())[:, inside, 1].double()
    lit = (images > 0).all(0)
    solution = np.linalg.lstsq(observations.light_directions.numpy(), images[:, lit].numpy(), rcond=None)[0].T
    truth = observations.ground_truth[inside][lit].double().numpy()
    cosine = (solution * truth).sum(-1) / np.linalg.norm(solution, axis=-1)
    assert lit.sum() > 200
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.05


def test_noise_has_the_stated_deviation_and_a_seed_gives_the_same_bytes():
    signal = np.full((4, 5000, 3), 0.5)
    levels = expose(signal, 0.01, 3)
    assert levels.std() == pytest.approx(0.01 * 0.9, rel=0.03)
    assert levels.tobytes() == expose(signal, 0.01, 3).tobytes()
    assert levels.tobytes() != expose(signal, 0.01, 4).tobytes()


@pytest.mark.parametrize("material", ["matte", "glossy", "rough", "metal", "mixed"])
def test_every_material_is_finite_at_the_rim_and_under_grazing_light(material):
    turn = np.linspace(0, 6, 20)
    normal = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=-1)
    light = np.broadcast_to(light_directions(5)[4], normal.shape)
    value = reflectance(material, normal[:, :2], normal, light, 0)
    assert np.isfinite(value).all()
    assert (value >= 0).all()


def test_bumpy_scene_under_near_lights_is_a_valid_observation():
    observations = render(RenderedScene("mixed", "bumpy", 0.06, side=40, light_count=6))
    images = observations.source.images
    assert images.shape == (6, 46, 46, 3)
    assert float(images.max()) <= 1.0
    assert float(images[:, ~observations.mask].abs().max()) == 0.0
    assert float(observations.light_directions[:, 2].max()) < 0.0
    assert float(observations.ground_truth[observations.mask][:, 2].max()) <= 0.0
