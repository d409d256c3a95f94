"""Face ids by PyTorch3D's own cameras and rasteriser: `PYTHON pytorch3d_raster.py REQUEST.npz ANSWER.npz`.

REQUEST: `vertices` (V, 3), `faces` (F, 3), and for C cameras the arguments of `PerspectiveCameras` in screen space:
`R`, `T`, `focal_length`, `principal_point`; `size` (height, width) and `near`. ANSWER: `face` (C, H, W) int64, -1 where
none, `seconds` of all cameras, `threads`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np


def faces_seen(request: Any) -> dict[str, Any]:
    """The arrays of the answer."""
    import torch
    from pytorch3d.renderer import MeshRasterizer, PerspectiveCameras, RasterizationSettings
    from pytorch3d.structures import Meshes

    size = tuple(int(v) for v in request["size"])
    settings = RasterizationSettings(image_size=size, bin_size=0, z_clip_value=float(request["near"]))
    mesh = Meshes([torch.from_numpy(request["vertices"]).float()], [torch.from_numpy(request["faces"]).long()])
    names = ("R", "T", "focal_length", "principal_point")
    cameras = {name: torch.from_numpy(request[name]).float() for name in names}
    found = []
    started = time.perf_counter()
    for index in range(len(cameras["R"])):
        one = {name: values[index : index + 1] for name, values in cameras.items()}
        rasterizer = MeshRasterizer(PerspectiveCameras(**one, in_ndc=False, image_size=torch.tensor([size])), settings)
        found.append(rasterizer(mesh).pix_to_face[0, ..., 0].numpy())
    seconds = time.perf_counter() - started
    return {"face": np.stack(found), "seconds": seconds, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as request:
        np.savez(sys.argv[2], **faces_seen(request))
