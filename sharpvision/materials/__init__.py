"""Reflectance: BRDFs as pure functions and modules (the f of the equation)."""

from sharpvision.materials.ggx import GGX, ggx_brdf, ggx_facets
from sharpvision.materials.lambert import Lambert, lambert_brdf
from sharpvision.materials.lobe_mixture import ROUGH_DIFFUSE_VARIANCE, LobeMixture, LobeWeights, lobe_mixture_brdf
from sharpvision.materials.lobes import lobes_brdf
from sharpvision.materials.maps import Map, Texture, Uniform, VertexColor
from sharpvision.materials.material import MATERIALS, Material
from sharpvision.materials.metallic_roughness import MetallicRoughness
from sharpvision.materials.oren_nayar import OrenNayar, oren_nayar_brdf
from sharpvision.materials.surface import Lobes, SurfacePoints

__all__ = [
    "GGX",
    "MATERIALS",
    "ROUGH_DIFFUSE_VARIANCE",
    "Lambert",
    "LobeMixture",
    "LobeWeights",
    "Lobes",
    "Map",
    "Material",
    "MetallicRoughness",
    "OrenNayar",
    "SurfacePoints",
    "Texture",
    "Uniform",
    "VertexColor",
    "ggx_brdf",
    "ggx_facets",
    "lambert_brdf",
    "lobe_mixture_brdf",
    "lobes_brdf",
    "oren_nayar_brdf",
]
