"""A fit step, and a plain rasterisation, by PyTorch3D on a CPU: `PYTHON pytorch3d_fit.py REQUEST.npz ANSWER.npz`.

REQUEST: see `deodr_fit`, and PyTorch3D's own `R`, `T`, `focal_length`, `principal_point` in screen space. A step:
vertex normals, rasteriser (one face a pixel), order-2 spherical harmonics at the interpolated normals, L2, gradient to
all vertices; without silhouette gradients, which would want many faces a pixel. ANSWER: `seconds` of each step,
`raster_seconds` of each rasterisation, `threads`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np


def steps(request: Any) -> dict[str, Any]:
    """The arrays of the answer."""
    import torch
    from pytorch3d.ops import interpolate_face_attributes
    from pytorch3d.renderer import MeshRasterizer, PerspectiveCameras, RasterizationSettings
    from pytorch3d.structures import Meshes

    size = tuple(int(v) for v in request["size"])
    names = ("R", "T", "focal_length", "principal_point")
    camera = {name: torch.from_numpy(request[name]).float() for name in names}
    cameras = PerspectiveCameras(**camera, in_ndc=False, image_size=torch.tensor([size]))
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(image_size=size, bin_size=0))
    faces = torch.from_numpy(request["faces"].astype(np.int64))
    start = torch.from_numpy(request["vertices"]).float()
    form, target = torch.randn(4, 4, 3) * 0.1, torch.from_numpy(request["target"]).float()
    seconds, raster_seconds = [], []
    for _ in range(int(request["repeats"])):
        started = time.perf_counter()
        with torch.no_grad():
            rasterizer(Meshes([start], [faces]))
        raster_seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        vertices = start.clone().requires_grad_()
        mesh = Meshes([vertices], [faces])
        fragments = rasterizer(mesh)
        corners = mesh.verts_normals_packed()[mesh.faces_packed()]
        normal = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)[0, :, :, 0]
        unit = torch.cat([torch.nn.functional.normalize(normal, dim=-1), torch.ones_like(normal[..., :1])], -1)
        image = torch.einsum("hwi,ijc,hwj->hwc", unit, form, unit)
        image = torch.where((fragments.pix_to_face[0, :, :, :1] >= 0), image, 0.0)
        (image - target).square().sum().backward()
        seconds.append(time.perf_counter() - started)
    assert vertices.grad is not None
    assert bool(vertices.grad.isfinite().all())
    return {
        "seconds": np.array(seconds), "raster_seconds": np.array(raster_seconds), "threads": torch.get_num_threads(),
    }  # fmt: skip


if __name__ == "__main__":
    with np.load(sys.argv[1]) as given:
        np.savez(sys.argv[2], **steps({name: given[name] for name in given.files}))
