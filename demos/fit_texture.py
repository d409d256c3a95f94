"""Albedo texture of a known mesh under known light from eight photographs: `python demos/fit_texture.py [OUT]`.

The mesh is the cow in the folder that SHARPVISION_DATA names.
"""

import sys
from pathlib import Path

import sharpvision as sv
from sharpvision.bench.fit_scenes import texture_scene
from sharpvision.bench.fit_scoring import psnr_db

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
known = texture_scene()  # truth, a grey start, noisy photographs from all sides

film = sv.reconstruct.FitFilm(every=2)
solution = sv.reconstruct.fit_texture(known.start, known.photographs, "object", film=film)
print(solution.status, solution.message, f"({solution.seconds:.1f} s, {len(solution.history)} steps)")

true, seen = known.truth.shapes["object"].material.albedo_map.texels.detach(), solution.values["seen"] >= 0.5
print(f"{psnr_db(solution.values['texels'][seen], true[seen]):.1f} dB on the {seen.float().mean():.0%} of texels seen")
print(f"film: {film.write(out / 'fit_texture.webp')}")
