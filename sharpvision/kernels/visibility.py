"""Rays against a triangle mesh: what is lit, and how much of the sky is seen. Float32, without derivative."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.compiler import is_compiling
from torch.utils.weak import WeakIdKeyDictionary

from sharpvision.core.vectors import unit
from sharpvision.kernels.custom_ops import traced_query
from sharpvision.kernels.ray_hierarchy import RayHierarchy, Tracer

OFFSET = 1e-4
"""Share of the scene's size by which a ray starts off its surface, along itself."""


class Occluders:
    """A mesh that blocks light, by either side of a face: `vertices` (V, 3) and `faces` (F, 3).

    A hierarchy of boxes is made at the first ray and kept for those that follow. It follows `vertices` where these are
    changed in place; `at` gives the same faces elsewhere. `faces` are copied.
    `tracer`: `embree` (the package embreex, on a CPU), `warp` (anywhere; what is kept is refitted as vertices move, not
    rebuilt), or `auto`: embree where it is installed, the mesh is on a CPU and rays are many beside the faces.
    """

    def __init__(self, vertices: Float[Tensor, "v 3"], faces: Int[Tensor, "f 3"], tracer: Tracer = "auto") -> None:
        self.vertices = vertices.detach().float().contiguous()
        self.tracer: Tracer = tracer
        self._hierarchy = RayHierarchy(faces)

    @property
    def faces(self) -> Int[Tensor, "f 3"]:
        """The faces, int32."""
        return self._hierarchy.faces

    def at(self, vertices: Float[Tensor, "v 3"]) -> "Occluders":
        """The same faces with their vertices elsewhere; both share what is kept, and threads may use both at once.

        >>> wall = Occluders(torch.tensor([[-1.0, -1, 1], [3, -1, 1], [-1, 3, 1]]), torch.tensor([[0, 1, 2]]), "warp")
        >>> ray = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]])
        >>> visible(*ray, 2.0, wall).item(), visible(*ray, 2.0, wall.at(wall.vertices + 5)).item()
        (False, True)
        """
        moved = Occluders.__new__(Occluders)
        moved.vertices, moved.tracer = vertices.detach().float().contiguous(), self.tracer
        moved._hierarchy = self._hierarchy
        return moved

    @property
    def offset(self) -> float:
        """How far off its surface a ray starts."""
        if not len(self.vertices):
            return OFFSET
        return OFFSET * float((self.vertices.amax(0) - self.vertices.amin(0)).norm())

    def blocked(self, origins: Float[Tensor, "p 3"], directions: Float[Tensor, "p 3"], reach: float) -> Tensor:
        """(P,) bool: a face lies between 0 and `reach` along the ray."""
        origins, directions = origins.float().contiguous(), directions.float().contiguous()
        return self._hierarchy.blocked(self.vertices, origins, directions, reach, self.tracer)


def visible(
    points: Float[Tensor, "p 3"], directions: Float[Tensor, "p 3"], reach: float, occluders: Occluders
) -> Bool[Tensor, " p"]:
    """Whether nothing lies between a point and `reach` along a unit direction: a hard shadow ray.

    A ray starts 1e-4 of the mesh's size off the point, so what is nearer does not shade. Rays along a face (grazing)
    may go either way; the cosine there is zero. No derivative: the border of a shadow moves without it.
    `torch.compile` wants `occluders` made outside; `Occluders.at` may be inside.

    >>> wall = Occluders(torch.tensor([[-1.0, -1, 1], [3, -1, 1], [-1, 3, 1]]), torch.tensor([[0, 1, 2]]))
    >>> up = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    >>> visible(torch.zeros(2, 3), up, 9.0, wall).tolist(), visible(torch.zeros(2, 3), up, 0.5, wall).tolist()
    ([False, True], [True, True])
    """
    if is_compiling():
        return _visible(points, directions, reach, occluders.vertices, occluders.faces, occluders.tracer)
    return _free(points, directions, reach, occluders)


def _free(points: Tensor, directions: Tensor, reach: float, occluders: Occluders) -> Tensor:
    with torch.no_grad():
        start = occluders.offset
        return ~occluders.blocked(points + start * directions, directions, reach - start)


_kept: WeakIdKeyDictionary = WeakIdKeyDictionary()


def _outline(points: Tensor, directions: Tensor, reach: float, vertices: Tensor, faces: Tensor, tracer: str) -> Tensor:
    return torch.empty(points.shape[0], dtype=torch.bool, device=points.device)


@traced_query(_outline, name="visible")
def _visible(
    points: Tensor, directions: Tensor, reach: float, vertices: Tensor, faces: Tensor, tracer: Tracer
) -> Tensor:
    """`visible` of what a graph can hold; hierarchies are kept with the tensors of faces, which aren't written to."""
    occluders = _kept.get(faces)
    if occluders is None or occluders.tracer != tracer:
        occluders = _kept[faces] = Occluders(vertices, faces, tracer)
    return _free(points, directions, reach, occluders.at(vertices))


def ambient_visibility(
    points: Float[Tensor, "p 3"], normals: Float[Tensor, "p 3"], occluders: Occluders, rays: int,
    generator: torch.Generator, reach: float = float("inf"),
) -> Float[Tensor, " p"]:  # fmt: skip
    """Share of the sky that a point sees, weighted by the cosine: 1/pi of the integral of V(w) max(n.w, 0) dw.

    The mean of `rays` visibilities along directions drawn by the cosine (a point on the unit sphere added to the
    normal); its standard error is at most 1 / (2 sqrt(rays)). The same generator state gives the same rays. Zero
    normals see nothing. No derivative. `torch.compile` takes no generator, so it breaks the graph here.

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
