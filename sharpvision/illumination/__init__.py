"""Lights: direction and irradiance at each point (the L_i of the equation)."""

from sharpvision.illumination.directional import Directional, directional_incidence
from sharpvision.illumination.light import LIGHTS, Incidence, Light
from sharpvision.illumination.point import Point, point_incidence

__all__ = ["LIGHTS", "Directional", "Incidence", "Light", "Point", "directional_incidence", "point_incidence"]
