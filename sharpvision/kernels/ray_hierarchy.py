"""What is kept of a mesh's faces to find what rays meet, while its vertices move.

Warp's tree of boxes is built once (100 ms for 327,680 faces) and refitted where vertices have moved (5 ms): its boxes
are made anew from the leaves up, who is whose child stays. So hits are those of a new tree; what suffers is the pace,
once faces that were neighbours have parted. Embree is faster at rays but cannot refit here (embreex has no call for
it), so its scene is made anew where vertices have moved.
"""

import threading
from typing import Any, Literal

import numpy as np
import torch
import warp as wp
from torch import Tensor

from sharpvision.kernels.dispatch import dispatch, in_step
from sharpvision.kernels.launch import in_bands, start_warp
from sharpvision.kernels.views import warp_array, warp_view

start_warp()

Tracer = Literal["auto", "embree", "warp"]
RAYS_PER_FACE = 2
"""From so many rays a face on, building Embree's scene and asking it takes less time than refitting and asking Warp."""
WORN = 2.0
"""Growth of the boxes' area, relative to the whole, at which a tree is built anew: it takes 1.5 times as long then."""
_BLOCK, _BLOCKS = 64, 256
_EMBREE_BAND = 8192
_FARTHEST = 3e38


@wp.kernel(enable_backward=False)
def _blocked(
    first: int, mesh: wp.uint64, origins: wp.array(dtype=wp.vec3), directions: wp.array(dtype=wp.vec3), reach: float,
    out: wp.array(dtype=wp.uint8),
):  # fmt: skip
    i = first + wp.tid()
    out[i] = wp.uint8(0)
    if wp.mesh_query_ray_anyhit(mesh, origins[i], directions[i], reach):
        out[i] = wp.uint8(1)


class RayHierarchy:
    """Faces (F, 3) as they are now, and what has been built to trace rays against them. Threads take turns.

    Vertices are compared with those that were built for, not trusted to be the same tensor, so that a change in place
    is seen.
    """

    def __init__(self, faces: Tensor) -> None:
        self.faces = faces.detach().to(torch.int32, copy=True).contiguous()
        self._turn = threading.Lock()
        self._tree: _Tree | None = None
        self._scene: _EmbreeScene | None = None

    def blocked(self, vertices: Tensor, origins: Tensor, directions: Tensor, reach: float, tracer: Tracer) -> Tensor:
        """(P,) bool: a face lies between 0 and `reach` along the ray; vertices (V, 3), rays (P, 3), all float32.

        `auto` takes Embree on a CPU where it is installed and there are at least `RAYS_PER_FACE` rays a face: a rule
        without memory, as the two may differ on a ray along a face, and an image must not depend on earlier ones.
        """
        rays = len(origins)
        if not len(self.faces) or not rays:
            return torch.zeros(rays, dtype=torch.bool, device=origins.device)
        on_cpu = vertices.device.type == "cpu"
        if tracer == "embree" or (tracer == "auto" and on_cpu and rays >= RAYS_PER_FACE * len(self.faces)):
            maker = _embree(required=tracer == "embree")
            if maker is not None:
                with self._turn:
                    if self._scene is None or not torch.equal(self._scene.vertices, vertices):
                        self._scene = None  # two at once would be twice the memory
                        self._scene = _EmbreeScene(maker, vertices, self.faces)
                    return self._scene.blocked(origins, directions, reach)
        with self._turn:
            tree, self._tree = self._tree, None  # a tree that an interrupt left half refitted is not kept
            if tree is None or not tree.fits(vertices):
                tree = _Tree(vertices, self.faces)
            self._tree = tree
            return tree.blocked(origins, directions, reach)


