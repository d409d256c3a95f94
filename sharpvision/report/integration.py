"""Fills the output folder of an integration: result, depth, its picture, and the mesh."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from sharpvision.data.meshes import glb, ply
from sharpvision.geometry import HeightField, Mesh
from sharpvision.report.maps import coloured, png
from sharpvision.report.output_folder import RESULT, OutputFolder, written_to
from sharpvision.report.result import FRAME, as_json, result
from sharpvision.solvers import Solution

# a mesh with more vertices than this takes every second, third, .. pixel
MESH_VERTICES = 1_000_000


def write_integration(solution: Solution, folder: OutputFolder) -> dict[str, Any]:
    """Write into a reserved folder (not yet committed); returns what `result.json` holds.

    `maps.npz`: `depth` (H, W) float32 NaN outside, growing away from the camera, `mask`, `components` (H, W) int32,
    -1 outside, `frame` and `units` text. `depth.png` (near is bright), `mesh.glb` and `mesh.ply`.
    """
    depth, components = solution.values["depth"], solution.values["components"]
    perspective = solution.figures["depth_model"] == "perspective"
    unit = "the unknown mean distance of each component" if perspective else "px"
    units = {"depth": f"{unit}, growing away from the camera", "components": "label"}
    mesh, stride = _mesh(solution)
    record = {**result(solution), "units": units}
    record["input"] = {
        "height": depth.shape[0], "width": depth.shape[1], "mask_pixels": int((components >= 0).sum()),
    }  # fmt: skip
    if stride > 1:
        record["notes"].append(f"the mesh has a vertex for every pixel of every {stride}th row and column")
    with written_to(folder.out):
        np.savez_compressed(
            folder.path / "maps.npz",
            allow_pickle=False,
            depth=depth.numpy(),
            mask=(components >= 0).numpy(),
            components=components.numpy(),
            frame=np.array(FRAME),
            units=np.array(as_json(units)),
        )
        picture = coloured(-depth.numpy(), (components >= 0).numpy(), "viridis")
        (folder.path / "depth.png").write_bytes(png(picture))
        (folder.path / "mesh.glb").write_bytes(glb(mesh))
        (folder.path / "mesh.ply").write_bytes(ply(mesh))
        (folder.path / RESULT).write_text(as_json(record), encoding="utf-8")
    return record


def _mesh(solution: Solution) -> tuple[Mesh, int]:
    """The depth as a mesh with at most about `MESH_VERTICES` vertices, and the pixels between two of them.

    Between components there is no triangle; their distance from each other is unknown.
    """
    depth, components = solution.values["depth"], solution.values["components"]
    stride = max(1, math.ceil(math.sqrt(int((components >= 0).sum()) / MESH_VERTICES)))
    first = stride // 2
    focal, centre = solution.settings["focal_px"], solution.settings["principal_point"]
    height, width = depth.shape
    x, y = centre or (width / 2, height / 2)
    # pixel i of the coarse image has its centre at (first + stride i + 1/2) of the fine one
    shift = (first + 0.5) / stride - 0.5
    field = HeightField(
        depth[first::stride, first::stride] / (1 if focal else stride),
        focal_px=focal / stride if focal else None,
        principal_point=(x / stride - shift, y / stride - shift) if focal else None,
    )
    mesh = field.mesh()
    if not focal and stride > 1:
        offset = torch.tensor([shift, shift, 0.0])
        mesh = Mesh((mesh.vertices + offset) * stride, mesh.faces, mesh.vertex_normals)
    return mesh, stride
