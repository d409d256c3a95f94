"""Energies on the unknowns: what is known of shapes and materials before the images are seen."""

from sharpvision.priors.energy import PRIORS, Energy
from sharpvision.priors.integrability import Integrability, curl, integrability_energy, slopes
from sharpvision.priors.smoothness import HuberSmoothness, TotalVariation, huber_smoothness, total_variation

__all__ = [
    "PRIORS", "Energy", "HuberSmoothness", "Integrability", "TotalVariation", "curl", "huber_smoothness",
    "integrability_energy", "slopes", "total_variation",
]  # fmt: skip
