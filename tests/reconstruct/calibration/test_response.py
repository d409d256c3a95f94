import numpy as np
import pytest

from sharpvision.bench.calibration_response import CURVES, EXPOSURES, decoding, photographs, scene
from sharpvision.core.errors import InputError
from sharpvision.reconstruct.calibration.response import log_response_rms, response_from_exposures
from sharpvision.sensor.response_curve import LINEAR, SRGB, ResponseCurve

TIMES = np.array([0.125, 0.25, 0.5, 1.0])


def exposed(curve: ResponseCurve, times: np.ndarray = TIMES, *, ends: tuple[float, float] = (0.01, 1.5)) -> np.ndarray:
    """8-bit codes (K, 48, 48) of a ramp."""
    ramp = np.geomspace(*ends, 48 * 48).reshape(48, 48)
    return np.rint(255 * curve.codes(ramp * times[:, None, None])) / 255


class TestExposures:
    @pytest.mark.parametrize("curve", [LINEAR, SRGB, ResponseCurve(1.8), ResponseCurve(0.6, 0.6, 0.4, 0.1)])
    def test_finds_curves_of_the_family(self, curve):
        estimate = response_from_exposures(exposed(curve), TIMES)
        assert estimate.determined
        assert estimate.notes == ()
        assert log_response_rms(estimate.curve, curve.linear) < 0.01

    def test_unit_of_the_exposures_does_not_matter(self):
        images = exposed(SRGB)
        one, other = (response_from_exposures(images, TIMES * scale).curve for scale in (1, 1e-3))
        assert np.allclose(one.parameters, other.parameters, atol=1e-4)

    @pytest.mark.parametrize("name", ["srgb", "filmic"])
    def test_finds_a_noisy_camera_that_writes_jpeg(self, name):
        generator = np.random.default_rng(1)
        images = photographs(scene(generator), CURVES[name], generator)
        estimate = response_from_exposures(images, EXPOSURES)
        assert log_response_rms(estimate.curve, decoding(CURVES[name])) < 0.03
        assert estimate.log_std < 0.03

    def test_names_the_image_whose_exposure_is_wrong(self):
        times = TIMES.copy()
        times[1] *= 1.2  # the camera took 20 % less than it says
        estimate = response_from_exposures(exposed(SRGB), times)
        assert any("image 2" in note and "-" in note for note in estimate.notes)

    def test_saturated_and_black_images_beside_good_ones_do_no_harm(self):
        images = np.concatenate([np.zeros((1, 48, 48)), exposed(SRGB), np.ones((1, 48, 48))])
        estimate = response_from_exposures(images, [0.001, *TIMES, 100.0])
        assert log_response_rms(estimate.curve, SRGB.linear) < 0.01


class TestWhatCanNotBeTold:
    def test_a_flat_scene_is_not_determined(self):
        images = np.rint(255 * SRGB.codes(np.full((2, 20, 20), 0.2) * np.array([1.0, 1.3])[:, None, None])) / 255
        estimate = response_from_exposures(images, [1.0, 1.3])
        assert not estimate.determined
        assert any("do not tell" in note for note in estimate.notes)

    @pytest.mark.parametrize("times", [[1.0], [1.0, 1.0], [1.0, 1.1]])
    def test_a_single_exposure_is_refused(self, times):
        with pytest.raises(InputError, match="two exposures or more that differ"):
            response_from_exposures(exposed(SRGB, np.array(times)), times)

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_black_and_saturated_scenes_are_refused(self, value):
        with pytest.raises(InputError, match="neither black nor saturated"):
            response_from_exposures(np.full((2, 20, 20), value), [1.0, 2.0])

    @pytest.mark.parametrize("times", [[1.0, -1.0], [1.0, float("nan")]])
    def test_exposures_that_are_no_times_are_refused(self, times):
        with pytest.raises(InputError, match="positive exposures"):
            response_from_exposures(np.full((2, 20, 20), 0.5), times)

    def test_one_exposure_an_image(self):
        with pytest.raises(InputError, match="K exposures"):
            response_from_exposures(np.full((3, 20, 20), 0.5), [1.0, 2.0])
