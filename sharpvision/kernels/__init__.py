"""What must be fast: Warp kernels behind NumPy functions, each with a slow twin in `reference/`."""
