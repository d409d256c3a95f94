import numpy as np
import pytest

from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.intensities import sphere_normals
from sharpvision.reconstruct.calibration.response_of_object import response_from_object
from sharpvision.sensor.response_curve import LINEAR, SRGB, ResponseCurve

SIDE = 48


def ring(count: int) -> np.ndarray:
    """Light directions (N, 3) on two rings about the camera, OpenCV frame."""
    angle = np.arange(count) * 2.4
    tilt = np.radians(np.where(np.arange(count) % 2, 25, 50))
    return np.stack([np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle), -np.cos(tilt)], 1)


def photographed(curve: ResponseCurve, lights: np.ndarray, *, gloss: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """8-bit codes (N, H, W, 3) of a sphere in three bands of albedo, and its mask."""
    normals = sphere_normals((SIDE, SIDE), (SIDE / 2, SIDE / 2, SIDE / 2 - 2), inside=0.97)
    mask = (normals**2).sum(-1) > 0
    albedo = np.where(np.arange(SIDE)[:, None] % 12 < 4, 0.9, np.where(np.arange(SIDE)[:, None] % 12 < 8, 0.5, 0.25))
    half = lights - [0, 0, 1]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    cosine = np.maximum(np.einsum("hwa,na->nhw", normals, lights), 0)
    peak = np.maximum(np.einsum("hwa,na->nhw", normals, half), 0) ** 80 * (cosine > 0)
    linear = np.clip(albedo * cosine + gloss * peak, 0, 1)[..., None] * [0.7, 1.0, 0.6]
    return np.rint(255 * curve.codes(linear)) / 255, mask


class TestKnownSpheres:
    @pytest.mark.parametrize("curve", [LINEAR, SRGB])
    @pytest.mark.parametrize("gloss", [0.0, 0.5])
    @pytest.mark.parametrize("count", [8, 40])
    def test_tells_linear_from_srgb(self, curve, gloss, count):
        lights = ring(count)
        codes, mask = photographed(curve, lights, gloss=gloss)
        estimate = response_from_object(codes, lights, mask)
        assert estimate.determined
        assert abs(estimate.curve.srgb - curve.srgb) < 0.05
        assert estimate.log_std > 0.02  # it never knows better than materials allow

    def test_a_curve_between_is_found_between(self):
        lights = ring(12)
        codes, mask = photographed(ResponseCurve(1.0, 0.5), lights)
        estimate = response_from_object(codes, lights, mask)
        assert abs(estimate.curve.srgb - 0.5) < max(0.1, estimate.std[1])

    def test_unequal_intensities_that_are_given_do_no_harm(self):
        lights = ring(12)
        strength = np.linspace(0.5, 1.0, 12)
        codes, mask = photographed(LINEAR, lights)
        dimmed = np.rint(255 * SRGB.codes(codes * strength[:, None, None, None])) / 255
        estimate = response_from_object(dimmed, lights, mask, strength)
        assert abs(estimate.curve.srgb - 1.0) < 0.05


class TestWhatCanNotBeTold:
    def test_an_object_without_contrast_is_not_determined(self):
        estimate = response_from_object(np.full((12, 20, 20), 0.5), ring(12))
        assert not estimate.determined
        assert estimate.curve in (LINEAR, SRGB)
        assert "does not tell the camera's response" in estimate.notes[0]

    @pytest.mark.parametrize("count", [5, 12, 40])
    def test_noise_is_not_determined(self, count):
        codes = np.random.default_rng(0).uniform(0.2, 0.8, (count, 24, 24))
        estimate = response_from_object(codes, ring(count))
        assert not estimate.determined
        assert "far from matte" in estimate.notes[0]

    def test_lights_of_another_capture_are_not_determined(self):
        codes, mask = photographed(LINEAR, ring(12))
        assert not response_from_object(codes, ring(12)[::-1], mask).determined

    def test_few_lights_are_refused(self):
        lights = ring(4)
        with pytest.raises(InputError, match="5 images or more"):
            response_from_object(np.full((4, 20, 20), 0.5), lights)

    def test_lights_without_directions_are_refused(self):
        with pytest.raises(InputError, match="a direction for each"):
            response_from_object(np.full((6, 20, 20), 0.5), np.full((6, 3), np.nan))

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_black_and_saturated_objects_are_refused(self, value):
        with pytest.raises(InputError, match="pixels between black and white"):
            response_from_object(np.full((6, 20, 20), value), ring(6))


class TestPhotographs:
    @pytest.mark.parametrize("encode", [LINEAR, SRGB, ResponseCurve(2.2)])
    def test_a_glossy_ball_read_with_a_curve_gives_the_curve(self, encode, data_folder):
        from sharpvision.data import read_photometric

        observations = read_photometric(data_folder / "diligent" / "ball").with_lights(20)
        images, mask = observations.load().images.numpy(), observations.mask.numpy()
        codes = np.rint(255 * encode.codes(np.clip(images / np.quantile(images[:, mask], 0.995), 0, 1))) / 255
        intensities = observations.light_intensities.numpy()
        estimate = response_from_object(codes, observations.light_directions.numpy(), mask, intensities)
        assert estimate.determined
        assert abs(estimate.curve.srgb - (encode != LINEAR)) < 0.1
