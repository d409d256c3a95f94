"""Reads triangle meshes: OBJ, PLY, STL and GLB."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import linear_from_srgb
from sharpvision.data.files import read_bytes
from sharpvision.data.mesh_content import MeshContent
from sharpvision.data.obj_file import parse_obj
from sharpvision.geometry import Mesh

SUFFIXES = (".obj", ".ply", ".stl", ".glb")
EXPECTED = "a mesh (OBJ, PLY, STL or GLB)"


@dataclass(frozen=True, eq=False)
class MeshFile:
    """A mesh as read, and what there is to say about it."""

    mesh: Mesh
    notes: tuple[str, ...] = ()


def read_mesh(path: str | Path) -> MeshFile:
    """Reads a mesh, its frame, unit and winding as they are in the file; the suffix says its format.

    Polygons become triangles. Separate indices of places, texture coordinates and normals stay separate, and vertices
    that a format splits at seams (GLB, STL) become one again, so that closed meshes are closed. Of normals only what
    corners share is kept (`Mesh.normal_faces`); materials and pictures are left out. Colours become linear: PLY's are
    sRGB, those of GLB and OBJ linear. A closed mesh that is inside out is kept, and said so in `notes`. Raises
    `InputError` for what is missing, damaged, empty, or has coordinates that are not finite.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(path, EXPECTED, f"the suffix {path.suffix!r}", "convert it with Blender or trimesh")
    data = read_bytes(path, EXPECTED)
    content = parse_obj(path, data) if suffix == ".obj" else _by_trimesh(path, data, suffix[1:])
    return MeshFile(_checked(path, content), tuple(_notes(content)))


def _checked(path: Path, content: MeshContent) -> Mesh:
    if not len(content.vertices) or not len(content.faces):
        found = f"{len(content.vertices)} vertices and {len(content.faces)} faces"
        raise InputError(path, "a mesh with faces", found, "export the mesh again, with its faces")
    for name, values in (("coordinates", content.vertices), ("texture coordinates", content.uv),
                         ("colours", content.colours)):  # fmt: skip
        if values is not None and not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).any(-1).sum())
            raise InputError(path, f"finite {name}", f"{bad} vertices with NaN or infinity", "clean the mesh")
    for faces, count in ((content.faces, len(content.vertices)), (content.uv_faces, _length(content.uv))):
        if faces is not None and not 0 <= int(faces.min()) <= int(faces.max()) < count:
            raise InputError(path, f"indices of {count} vertices", f"{faces.min()} to {faces.max()}", "export it again")
    groups = content.normal_faces
    if groups is not None:
        pairs = content.faces.reshape(-1) * (int(groups.max()) + 1) + groups.reshape(-1)
        _, groups = np.unique(pairs, return_inverse=True)
    return Mesh(
        _floats(content.vertices), _indices(content.faces),
        vertex_colors=None if content.colours is None else _floats(content.colours),
        uv=None if content.uv is None else _floats(content.uv),
        uv_faces=None if content.uv_faces is None else _indices(content.uv_faces),
        normal_faces=None if groups is None else _indices(groups.reshape(-1, 3)),
    )  # fmt: skip


def _notes(content: MeshContent) -> list[str]:
    """What a user may want to know: a closed mesh that is inside out."""
    a, b, c = (content.vertices[content.faces[:, k]].astype(np.float64) for k in range(3))
    f = content.faces
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    count = int(f.max()) + 1
    ahead, back = np.sort(edges[:, 0] * count + edges[:, 1]), np.sort(edges[:, 1] * count + edges[:, 0])
    closed = np.array_equal(ahead, back)
    volume = float((a * np.cross(b, c)).sum()) / 6
    return ["the mesh is inside out (its faces are clockwise as seen from outside)"] if closed and volume < 0 else []


def _by_trimesh(path: Path, data: bytes, kind: str) -> MeshContent:
    import trimesh

    try:
        # No resolver: a file that names other files gets none of them.
        loaded = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False, resolver=None)
        parts = [g for g in loaded.dump() if isinstance(g, trimesh.Trimesh) and len(g.faces)]
        contents = [_content(part, kind) for part in parts]
    except Exception as error:  # its parsers raise whatever the damage leads to
        raise InputError(path, EXPECTED, f"a {kind.upper()} that does not parse ({_first_line(error)})",
                         "export the mesh again") from error  # fmt: skip
    if not contents:
        return MeshContent(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64))
    whole = _joined(contents)
    return whole if kind == "ply" else whole.merged()


def _content(part: Any, kind: str) -> MeshContent:
    faces = np.asarray(part.faces, np.int64)
    uv = getattr(part.visual, "uv", None)
    colours = None
    if part.visual.kind == "vertex":
        coded = np.asarray(part.visual.vertex_colors)[:, :3].astype(np.float32) / np.float32(255)
        colours = linear_from_srgb(coded) if kind == "ply" else coded
    split = kind == "glb" and "vertex_normals" in part._cache
    return MeshContent(
        np.asarray(part.vertices, np.float32), faces, colours,
        None if uv is None else np.asarray(uv, np.float32)[:, :2], None if uv is None else faces,
        faces if split else None,
    )  # fmt: skip


def _joined(parts: list[MeshContent]) -> MeshContent:
    """One mesh of several; what not all have is left out."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(p.vertices) for p in parts)])[:-1]
    textured = all(p.uv is not None for p in parts)
    grouped = all(p.normal_faces is not None for p in parts)
    coloured = all(p.colours is not None for p in parts)
    faces = np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)])
    return MeshContent(
        np.concatenate([p.vertices for p in parts]), faces,
        np.concatenate([p.colours for p in parts if p.colours is not None]) if coloured else None,
        np.concatenate([p.uv for p in parts if p.uv is not None]) if textured else None,
        faces if textured else None, faces if grouped else None,
    )  # fmt: skip


def _length(values: NDArray[Any] | None) -> int:
    return 0 if values is None else len(values)


def _floats(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _indices(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.int64))


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
