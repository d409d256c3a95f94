"""Writers of triangle meshes: GLB (glTF 2.0) and PLY, in the frame of files."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh

from sharpvision.core.frames import opengl_from_opencv
from sharpvision.core.srgb import srgb_from_linear
from sharpvision.geometry import Mesh


def glb(mesh: Mesh) -> bytes:
    """Binary glTF 2.0 of a mesh: x right, y up, z to the viewer, in the mesh's unit; colours linear, as glTF has them.

    The material is a dull dielectric, because glTF's default is a metal, which viewers show black.

    >>> import torch
    >>> glb(Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])))[:4]
    b'glTF'
    """
    exported = _in_files_frame(mesh, srgb=False).export(
        file_type="glb", include_normals=mesh.vertex_normals is not None, tree_postprocessor=_dull
    )
    assert isinstance(exported, bytes)
    return exported


def ply(mesh: Mesh) -> bytes:
    """Binary PLY of a mesh: x right, y up, z to the viewer, in the mesh's unit; colours in sRGB.

    >>> import torch
    >>> ply(Mesh(torch.eye(3), torch.tensor([[0, 1, 2]])))[:3]
    b'ply'
    """
    exported = _in_files_frame(mesh, srgb=True).export(
        file_type="ply", vertex_normal=mesh.vertex_normals is not None
    )
    assert isinstance(exported, bytes)
    return exported


def _in_files_frame(mesh: Mesh, srgb: bool) -> trimesh.Trimesh:
    normals, colours = mesh.vertex_normals, mesh.vertex_colors
    if colours is not None:
        linear = np.clip(np.nan_to_num(colours.detach().cpu().numpy()), 0.0, 1.0)
        colours = np.rint(255 * (srgb_from_linear(linear) if srgb else linear)).astype(np.uint8)
    return trimesh.Trimesh(
        vertices=opengl_from_opencv(mesh.vertices.detach().cpu()).numpy(),
        faces=mesh.faces.cpu().numpy(),  # a rotation keeps the order of corners
        vertex_normals=None if normals is None else opengl_from_opencv(normals.detach().cpu()).numpy(),
        vertex_colors=colours,
        process=False,  # keeps vertices and their order
    )


def _dull(tree: dict[str, Any]) -> None:
    tree["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.9}, "doubleSided": True}]
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            primitive["material"] = 0
