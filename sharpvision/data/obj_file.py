"""Wavefront OBJ with its separate indices of places, texture coordinates and normals.

Read here because trimesh makes one index of the three: spot's 3225 texture coordinates become 2930, and seams are lost.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpvision.core.errors import InputError
from sharpvision.data.mesh_content import MeshContent


def parse_obj(path: Path, data: bytes) -> MeshContent:
    """`v` (with colours, linear), `vt`, `vn` and `f`; polygons become fans, negative indices count back.

    Of normals only their sharing is kept: corners at one place with one normal. Materials, groups, lines and curves are
    left out. Raises `InputError` with the line for numbers or indices that are wrong.
    """
    places: list[list[float]] = []
    colours: list[list[float]] = []
    coordinates: list[list[float]] = []
    normals = 0
    faces: list[tuple[int, int, int]] = []
    uv_faces: list[tuple[int, int, int]] = []
    normal_faces: list[tuple[int, int, int]] = []
    for number, line in enumerate(data.replace(b"\\\n", b" ").replace(b"\\\r\n", b" ").splitlines(), 1):
        words = line.split(b"#", 1)[0].split()
        if not words:
            continue
        try:
            if words[0] == b"v":
                values = [float(w) for w in words[1:]]
                if len(values) < 3:
                    raise ValueError("three coordinates")
                places.append(values[:3])
                if len(values) >= 6:
                    colours.append(values[3:6])
            elif words[0] == b"vt":
                values = [float(w) for w in words[1:3]]
                coordinates.append([*values, 0.0][:2] if values else [0.0, 0.0])
            elif words[0] == b"vn":
                normals += 1
            elif words[0] == b"f":
                corners = [_corner(w, (len(places), len(coordinates), normals)) for w in words[1:]]
                if len(corners) < 3:
                    raise ValueError("three corners")
                for k in range(1, len(corners) - 1):
                    a, b, c = corners[0], corners[k], corners[k + 1]
                    faces.append((a[0], b[0], c[0]))
                    uv_faces.append((a[1], b[1], c[1]))
                    normal_faces.append((a[2], b[2], c[2]))
            elif not words[0].isalnum() or len(words[0]) > 40:
                raise ValueError("a statement of OBJ")
        except ValueError as error:
            found = line[:60].decode("ascii", "replace")
            raise InputError(f"{path}:{number}", f"OBJ ({error})", repr(found), "export the mesh again") from error
    whole = all(min(corner) >= 0 for corner in uv_faces) and bool(uv_faces)
    shared = all(min(corner) >= 0 for corner in normal_faces) and bool(normal_faces)
    return MeshContent(
        vertices=_array(places, 3),
        faces=np.asarray(faces, np.int64).reshape(-1, 3),
        colours=_array(colours, 3) if colours and len(colours) == len(places) else None,
        uv=_array(coordinates, 2) if whole else None,
        uv_faces=np.asarray(uv_faces, np.int64) if whole else None,
        normal_faces=np.asarray(normal_faces, np.int64) if shared else None,
    )


def _corner(word: bytes, counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """Indices from zero of place, texture coordinate and normal; -1 where there is none."""
    parts = word.split(b"/")
    found = [-1, -1, -1]
    for k, part in enumerate(parts[:3]):
        if not part:
            if k == 0:
                raise ValueError("an index")
            continue
        index = int(part)
        found[k] = index - 1 if index > 0 else counts[k] + index
        if not 0 <= found[k] < counts[k] or index == 0:
            raise ValueError(f"an index of {counts[k]}")
    return found[0], found[1], found[2]


def _array(rows: list[list[float]], width: int) -> NDArray[np.float32]:
    return np.asarray(rows, np.float32).reshape(-1, width)
