"""Energies on the unknowns: what is known of shapes and materials before the images are seen."""

from sharpvision.priors.energy import PRIORS, Energy

__all__ = ["PRIORS", "Energy"]
