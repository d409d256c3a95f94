import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.intensities import (
    intensities_from_card,
    intensities_from_highlights,
    intensities_from_matte_ball,
    sphere_normals,
)

LIGHTS = np.array([[0, 0, -1.0], [0.6, 0, -0.8], [-0.3, 0.4, -np.sqrt(0.75)], [0, -0.6, -0.8]])
SENT = np.array([[1.0, 0.9, 0.8], [0.5, 0.5, 0.5], [0.8, 0.4, 0.6], [0.3, 0.6, 0.9]])


def ball() -> np.ndarray:
    normals = sphere_normals((40, 40), (20.0, 20.0, 18.0))
    return normals[(normals**2).sum(-1) > 0]


def shaded(albedo: float = 0.4) -> np.ndarray:
    """Linear pixels (N, P, 3) of a matte ball."""
    return albedo * np.maximum(ball() @ LIGHTS.T, 0).T[..., None] * SENT[:, None]


class TestCard:
    @given(st.floats(0.05, 1.0), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
    def test_albedo_and_a_known_tilt_cancel(self, albedo, x, y):
        normal = np.array([x, y, -1.0]) / np.hypot(np.hypot(x, y), 1)
        values = albedo * SENT * (LIGHTS @ normal)[:, None]
        pixels = np.broadcast_to(values[:, None], (4, 30, 3))
        found = intensities_from_card(pixels, np.zeros((4, 30), bool), LIGHTS, normal)
        expected = np.where(found.found[:, None], SENT, np.nan)
        assert np.allclose(found.intensities, expected / np.nanmean(expected), equal_nan=True)

    def test_states_what_a_tilt_would_do(self):
        pixels = np.broadcast_to((0.5 * SENT * -LIGHTS[:, 2:])[:, None], (4, 30, 3))
        found = intensities_from_card(pixels, np.zeros((4, 30), bool), LIGHTS, tilt_deg=5.0)
        assert found.std[0] == pytest.approx(0.0, abs=1e-9)  # along the normal
        assert found.std[1] == pytest.approx(np.radians(5) * 0.75)
        assert any("face the camera" in note for note in found.notes)

    def test_specks_do_not_count(self):
        pixels = np.broadcast_to((0.5 * SENT * -LIGHTS[:, 2:])[:, None], (4, 40, 3)).copy()
        pixels[:, :8] = 0.95
        found = intensities_from_card(pixels, np.zeros((4, 40), bool), LIGHTS)
        assert np.allclose(found.intensities, SENT / SENT.mean())

    def test_a_saturated_image_is_named_and_not_guessed(self):
        pixels = np.broadcast_to((0.5 * SENT * -LIGHTS[:, 2:])[:, None], (4, 30, 3))
        saturated = np.zeros((4, 30), bool)
        saturated[2] = True
        found = intensities_from_card(pixels, saturated, LIGHTS)
        assert found.found.tolist() == [True, True, False, True]
        assert np.isnan(found.intensities[2]).all()
        assert np.isnan(found.std[2])
        assert any("image 3" in note for note in found.notes)

    def test_without_directions_it_says_what_it_gives(self):
        pixels = np.broadcast_to(SENT[:, None], (4, 30, 3))
        found = intensities_from_card(pixels, np.zeros((4, 30), bool))
        assert np.allclose(found.intensities, SENT / SENT.mean())
        assert any("without light directions" in note for note in found.notes)

    def test_a_black_card_is_refused(self):
        with pytest.raises(InputError, match="neither black nor saturated"):
            intensities_from_card(np.zeros((4, 30, 3)), np.zeros((4, 30), bool), LIGHTS)


class TestMatteBall:
    def test_finds_the_intensities(self):
        found = intensities_from_matte_ball(shaded(), ball(), LIGHTS)
        assert np.allclose(found.intensities, SENT / SENT.mean())
        assert found.notes == ()

    def test_highlights_and_noise_move_it_little(self):
        generator = np.random.default_rng(0)
        half = LIGHTS - [0, 0, 1]
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        gloss = 0.3 * np.maximum(ball() @ half.T, 0).T[..., None] ** 100 * SENT[:, None]
        images = shaded() + gloss + 0.005 * generator.standard_normal(shaded().shape)
        found = intensities_from_matte_ball(images, ball(), LIGHTS)
        assert np.allclose(found.intensities / (SENT / SENT.mean()), 1, atol=0.02)

    def test_a_ball_that_is_not_matte_is_doubted(self):
        found = intensities_from_matte_ball(shaded() ** 2.2, ball(), LIGHTS)
        assert any("off Lambert's law" in note for note in found.notes)

    def test_light_from_behind_is_not_found(self):
        lights = np.vstack([LIGHTS[:2], [[0, 0, 1.0]]])
        images = np.concatenate([shaded()[:2], np.zeros_like(shaded()[:1])])
        found = intensities_from_matte_ball(images, ball(), lights)
        assert found.found.tolist() == [True, True, False]

    def test_saturated_pixels_do_not_count(self):
        images = np.minimum(shaded(albedo=1.2), 1.0)
        found = intensities_from_matte_ball(images, ball(), LIGHTS, images.max(-1) >= 0.98)
        assert np.allclose(found.intensities, SENT / SENT.mean())


class TestHighlights:
    def test_flux_up_to_one_factor(self):
        found = intensities_from_highlights(7 * SENT, np.zeros(4, bool))
        assert np.allclose(found.intensities, SENT / SENT.mean())

    def test_saturated_and_missing_highlights_are_left_out(self):
        flux = SENT.copy()
        flux[3] = np.nan
        found = intensities_from_highlights(flux, np.array([False, True, False, False]))
        assert found.found.tolist() == [True, False, True, False]

    def test_all_saturated_is_refused(self):
        with pytest.raises(InputError, match="neither black nor saturated"):
            intensities_from_highlights(SENT, np.ones(4, bool))
