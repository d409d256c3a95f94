"""What a material is: a BRDF with its parameters; the registry of materials; when a pair of directions counts."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sharpvision.core.registry import Registry
from sharpvision.core.vectors import dot
from sharpvision.materials.surface import Lobes, SurfacePoints


class Material(nn.Module, ABC):
    """A BRDF f(n, wi, wo) in 1/sr that carries its 1/pi, with its parameters as unconstrained state.

    Reciprocal, non-negative, and its integral of f (n.wi) over the hemisphere is at most 1 for every state it can have.
    `has_lobes`: it is a diffuse part and at most one GGX lobe, so that a light with extent can shade it in closed form.
    """

    has_lobes: bool = False

    @abstractmethod
    def forward(
        self, n: Float[Tensor, "*#batch 3"], wi: Float[Tensor, "*#batch 3"], wo: Float[Tensor, "*#batch 3"]
    ) -> Float[Tensor, "*#batch c"]:
        """BRDF at unit normals `n` for unit directions from the surface to the light, `wi`, and to the viewer, `wo`."""

    def lobes(self, surface: SurfacePoints) -> Lobes:
        """Its diffuse part and GGX lobe at places of a surface; `TypeError` where `has_lobes` is false."""
        kind = type(self).__name__
        raise TypeError(f"{kind} is not a diffuse part and a GGX lobe; use Lambert, GGX or MetallicRoughness")

    def tangent_normal(self, surface: SurfacePoints) -> Float[Tensor, "*p 3"] | None:
        """Normals of a normal map in the tangent frame (x along u, y along v, z out of the surface); None: no map."""
        return None


MATERIALS = Registry[type[Material]]("material")


def facing_cosines(
    n: Float[Tensor, "*#batch 3"], wi: Float[Tensor, "*#batch 3"], wo: Float[Tensor, "*#batch 3"]
) -> tuple[Float[Tensor, "*#batch"], Float[Tensor, "*#batch"], Bool[Tensor, "*#batch"]]:
    """n.wi, n.wo and where both are positive; elsewhere both cosines are 1.

    A caller evaluates its formula with these cosines and sets the result to zero where the third value is false: values
    and gradients are then finite at grazing light and at zero normals, where the BRDF and its gradient are defined as
    zero.
    """
    cos_i, cos_o = torch.broadcast_tensors(dot(n, wi), dot(n, wo))
    facing = (cos_i > 0) & (cos_o > 0)
    return torch.where(facing, cos_i, 1.0), torch.where(facing, cos_o, 1.0), facing
