"""Twins of the kernels in torch and NumPy: slow, in float64, written from the equations and not from the kernels."""
