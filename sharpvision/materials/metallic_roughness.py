"""The material of glTF 2.0 and of most tools: base colour, metalness, roughness."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from sharpvision.materials.lobes import lobes_brdf
from sharpvision.materials.maps import Map, as_map
from sharpvision.materials.material import MATERIALS, Material
from sharpvision.materials.surface import Lobes, SurfacePoints

DIELECTRIC_F0 = 0.04


@MATERIALS.register("metallic_roughness")
class MetallicRoughness(Material):
    """glTF's metallic-roughness material; each property a tensor (uniform) or a map, all in [0, 1].

    diffuse albedo = base (1 - metallic), f0 = 0.04 (1 - metallic) + base metallic, GGX's alpha = roughness^2 (at least
    1e-3), as in glTF 2.0, appendix B; combined by `lobes_brdf`, which keeps what glTF's (1 - F) means and is reciprocal
    and never brighter than its light, which glTF's is not. `base_color` (C,) or a map of C channels, `metallic` and
    `roughness` () or maps of one channel; `normal_map` a map of three: (n + 1) / 2 with n in the tangent frame, x along
    u, y along v, z out of the surface. Raises `ValueError` for values outside [0, 1].
    Gauge: where `metallic` is 1 the albedo says nothing, where the base is black `metallic` moves f0 alone.

    >>> import torch
    >>> gold = MetallicRoughness(torch.tensor([1.0, 0.75, 0.5]), torch.tensor(1.0), torch.tensor(0.5))
    >>> lobes = gold.lobes(SurfacePoints())
    >>> [round(v, 3) for v in (*lobes.albedo.tolist(), *lobes.f0.tolist(), lobes.roughness.item())]
    [0.0, 0.0, 0.0, 1.0, 0.75, 0.5, 0.25]
    """

    has_lobes = True

    def __init__(
        self,
        base_color: Float[Tensor, " c"] | Map,
        metallic: Float[Tensor, ""] | Map,
        roughness: Float[Tensor, ""] | Map,
        normal_map: Map | None = None,
    ) -> None:
        super().__init__()
        self.base_color, self.metallic, self.roughness = as_map(base_color), as_map(metallic), as_map(roughness)
        self.normal_map = normal_map

    def lobes(self, surface: SurfacePoints) -> Lobes:
        """Diffuse albedo, f0 and alpha at places of a surface."""
        base, metallic = self.base_color(surface), self.metallic(surface)
        f0 = DIELECTRIC_F0 * (1 - metallic) + base * metallic
        return Lobes(base * (1 - metallic), f0, self.roughness(surface)[..., 0] ** 2)

    def tangent_normal(self, surface: SurfacePoints) -> Float[Tensor, "*p 3"] | None:
        """Normals of the normal map in the tangent frame, not yet unit; None without a map."""
        return None if self.normal_map is None else 2 * self.normal_map(surface) - 1

    def forward(self, n: Tensor, wi: Tensor, wo: Tensor, surface: SurfacePoints | None = None) -> Tensor:
        """See `lobes_brdf`; `surface` is needed where a property is a texture or a vertex colour."""
        return lobes_brdf(n, wi, wo, self.lobes(SurfacePoints() if surface is None else surface))
