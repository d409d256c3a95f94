"""Lights: direction and irradiance at each point, or radiance from all around (the L_i of the equation)."""

from sharpvision.illumination.ambient import Ambient
from sharpvision.illumination.directional import Directional, directional_incidence
from sharpvision.illumination.distributed import DISTRIBUTED_LIGHTS, DistributedLight
from sharpvision.illumination.led import Led, led_incidence
from sharpvision.illumination.light import LIGHTS, Incidence, Light
from sharpvision.illumination.point import Point, point_incidence
from sharpvision.illumination.spherical_harmonics import COSINE_LOBE, SphericalHarmonics, sh_basis, sh_project

__all__ = [
    "COSINE_LOBE",
    "DISTRIBUTED_LIGHTS",
    "LIGHTS",
    "Ambient",
    "Directional",
    "DistributedLight",
    "Incidence",
    "Led",
    "Light",
    "Point",
    "SphericalHarmonics",
    "directional_incidence",
    "led_incidence",
    "point_incidence",
    "sh_basis",
    "sh_project",
]
