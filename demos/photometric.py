"""From photographs under known lights to normals and a report: `python demos/photometric.py [FOLDER] [OUT]`.

Without a folder it takes the example that travels with the package (path-traced, so its truth is known).
"""

import sys
from importlib import resources
from pathlib import Path

import sharpvision as sv

folder = sys.argv[1] if len(sys.argv) > 1 else str(resources.files("scenes") / "photometric" / "figurine")
out = Path(sys.argv[2] if len(sys.argv) > 2 else "out/photometric")

observations = sv.data.read_photometric(folder)  # validated, linear, lazy
solution = sv.reconstruct.photometric_stereo(observations, method="physics", seed=0)
print(solution.status, solution.message)

normals, inside = solution.values["normals"], observations.mask  # OpenCV frame: x right, y down, z forward
print(f"mean stated error {solution.std['normals'][inside].mean():.1f} degrees")
if observations.ground_truth is not None:
    print(f"mean true error {sv.geometry.mean_angular_error_deg(normals, observations.ground_truth):.1f} degrees")
print({part: f"{share:.1%}" for part, share in solution.explained.items()})

out.parent.mkdir(parents=True, exist_ok=True)
sv.report.write(solution, out, overwrite=True)  # result.json, maps, mesh, report.html
print(f"open {out / 'report.html'}")
