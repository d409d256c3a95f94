"""Reflectance: BRDFs as pure functions and modules (the f of the equation)."""

from sharpvision.materials.ggx import GGX, ggx_brdf, ggx_facets
from sharpvision.materials.lambert import Lambert, lambert_brdf
from sharpvision.materials.lobe_mixture import ROUGH_DIFFUSE_VARIANCE, LobeMixture, LobeWeights, lobe_mixture_brdf
from sharpvision.materials.material import MATERIALS, Material
from sharpvision.materials.oren_nayar import OrenNayar, oren_nayar_brdf

__all__ = [
    "GGX",
    "MATERIALS",
    "ROUGH_DIFFUSE_VARIANCE",
    "Lambert",
    "LobeMixture",
    "LobeWeights",
    "Material",
    "OrenNayar",
    "ggx_brdf",
    "ggx_facets",
    "lambert_brdf",
    "lobe_mixture_brdf",
    "oren_nayar_brdf",
]
