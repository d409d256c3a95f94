"""What a light with extent is: radiance from every direction; the registry of such lights."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.core.registry import Registry
from sharpvision.core.vectors import dot


class DistributedLight(nn.Module, ABC):
    """Light from all around, infinitely far, with its parameters as unconstrained state; world axes."""

    @abstractmethod
    def radiance(self, directions: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch c"]:
        """Radiance in W/m2/sr that arrives from unit directions."""

    @abstractmethod
    def irradiance(self, normals: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch c"]:
        """Integral of radiance times max(n.wi, 0) over the sphere, in W/m2, at unit normals."""

    @abstractmethod
    def blurred(
        self, directions: Float[Tensor, "*batch 3"], roughness: Float[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch c"]:
        """Radiance seen in a mirror along unit `directions` by a lobe of GGX's alpha `roughness`."""

    def specular(
        self,
        n: Float[Tensor, "*#batch 3"],
        wo: Float[Tensor, "*#batch 3"],
        f0: Float[Tensor, "*#batch c"],
        roughness: Float[Tensor, "*#batch"],
    ) -> Float[Tensor, "*batch c"]:
        """Radiance of one GGX lobe under this light: the light seen blurred in the mirror direction.

        L = (f0 A + B) L_blurred(2 (n.wo) n - wo), A and B the fit of the lobe's albedo by Karis 2014 (Physically based
        shading on mobile) over n.wo and sqrt(roughness). An approximation: the lobe is taken as round about the mirror
        direction. Zero where n.wo <= 0.
        """
        cosine = dot(n, wo)
        seen = cosine > 0
        cosine = torch.where(seen, cosine, 1.0)
        mirror = 2 * cosine[..., None] * n - wo
        gloss = roughness.sqrt()
        rx, ry = 1 - gloss, 0.0425 - 0.0275 * gloss
        a = torch.minimum(rx * rx, torch.exp2(-9.28 * cosine)) * rx + ry
        scale, offset = -1.04 * a + 1.04 - 0.572 * gloss, 1.04 * a - 0.04 + 0.022 * gloss
        albedo = (f0 * scale[..., None] + offset[..., None]).clamp(min=0)
        return torch.where(seen[..., None], albedo * self.blurred(mirror, roughness), 0.0)


DISTRIBUTED_LIGHTS = Registry[type[DistributedLight]]("distributed light")
