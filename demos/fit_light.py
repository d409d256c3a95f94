"""Spherical harmonics light on a known mesh from one photograph: `python demos/fit_light.py [OUT]`.

The mesh is the bunny in the folder that SHARPVISION_DATA names.
"""

import sys
from pathlib import Path

import sharpvision as sv
from sharpvision.bench.fit_scenes import light_scene

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
known = light_scene()  # truth, a start under dim and even light, a noisy photograph

film = sv.reconstruct.FitFilm(every=1)
solution = sv.reconstruct.fit_light(known.start, known.photographs, "sky", film=film)
print(solution.status, solution.message, f"({solution.seconds:.1f} s, {len(solution.history)} steps)")

true, found = known.truth.lights["sky"].coefficients.detach(), solution.values["coefficients"]
print(f"error of the nine coefficients: {(found - true).norm() / true.norm():.2%}")
print(f"stated: {solution.std['coefficients'].norm() / found.norm():.2%}")
print(f"film: {film.write(out / 'fit_light.webp', fps=4)}")