class _Tree:
    """Warp's hierarchy with vertices of its own."""

    def __init__(self, vertices: Tensor, faces: Tensor) -> None:
        self.vertices, self.faces = vertices.clone(), faces
        with in_step(vertices.device):
            self.mesh = wp.Mesh(warp_array(self.vertices, wp.vec3), warp_array(self.faces.reshape(-1)))
        self.blocks = _neighbours(self.vertices, faces)
        self.area = _area(self.vertices, self.blocks)

    def fits(self, vertices: Tensor) -> bool:
        """Refit to the vertices where they have moved; False where the tree is not worth it."""
        if vertices.shape != self.vertices.shape:
            return False
        if torch.equal(vertices, self.vertices):
            return True
        if not _area(vertices, self.blocks) <= WORN * self.area:  # not a number: no
            return False
        self.vertices.copy_(vertices)
        with in_step(vertices.device):
            self.mesh.refit()
        return True

    def blocked(self, origins: Tensor, directions: Tensor, reach: float) -> Tensor:
        out = torch.empty(len(origins), dtype=torch.uint8, device=origins.device)
        rays = [warp_view(origins, wp.vec3), warp_view(directions, wp.vec3)]
        dispatch(_blocked, len(origins), [self.mesh.id, *rays, min(reach, _FARTHEST), warp_view(out)], origins.device)
        return out.bool()


def _neighbours(vertices: Tensor, faces: Tensor) -> Tensor:
    """(N, B) vertices of faces in blocks of neighbours: runs of a Morton order; at most `_BLOCKS` of them, evenly."""
    used = torch.zeros(len(vertices), dtype=torch.bool, device=vertices.device)
    used[faces.long().reshape(-1)] = True
    chosen = used.nonzero()[:, 0]
    places = vertices[chosen].nan_to_num()
    low = places.amin(0)
    cell = ((places - low) * (1023 / (places - low).amax().clamp(min=1e-30))).long()
    key = torch.zeros_like(chosen)
    for bit in range(10):
        for axis in range(3):
            key |= ((cell[:, axis] >> bit) & 1) << (3 * bit + axis)
    ordered = chosen[key.argsort(stable=True)]
    size = min(_BLOCK, max(4, len(ordered) // _BLOCK), len(ordered))
    blocks = ordered[: len(ordered) // size * size].view(-1, size)
    return blocks[:: -(-len(blocks) // _BLOCKS)]


def _area(vertices: Tensor, blocks: Tensor) -> float:
    """Area of the blocks' boxes over that of the box around them all: what a ray that meets the mesh meets of them.

    It stands for the tree's own boxes (the surface-area heuristic, MacDonald and Booth 1990), which lie inside Warp.
    """
    corners = vertices[blocks]
    low, high = corners.amin(1), corners.amax(1)
    sides, whole = high - low, high.amax(0) - low.amin(0)
    total = (sides * sides.roll(1, 1)).sum() / (whole * whole.roll(1)).sum().clamp(min=1e-30)
    return float(total)


def _embree(required: bool) -> Any:
    """The package embreex, or None where it is not installed and not required."""
    try:
        from embreex import mesh_construction, rtcore_scene
    except ImportError:
        if required:
            raise
        return None
    return rtcore_scene.EmbreeScene, mesh_construction.TriangleMesh


class _EmbreeScene:
    """A scene of Embree and the vertices it was made of."""

    def __init__(self, maker: Any, vertices: Tensor, faces: Tensor) -> None:
        empty, add = maker
        self.vertices = vertices.clone()
        self.scene = empty()
        add(self.scene, self.vertices.numpy(), faces.numpy())

    def blocked(self, origins: Tensor, directions: Tensor, reach: float) -> Tensor:
        starts, ways, hit = origins.numpy(), directions.numpy(), np.empty(len(origins), np.bool_)

        def band(first: int, last: int, _: int) -> None:
            far = np.full(last - first, min(reach, _FARTHEST), np.float32)
            hit[first:last] = self.scene.run(starts[first:last], ways[first:last], dists=far, query="OCCLUDED") >= 0

        band(0, 1, 0)  # Embree builds at the first ray, which must not be several threads'
        in_bands(band, len(origins), _EMBREE_BAND)
        return torch.from_numpy(hit)
