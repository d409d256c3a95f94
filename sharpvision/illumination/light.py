"""What a light is: a direction and an irradiance at each point; the registry of lights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.registry import Registry


class Incidence(NamedTuple):
    """Light that arrives at points from one direction each.

    `direction` (*batch, 3) unit, from the surface to the light (wi); `irradiance` (*batch, C) in W/m2 on a surface that
    faces the light. The radiance reflected is f(wi, wo) * irradiance * max(n.wi, 0): L_i is a delta at wi.
    """

    direction: Float[Tensor, "*batch 3"]
    irradiance: Float[Tensor, "*batch c"]


class Light(nn.Module, ABC):
    """A light without extent, with its parameters as unconstrained state."""

    @abstractmethod
    def forward(self, points: Float[Tensor, "*#batch 3"]) -> Incidence:
        """Light that arrives at points in the camera frame, were nothing in its way."""


LIGHTS = Registry[type[Light]]("light")
