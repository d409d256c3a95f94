"""Twins of the kernels in torch and NumPy: slow, in float64, written from the equations and not from the kernels.

A twin leaves out what its kernel leaves out, of which the kernel's docstring tells: of silhouettes the lines where
surfaces pass through each other and the borders of shadows, of rasters and plans all derivatives, of texture look-ups
the derivative to `lod`. Where a twin leaves out more, or less, its own docstring says so. Those that torch
differentiates have second derivatives that are not meant: what is held constant for the first is not right for them.
"""
