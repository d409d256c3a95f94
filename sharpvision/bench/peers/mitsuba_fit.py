"""A fit step by Mitsuba 3: `PYTHON mitsuba_fit.py REQUEST.npz ANSWER.npz`.

REQUEST: see `deodr_fit`, and `integrator` (`direct` or `direct_projective`), `fov_deg`, `eye`. A step: 4 samples a
pixel of a matte mesh under a constant and a directional light, L2 to the target, gradient to all vertices with vertex
normals recomputed; LLVM, all of its threads (DRJIT_LIBLLVM_PATH must name an LLVM that knows this processor: 16 failed
on a recent EPYC, 19 works). ANSWER: `seconds` of each step, `threads`, `variant`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np


def steps(request: Any) -> dict[str, Any]:
    """The arrays of the answer."""
    import drjit as dr
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    height, width = (int(v) for v in request["size"])
    mesh = mi.Mesh("mesh", len(request["vertices"]), len(request["faces"]), has_vertex_normals=True)
    held = mi.traverse(mesh)
    held["vertex_positions"] = request["vertices"].astype(np.float32).ravel()
    held["faces"] = request["faces"].astype(np.uint32).ravel()
    held.update()
    mesh.recompute_vertex_normals()
    look = mi.ScalarTransform4f().look_at(
        origin=[float(v) for v in request["eye"]], target=[0.0, 0.0, 0.0], up=[0.0, 1.0, 0.0]
    )
    written = "mesh.ply" if len(sys.argv) < 3 else sys.argv[2] + ".ply"
    mesh.write_ply(written)
    integrator: dict[str, Any] = {"type": str(request["integrator"])}
    if integrator["type"] == "direct_projective":
        integrator["sppi"] = 0  # there are no indirect silhouettes here, and its own advice is not to look for them
    scene = mi.load_dict({
        "type": "scene",
        "integrator": integrator,
        "sensor": {
            "type": "perspective", "fov": float(request["fov_deg"]), "to_world": look,
            "film": {"type": "hdrfilm", "width": width, "height": height, "rfilter": {"type": "box"}},
            "sampler": {"type": "independent", "sample_count": 4},
        },
        "sky": {"type": "constant", "radiance": {"type": "rgb", "value": 0.5}},
        "sun": {"type": "directional", "direction": [0.0, -0.3, -1.0], "irradiance": {"type": "rgb", "value": 1.0}},
        "shape": {
            "type": "ply", "filename": written,
            "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.7}},
        },
    })  # fmt: skip
    parameters = mi.traverse(scene)
    key = next(name for name in parameters.keys() if name.endswith("vertex_positions"))  # noqa: SIM118
    target, start = mi.TensorXf(request["target"].astype(np.float32)), dr.copy(parameters[key])
    seconds = []
    for seed in range(int(request["repeats"])):
        started = time.perf_counter()
        moved = type(start)(start)
        dr.enable_grad(moved)
        parameters[key] = moved
        parameters.update()
        image = mi.render(scene, parameters, spp=4, seed=mi.UInt32(seed))
        loss = dr.sum(dr.square(image - target), axis=None)
        dr.backward(loss)
        gradient = dr.grad(moved).numpy()
        seconds.append(time.perf_counter() - started)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).sum() > 0
    return {"seconds": np.array(seconds), "threads": dr.thread_count(), "variant": mi.variant()}


if __name__ == "__main__":
    with np.load(sys.argv[1]) as given:
        np.savez(sys.argv[2], **steps({name: given[name] for name in given.files}))
