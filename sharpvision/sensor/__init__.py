"""Sensor: exposure, saturation, noise and quantisation (the sensor() of the equation)."""

from sharpvision.sensor.noise import SensorSettings, noise_variance, quantise, saturated
from sharpvision.sensor.response_curve import LINEAR, SRGB, ResponseCurve
from sharpvision.sensor.sensor import Photograph, Sensor, expose

__all__ = [
    "LINEAR", "SRGB", "Photograph", "ResponseCurve", "Sensor", "SensorSettings", "expose", "noise_variance", "quantise",
    "saturated",
]  # fmt: skip
