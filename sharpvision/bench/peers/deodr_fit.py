"""A fit step by DEODR: `PYTHON deodr_fit.py REQUEST.npz ANSWER.npz`.

REQUEST: `vertices` (V, 3), `faces` (F, 3), `extrinsic` (3, 4) world to camera, `k` (3, 3) with pixel centres at integer
+ 0.5, `size` (height, width), `target` (H, W, 3), `repeats`. A step: vertex normals, a directional and an ambient light
at the vertices, rendering with silhouettes (sigma 1), L2 to the target, gradient to all vertices; float64, one thread.
ANSWER: `seconds` of each step, `threads`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np


def steps(request: Any) -> dict[str, Any]:
    """The arrays of the answer."""
    from deodr.differentiable_renderer import Camera, Scene3D
    from deodr.triangulated_mesh import ColoredTriMesh

    height, width = (int(v) for v in request["size"])
    faces, vertices = request["faces"].astype(np.uint32), request["vertices"].astype(np.float64)
    mesh = ColoredTriMesh(faces, vertices, clockwise=False, colors=np.full(vertices.shape, 0.7))
    camera = Camera(request["extrinsic"], request["k"], width, height, None, None)
    scene = Scene3D(sigma=1, integer_pixel_centers=False)
    scene.set_mesh(mesh)
    scene.set_light(np.array([0.0, -0.3, -0.6]), 0.3)
    scene.set_background_color([0.0, 0.0, 0.0])
    seconds = []
    for _ in range(int(request["repeats"])):
        started = time.perf_counter()
        mesh.set_vertices(vertices)
        image = scene.render(camera)
        scene.clear_gradients()
        mesh._vertices_b = np.zeros_like(vertices)
        scene.render_backward(2 * (image - request["target"]))
        seconds.append(time.perf_counter() - started)
    assert np.abs(mesh._vertices_b).sum() > 0
    return {"seconds": np.array(seconds), "threads": 1, "covered": float((image.max(-1) > 0).mean())}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as given:
        np.savez(sys.argv[2], **steps({name: given[name] for name in given.files}))
