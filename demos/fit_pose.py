"""Pose of a known mesh from one photograph, from 20 degrees and 10 % off: `python demos/fit_pose.py [OUT]`.

The mesh `assembly` is made here; others (bunny_5k, spot, ..) come from the folder that SHARPVISION_DATA names.
"""

import sys
from pathlib import Path

import torch

import sharpvision as sv
from sharpvision.bench.fit_scenes import pose_scene
from sharpvision.bench.fit_scoring import pose_error

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
known = pose_scene("assembly", 128, torch.Generator().manual_seed(0))  # truth, a wrong start, a noisy photograph

film = sv.reconstruct.FitFilm(every=1)
solution = sv.reconstruct.fit_pose(known.start, known.photographs, "object", film=film)
print(solution.status, solution.message, f"({solution.seconds:.1f} s, {len(solution.history)} steps)")

degrees, percent = pose_error(known, solution)
print(f"off by {degrees:.3f} degrees and {percent:.3f} % of the distance")
print(f"stated: {solution.std['turn'].norm().rad2deg():.3f} degrees; unexplained {solution.figures['unexplained']:.2%}")
print(f"film: {film.write(out / 'fit_pose.webp')}")
