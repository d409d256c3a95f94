"""Rays against a triangle mesh: what is lit, and how much of the sky is seen. Float32, without derivative."""

from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
import warp as wp
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.kernels.dispatch import dispatch, warp_view
from sharpvision.kernels.launch import compiling, start_warp

start_warp()

OFFSET = 1e-4
"""Share of the scene's size by which a ray starts off its surface, along itself."""
Tracer = Literal["auto", "embree", "warp"]


@wp.kernel(enable_backward=False)
def _blocked(
    first: int, mesh: wp.uint64, origins: wp.array(dtype=wp.vec3), directions: wp.array(dtype=wp.vec3), reach: float,
    out: wp.array(dtype=wp.uint8),
):  # fmt: skip
    i = first + wp.tid()
    query = wp.mesh_query_ray(mesh, origins[i], directions[i], reach)
    out[i] = wp.uint8(0)
    if query.result:
        out[i] = wp.uint8(1)


class Occluders:
    """A mesh that blocks light: `vertices` (V, 3) and `faces` (F, 3), with a hierarchy of boxes made at the first ray.

    `tracer`: `embree` (the package embreex, on a CPU, two to three times faster), `warp` (anywhere), or `auto`: embree
    where it is installed and the mesh is on a CPU. Both block by either side of a face.
    """

    def __init__(self, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], tracer: Tracer = "auto") -> None:
        self.vertices = vertices.detach().float().contiguous()
        self.faces = faces.to(torch.int32).contiguous()
        self.tracer = tracer

    @property
    def offset(self) -> float:
        """How far off its surface a ray starts."""
        if not len(self.vertices):
            return OFFSET
        return OFFSET * float((self.vertices.amax(0) - self.vertices.amin(0)).norm())

    @cached_property
    def _embree(self) -> Any:
        """The scene in Embree, or None."""
        if self.tracer == "warp" or self.vertices.device.type != "cpu":
            return None
        try:
            from embreex import rtcore_scene
            from embreex.mesh_construction import TriangleMesh
        except ImportError:
            if self.tracer == "embree":
                raise
            return None
        scene = rtcore_scene.EmbreeScene()
        TriangleMesh(scene, self.vertices.numpy(), self.faces.numpy())
        return scene

    @cached_property
    def _warp(self) -> wp.Mesh:
        with compiling():
            return wp.Mesh(warp_view(self.vertices, wp.vec3), warp_view(self.faces.reshape(-1)))

    def blocked(self, origins: Tensor, directions: Tensor, reach: float) -> Tensor:
        """(P,) bool: a face lies between 0 and `reach` along the ray."""
        origins, directions = origins.float().contiguous(), directions.float().contiguous()
        if not len(self.faces) or not len(origins):
            return torch.zeros(len(origins), dtype=torch.bool, device=origins.device)
        if self._embree is not None:
            far = np.full(len(origins), min(reach, 3e38), np.float32)
            hit = self._embree.run(origins.numpy(), directions.numpy(), dists=far, query="OCCLUDED")
            return torch.from_numpy(hit >= 0)
        out = torch.empty(len(origins), dtype=torch.uint8, device=origins.device)
        inputs = [warp_view(origins, wp.vec3), warp_view(directions, wp.vec3), min(reach, 3e38), warp_view(out)]
        dispatch(_blocked, len(origins), [self._warp.id, *inputs], origins.device)
        return out.bool()


def visible(
    points: Float[Tensor, "p 3"], directions: Float[Tensor, "p 3"], reach: float, occluders: Occluders
) -> Bool[Tensor, " p"]:
    """Whether nothing lies between a point and `reach` along a unit direction: a hard shadow ray.

    A ray starts 1e-4 of the mesh's size off the point, so what is nearer does not shade. Rays along a face (grazing)
    may go either way; the cosine there is zero. No derivative: the border of a shadow moves without it.

    >>> wall = Occluders(torch.tensor([[-1.0, -1, 1], [3, -1, 1], [-1, 3, 1]]), torch.tensor([[0, 1, 2]]))
    >>> up = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    >>> visible(torch.zeros(2, 3), up, 9.0, wall).tolist(), visible(torch.zeros(2, 3), up, 0.5, wall).tolist()
    ([False, True], [True, True])
    """
    with torch.no_grad():
        start = occluders.offset
        return ~occluders.blocked(points + start * directions, directions, reach - start)


def ambient_visibility(
    points: Float[Tensor, "p 3"], normals: Float[Tensor, "p 3"], occluders: Occluders, rays: int,
    generator: torch.Generator, reach: float = float("inf"),
) -> Float[Tensor, " p"]:  # fmt: skip
    """Share of the sky that a point sees, weighted by the cosine: 1/pi of the integral of V(w) max(n.w, 0) dw.

    The mean of `rays` visibilities along directions drawn by the cosine (a point on the unit sphere added to the
    normal); its standard error is at most 1 / (2 sqrt(rays)). The same generator state gives the same rays. Zero
    normals see nothing. No derivative.

    >>> alone = Occluders(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int32))
    >>> up = torch.tensor([[0.0, 0.0, 1.0]])
    >>> ambient_visibility(torch.zeros(1, 3), up, alone, 8, torch.Generator().manual_seed(0)).tolist()
    [1.0]
    """
    with torch.no_grad():
        seen = points.new_zeros(len(points))
        there = (normals != 0).any(-1)
        for _ in range(rays):
            ball = torch.randn(points.shape, generator=generator, dtype=points.dtype, device=points.device)
            direction = unit(normals + (1 - 1e-6) * unit(ball))
            seen += (visible(points, direction, reach, occluders) & there).to(seen)
        return seen / rays
