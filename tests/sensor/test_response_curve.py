import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import linear_from_srgb, srgb_from_linear
from sharpvision.sensor import LINEAR, SRGB, ResponseCurve

CODES = np.linspace(0, 1, 513)


@st.composite
def curves(draw: st.DrawFn) -> ResponseCurve:
    """Rising curves, from gamma 0.5 to film-like ones."""
    parameters = [draw(st.floats(low, high)) for low, high in ((0.1, 2.5), (-0.4, 1.6), (-0.1, 1.2), (-0.3, 0.5))]
    if not ResponseCurve.rises(np.array(parameters)):
        parameters[1:] = [abs(value) for value in parameters[1:]]
    return ResponseCurve(*parameters)


class TestOracles:
    def test_linear_is_the_identity(self):
        assert np.allclose(LINEAR.linear(CODES), CODES, rtol=1e-14)

    def test_srgb_is_the_standard_in_both_directions(self):
        expected = linear_from_srgb(CODES.astype(np.float32))
        assert np.allclose(SRGB.linear(CODES), expected, atol=1e-6)
        assert np.allclose(SRGB.codes(CODES), srgb_from_linear(CODES), atol=1e-6)

    def test_a_gamma_is_a_power(self):
        assert np.allclose(ResponseCurve(2.2).linear(CODES), CODES**2.2)
        assert np.allclose(ResponseCurve(2.2).codes(CODES), CODES ** (1 / 2.2), atol=1e-9)


class TestFamily:
    @given(curves())
    def test_rises_from_black_to_white(self, curve):
        values = curve.linear(CODES)
        assert values[0] == 0
        assert values[-1] == 1
        assert np.all(np.diff(values) > 0)

    @given(curves())
    def test_codes_invert_linear(self, curve):
        assert np.allclose(curve.codes(curve.linear(CODES)), CODES, atol=1e-7)

    @given(curves(), st.floats(0.06, 0.99))
    def test_local_exponent_and_slope_are_derivatives(self, curve, code):
        v = np.array([code - 1e-5, code + 1e-5])
        log_slope = np.diff(np.log(curve.linear(v))) / np.diff(np.log(v))
        slope = np.diff(curve.linear(v)) / np.diff(v)
        assert curve.local_exponent(np.array(code)) == pytest.approx(log_slope[0], rel=1e-4, abs=1e-6)
        assert curve.slope(np.array(code)) == pytest.approx(slope[0], rel=1e-4, abs=1e-9)

    @given(curves())
    def test_goes_through_json(self, curve):
        again = ResponseCurve.from_json(json.loads(json.dumps(curve.to_json())))
        assert np.allclose(again.parameters, curve.parameters, atol=1e-6)

    def test_what_json_leaves_out_is_linear(self):
        assert ResponseCurve.from_json({"srgb": 1}) == SRGB


class TestBorders:
    def test_values_beyond_the_range_are_clipped(self):
        assert SRGB.linear(np.array([-0.5, 1.5])).tolist() == [0, 1]
        assert SRGB.codes(np.array([-0.5, 1.5])).tolist() == [0, 1]

    def test_the_darkest_levels_of_16_bits_come_back(self):
        levels = np.arange(1, 40) / 65535
        for curve in (SRGB, ResponseCurve(2.2), ResponseCurve(0.4, 0.8, 0.6, 0.2)):
            assert np.allclose(curve.codes(curve.linear(levels)) / levels, 1, rtol=1e-6)

    def test_float32_stays_float32(self):
        assert SRGB.linear(CODES.astype(np.float32)).dtype == np.float32
        assert SRGB.codes(CODES.astype(np.float32)).dtype == np.float32

    @pytest.mark.parametrize("parameters", [(0, 0, 0, 0), (-1, 0, 0, 0), (1, -1, 0, 0), (1, 0, -0.3, 0),
                                            (float("nan"), 0, 0, 0), (1, float("inf"), 0, 0)])  # fmt: skip
    def test_a_curve_that_does_not_rise_is_refused(self, parameters):
        with pytest.raises(InputError, match="a curve that rises"):
            ResponseCurve(*parameters)

    @pytest.mark.parametrize("content", [{"gamma": 2.2}, {"exponent": "2"}, {"exponent": True}])
    def test_json_of_something_else_is_refused(self, content):
        with pytest.raises(InputError, match="exponent, srgb, shoulder"):
            ResponseCurve.from_json(content)
