"""Pose, light, texture and shape of a cow, all at once, from six photographs: `python demos/fit_joint.py [OUT]`.

The truth is the cow in the folder that SHARPVISION_DATA names; the fit starts from a smoothed-out, grey one, turned and
shifted, under even light.
"""

import sys
from pathlib import Path

import sharpvision as sv
from sharpvision.bench.fit_scenes import around, joint_scene, photographs_of
from sharpvision.bench.fit_scoring import psnr_db

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
known = joint_scene()
unknown = ["pose.rotation", "pose.translation", "vertices", "material.albedo_map.texels_raw"]

film = sv.reconstruct.FitFilm(every=4)
solution = sv.reconstruct.fit_scene(
    known.start, known.photographs, "sky.coefficients", *(f"object.{name}" for name in unknown), film=film
)
print(solution.status, solution.message, f"({solution.seconds:.1f} s, {len(solution.history)} steps)")

known.start.load_state_dict(known.start.state_dict() | solution.values)
hidden = around(1, 128, elevation_deg=45.0)  # a view that no photograph shows
predicted, true = (photographs_of(scene, hidden).images for scene in (known.start, known.truth))
print(f"a view not seen is predicted to {psnr_db(predicted, true):.1f} dB")
print(f"film: {film.write(out / 'fit_joint.webp')}")
