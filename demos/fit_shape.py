"""A bunny out of a sphere, from four photographs under known light: `python demos/fit_shape.py [OUT]`.

The truth is the bunny in the folder that SHARPVISION_DATA names.
"""

import sys
from pathlib import Path

import trimesh

import sharpvision as sv
from sharpvision.bench.fit_scenes import shape_scene

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
known = shape_scene()  # truth, a sphere to start from, four noisy photographs

film = sv.reconstruct.FitFilm(every=4)
solution = sv.reconstruct.fit_shape(known.start, known.photographs, "object", film=film)
print(solution.status, solution.message, f"({solution.seconds:.1f} s, {len(solution.history)} steps)")

found = sv.geometry.Mesh(solution.values["vertices"], solution.values["faces"])
true = known.truth.shapes["object"].mesh()
diagonal = (true.vertices.amax(0) - true.vertices.amin(0)).norm()
print(f"{sv.geometry.surface_distance(found, true).mean / diagonal:.2%} of the diagonal from the true surface")
print(f"{sv.geometry.intersecting_faces(found.vertices, found.faces)} of {len(found.faces)} faces intersect others")
print(f"film: {film.write(out / 'fit_shape.webp')}")
trimesh.Trimesh(found.vertices.numpy(), found.faces.numpy()).export(out / "fit_shape.ply")
