"""What a renderer tells a material about the places it shades, and what a material answers: its lobes."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

UNIFORM_SHARE = 20 / 21
"""Cosine-weighted mean of 1 - (1 - c)^5 over the hemisphere."""


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """P places on a surface; None where the surface has none of a kind.

    `uv` (P, 2) texture coordinates, u right, v up from the lower left corner of the picture; `footprint` (P,) the side
    of the pixel as seen in them, which chooses the level of a mip-mapped texture; `color` (P, C) interpolated vertex
    colours, linear.
    """

    uv: Float[Tensor, "p 2"] | None = None
    footprint: Float[Tensor, " p"] | None = None
    color: Float[Tensor, "p c"] | None = None


@dataclass(frozen=True, eq=False)
class Lobes:
    """A diffuse part and at most one GGX lobe above it: `albedo` (P, C) diffuse, `f0` (P, C) reflectance of the lobe at
    normal incidence, `roughness` (P,) GGX's alpha. The P is left out where a value is the same everywhere; both or none
    of the last two. `matte` is False where there is no diffuse part; `albedo` is zero then.
    """

    albedo: Float[Tensor, "*#p c"]
    f0: Float[Tensor, "*#p c"] | None = None
    roughness: Float[Tensor, "*#p"] | None = None
    matte: bool = True

    def __post_init__(self) -> None:
        if (self.f0 is None) != (self.roughness is None):
            raise ValueError("f0 and roughness go together")

    def matte_albedo(self, cosine: Float[Tensor, "*#p"]) -> Float[Tensor, "*#p c"]:
        """Albedo of the diffuse part for light spread over the hemisphere, seen at n.wo = `cosine`.

        Under a lobe albedo (1 - f0) 20/21 (1 - (1 - n.wo)^5), else `albedo`: the mean of `lobes_brdf`'s diffuse part
        over uniform light. Its radiance under irradiance E is matte_albedo E / pi, which is exact where light is
        uniform.
        """
        if self.f0 is None:
            return self.albedo
        return self.albedo * (1 - self.f0) * (UNIFORM_SHARE * passed(cosine)[..., None])


def passed(cosine: Float[Tensor, "*p"]) -> Float[Tensor, "*p"]:
    """1 - (1 - c)^5: what Schlick's Fresnel term passes at an angle, over what it passes at normal incidence."""
    return 1 - (1 - cosine).clamp(0.0, 1.0) ** 5
