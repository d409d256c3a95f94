"""The surface as a small triangle mesh for the page: sampled from the depth map, quantised, in base64."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpvision.report.page_pictures import srgb
from sharpvision.report.page_relight import Packed
from sharpvision.report.page_subject import Subject

MAX_TRIANGLES = 60_000
STEEPER, SLACK = 2.0, 4.0  # an edge joins two surfaces where |dz| > STEEPER |dz of the normals| + SLACK |dxy|


@dataclass(frozen=True)
class Camera:
    """How depth becomes points: orthographic where `focal_px` is None; `principal_point` in pixels of the crop."""

    focal_px: float | None = None
    principal_point: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class PageMesh:
    """Vertices (V, 3) x right, y up, z to the viewer; unit normals (V, 3); sRGB colours (V, 3); triangles (F, 3)."""

    vertices: np.ndarray
    normals: np.ndarray
    colours: np.ndarray
    faces: np.ndarray


def surface_mesh(subject: Subject, camera: Camera, max_triangles: int = MAX_TRIANGLES) -> PageMesh | None:
    """The depth map as a mesh of at most `max_triangles`, cut where it jumps; None without depth or any triangle.

    Vertices are measured pixels, not averages, so that a jump in depth stays sharp; only the rim, a staircase of
    pixels, is evened along its length.
    """
    if subject.depth is None:
        return None
    known = subject.mask & np.isfinite(subject.depth)
    keep = min(1.0, math.sqrt(max_triangles / max(1, 2 * int(known.sum()))))
    rows, columns = (_spread(size, keep) for size in known.shape)
    inside, depth = known[np.ix_(rows, columns)], subject.depth[np.ix_(rows, columns)].astype(np.float64)
    points = _points(depth, rows, columns, camera)
    index = np.full(inside.shape, -1, dtype=np.int64)
    index[inside] = np.arange(int(inside.sum()))
    corners = np.stack([index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]], -1)
    faces = np.concatenate([corners[..., [0, 1, 2]].reshape(-1, 3), corners[..., [2, 1, 3]].reshape(-1, 3)])
    faces = faces[(faces >= 0).all(1)]
    vertices = points[inside]
    tilt = subject.normals[np.ix_(rows, columns)][inside]
    faces = faces[_on_one_surface(vertices, tilt, faces)][:max_triangles]
    if faces.size == 0:
        return None
    vertices = _even_rim(vertices, faces)
    used = np.unique(faces)
    renumber = np.full(len(vertices), -1, dtype=np.int64)
    renumber[used] = np.arange(used.size)
    albedo = np.full((*inside.shape, 3), 0.6) if subject.albedo is None else subject.albedo[np.ix_(rows, columns)]
    return PageMesh(
        vertices=vertices[used],
        normals=tilt[used],
        colours=srgb(albedo[inside][used]),
        faces=renumber[faces],
    )


def pack_mesh(mesh: PageMesh) -> Packed:
    """16-bit positions in the bounding box, 8-bit normals and colours, triangle corners as differences; deflated."""
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    extent = float(max((high - low).max(), 1e-12))
    positions = np.round((mesh.vertices - low) / extent * 65535).astype(np.uint16)
    normals = np.round(np.clip(mesh.normals, -1, 1) * 127).astype(np.int8)
    colours = np.round(mesh.colours * 255).astype(np.uint8)
    # Corners of neighbouring triangles have neighbouring numbers: column by column, differences are small.
    corners = np.diff(mesh.faces.T.astype(np.int64), axis=1, prepend=0).astype("<i4")
    raw = b"".join(
        [
            np.ascontiguousarray(positions.T.astype("<u2")).tobytes(),
            np.ascontiguousarray(normals.T).tobytes(),
            np.ascontiguousarray(colours.T).tobytes(),
            np.ascontiguousarray(corners).tobytes(),
        ]
    )
    description: dict[str, Any] = {
        "vertices": len(mesh.vertices),
        "triangles": len(mesh.faces),
        "size": [float(s) for s in (high - low) / extent],
    }
    return Packed(base64.b64encode(zlib.compress(raw, 9)).decode("ascii"), description)


def _spread(size: int, keep: float) -> np.ndarray:
    return np.unique(np.round(np.linspace(0, size - 1, max(2, math.floor(size * keep)))).astype(np.int64))


def _points(depth: np.ndarray, rows: np.ndarray, columns: np.ndarray, camera: Camera) -> np.ndarray:
    """Vertices in the frame of files; perspective depth scales with its own unit, as x = (u - c) z / f does."""
    x, y = np.meshgrid(columns + 0.5, rows + 0.5)
    if camera.focal_px is not None:
        x = (x - camera.principal_point[0]) * depth / camera.focal_px
        y = (y - camera.principal_point[1]) * depth / camera.focal_px
    return np.stack([x, -y, -depth], -1)


def _on_one_surface(vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Triangles whose edges rise no more than n.(dx, dy, dz) = 0 allows; the others span a jump in depth."""
    corners, tilt = vertices[faces], normals[faces]
    edge, mean = corners - np.roll(corners, 1, axis=1), tilt + np.roll(tilt, 1, axis=1)
    expected = np.abs((mean[..., :2] * edge[..., :2]).sum(-1)) / np.maximum(mean[..., 2], 1e-2)
    across = np.linalg.norm(edge[..., :2], axis=-1)
    return (np.abs(edge[..., 2]) <= STEEPER * expected + SLACK * across).all(1)


def _even_rim(vertices: np.ndarray, faces: np.ndarray, rounds: int = 8) -> np.ndarray:
    """Vertices with those on an open edge moved towards the mean of their neighbours along that edge."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    rim = edges[count == 1]
    moved = vertices.copy()
    ends = np.concatenate([rim, rim[:, ::-1]])
    number = np.bincount(ends[:, 0], minlength=len(vertices))
    on_rim = number > 0
    for _ in range(rounds):
        total = np.stack([np.bincount(ends[:, 0], moved[ends[:, 1], c], len(vertices)) for c in range(3)], -1)
        moved[on_rim] += 0.5 * (total[on_rim] / number[on_rim, None] - moved[on_rim])
    return moved
