"""The solvers of photometric stereo and their parts, each in a file of its own."""
