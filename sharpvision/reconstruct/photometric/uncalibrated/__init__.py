"""Photometric stereo under unknown light: directions and intensities of the lights are estimated with the surface."""
