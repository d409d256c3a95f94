"""Learned corrections of the physics: small, of one object, and zero at initialisation."""

from sharpvision.residuals.reflectance import ReflectanceResidual, reflectance_features

__all__ = ["ReflectanceResidual", "reflectance_features"]
