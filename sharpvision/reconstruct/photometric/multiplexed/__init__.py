"""Colour-multiplexed photometric stereo: one photograph under three coloured lights, lit at the same time."""
