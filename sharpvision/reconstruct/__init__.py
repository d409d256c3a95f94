"""Tasks: one file a task."""

from sharpvision.reconstruct.integration import IntegrationSettings, integrate_normals
from sharpvision.reconstruct.photometric_stereo import photometric_stereo

__all__ = ["IntegrationSettings", "integrate_normals", "photometric_stereo"]
