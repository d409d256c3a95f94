"""Meshes of elementary solids and surfaces, wound so that the right-hand rule points outward.

All are centred at the origin, in a frame x right, y up, z to the viewer; axes of revolution lie along y. Texture
coordinates run over the unit square: u to the right and v upward as seen from outside. Seams have vertices of their own
only in `uv`, never in `vertices`, so that solids are closed; hard edges likewise only in `normal_faces`. The unit of
length is the caller's. Sizes that are not positive, or counts too small for a surface, raise `ValueError`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.geometry.mesh import Mesh

_SIDES = [  # right and up of each side of a box, as seen from outside: +x, -x, +y, -y, +z, -z
    ((0, 0, -1), (0, 1, 0)), ((0, 0, 1), (0, 1, 0)), ((1, 0, 0), (0, 0, -1)),
    ((1, 0, 0), (0, 0, 1)), ((1, 0, 0), (0, 1, 0)), ((-1, 0, 0), (0, 1, 0)),
]  # fmt: skip


def revolution(
    profile: Float[Tensor, "k 2"], segments: int = 64, *, sharp: tuple[int, ...] = (), closed: bool = False
) -> Mesh:
    """The surface that `profile` sweeps about the y axis: rows (radius, height), the outside on their right.

    A first or last row of radius zero becomes one vertex, a pole. At rows in `sharp` the shading normal has an edge.
    `closed` joins the last row to the first. u begins behind the axis (z < 0), v is the share of the profile's length.

    >>> cone = revolution(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 8, sharp=(1,))
    >>> len(cone.vertices), len(cone.faces)
    (10, 16)
    """
    if len(profile) < 2 or segments < 3 or bool((profile[:, 0] < 0).any()) or not bool(profile.isfinite().all()):
        raise ValueError("a surface of revolution needs two rows, three segments and radii of zero or more")
    loop = torch.cat([profile, profile[:1]]) if closed else profile
    radius, height = loop[:, :1], loop[:, 1:]
    turn = torch.arange(segments + 1, dtype=profile.dtype) * (2 * math.pi / segments) - math.pi
    points = torch.stack([radius * turn.sin(), height.expand(-1, segments + 1), radius * turn.cos()], -1)

    rows, pole = len(loop), loop[:, 0] == 0
    column = torch.arange(segments + 1) % segments
    grid = torch.arange(rows)[:, None] * segments + torch.where(pole[:, None], 0, column)
    if closed:
        grid[-1] = grid[0]
    used, index = torch.unique(grid, return_inverse=True)
    places = torch.empty(len(used), 3, dtype=profile.dtype)
    places[index[:, :-1]] = points[:, :-1]  # what has one index has one place

    length = torch.linalg.vector_norm(loop.diff(dim=0), dim=-1)
    along = torch.cat([length.new_zeros(1), length.cumsum(0)]) / length.sum().clamp(min=1e-30)
    around = torch.arange(segments + 1, dtype=profile.dtype).expand(rows, -1).clone()
    around[pole] -= 0.5  # the middle of the triangle, whose corner at a pole above is its right one
    around[:1][pole[:1]] += 1.0
    uv = torch.stack([around / segments, along[:, None].expand_as(around)], -1).clamp(0, 1).reshape(-1, 2)

    whole = ~pole[:, None].expand(-1, segments)
    lower, upper = whole[:-1], whole[1:]  # which half of each quadrilateral has an area
    faces = _triangles(index, lower, upper)
    uv_faces = _triangles(torch.arange(rows * (segments + 1)).reshape(rows, -1), lower, upper)
    groups = None
    if sharp:
        split = torch.zeros(rows, 1, dtype=torch.bool)
        split[list(sharp)] = True
        own = torch.where(split, index + len(used), index)  # what a ring of faces has at its lower rim
        groups = torch.unique(_triangles(index, lower, upper, below=own), return_inverse=True)[1]
    return Mesh(places, faces, uv=uv, uv_faces=uv_faces, normal_faces=groups)


def sphere(radius: float = 1.0, segments: int = 64, rings: int = 32) -> Mesh:
    """A sphere of longitudes and latitudes, with a seam in its texture coordinates and a pole above and below.

    >>> ball = sphere(2.0, 16, 8)
    >>> len(ball.vertices), len(ball.faces), round(ball.vertices.norm(dim=-1).max().item(), 4)
    (114, 224, 2.0)
    """
    _check(radius=radius)
    if rings < 2:
        raise ValueError("a sphere needs two rings")
    return revolution(_arc(radius, 0.0, -0.5, 0.5, rings), segments)


def icosphere(radius: float = 1.0, subdivisions: int = 4) -> Mesh:
    """A sphere of nearly equal triangles, 20 * 4^subdivisions; no texture coordinates.

    >>> len(icosphere(subdivisions=5).faces)
    20480
    """
    _check(radius=radius)
    if not 0 <= subdivisions <= 9:
        raise ValueError(f"subdivisions must be 0 to 9, not {subdivisions}")
    vertices, faces = _icosahedron()
    for _ in range(subdivisions):
        edges = torch.stack([faces, faces.roll(-1, 1)], -1).sort(-1).values
        pairs, index = torch.unique(edges.reshape(-1, 2), dim=0, return_inverse=True)
        middle = index.reshape(-1, 3) + len(vertices)
        between = torch.nn.functional.normalize(vertices[pairs].sum(1), dim=-1)
        corners = [torch.stack([faces[:, k], middle[:, k], middle[:, (k + 2) % 3]], -1) for k in range(3)]
        vertices, faces = torch.cat([vertices, between]), torch.cat([*corners, middle])
    return Mesh((radius * vertices).float(), faces)


def torus(radius: float = 1.0, tube: float = 0.4, segments: int = 96, rings: int = 48) -> Mesh:
    """A torus: a tube of radius `tube` < `radius` round a circle of radius `radius`.

    >>> ring = torus(2.0, 0.5, 12, 6)
    >>> len(ring.vertices), len(ring.faces), ring.vertices.amax(0)[0].item()
    (72, 144, 2.5)
    """
    _check(radius=radius, tube=tube)
    if tube >= radius or rings < 3:
        raise ValueError("a torus needs a tube thinner than its radius and three rings")
    turn = torch.arange(rings) * (2 * math.pi / rings) - math.pi
    return revolution(torch.stack([radius + tube * turn.cos(), tube * turn.sin()], -1), segments, closed=True)


def cylinder(radius: float = 1.0, height: float = 2.0, segments: int = 64) -> Mesh:
    """A closed cylinder with hard rims.

    >>> can = cylinder(1.0, 3.0, 16)
    >>> len(can.faces), can.vertices.amax(0).tolist()[1]
    (64, 1.5)
    """
    _check(radius=radius, height=height)
    h = height / 2
    return revolution(torch.tensor([[0.0, -h], [radius, -h], [radius, h], [0.0, h]]), segments, sharp=(1, 2))


def cone(radius: float = 1.0, height: float = 2.0, segments: int = 64, rings: int = 8) -> Mesh:
    """A closed cone, its tip above, with a hard rim.

    >>> len(cone(segments=16, rings=4).faces)
    128
    """
    _check(radius=radius, height=height)
    if rings < 1:
        raise ValueError("a cone needs one ring")
    share = torch.linspace(0, 1, rings + 1)
    side = torch.stack([radius * (1 - share), height * (share - 0.5)], -1)
    side[-1, 0] = 0.0
    return revolution(torch.cat([torch.tensor([[0.0, -height / 2]]), side]), segments, sharp=(1,))


def capsule(radius: float = 0.5, height: float = 1.0, segments: int = 64, rings: int = 16) -> Mesh:
    """A cylinder of length `height` between two half spheres of `rings` rings each.

    >>> capsule(0.5, 1.0, 8, 4).vertices.amax(0)[1].item()
    1.0
    """
    _check(radius=radius, height=height)
    if rings < 1:
        raise ValueError("a capsule needs one ring at each end")
    ends = [_arc(radius, -height / 2, -0.5, 0.0, rings), _arc(radius, height / 2, 0.0, 0.5, rings)]
    return revolution(torch.cat(ends), segments)


def disk(radius: float = 1.0, segments: int = 64, rings: int = 1) -> Mesh:
    """A flat disk that faces +y, open at its rim.

    >>> disk(segments=8).face_normals()[0].round(decimals=4).tolist()[1]
    1.0
    """
    _check(radius=radius)
    if rings < 1:
        raise ValueError("a disk needs one ring")
    radii = radius * torch.arange(rings, -1, -1) / rings
    return revolution(torch.stack([radii, torch.zeros(rings + 1)], -1), segments)


def box(size: tuple[float, float, float] = (2.0, 2.0, 2.0), divisions: int = 1) -> Mesh:
    """A box with hard edges; each side has the whole unit square as its texture coordinates.

    >>> cube = box(divisions=2)
    >>> len(cube.vertices), len(cube.faces), len(cube.uv)
    (26, 48, 54)
    """
    _check(**dict(zip("xyz", size, strict=True)))
    if divisions < 1:
        raise ValueError("a box needs one division")
    step = torch.arange(divisions + 1)
    v, u = torch.meshgrid(step, step, indexing="ij")
    cells, texture, faces = [], [], []
    for side, (right, up) in enumerate(_SIDES):
        along, upward = torch.tensor(right), torch.tensor(up)
        out = torch.linalg.cross(along.double(), upward.double()).long()
        # Corners in whole steps of -divisions .. divisions, so that sides that meet share their vertices exactly.
        cells.append((2 * u - divisions)[..., None] * along + (2 * v - divisions)[..., None] * upward + divisions * out)
        texture.append(torch.stack([u, v], -1) / divisions)
        faces.append(_triangles(side * u.numel() + torch.arange(u.numel()).reshape(u.shape)))
    places, index = torch.unique(torch.stack(cells).reshape(-1, 3), dim=0, return_inverse=True)
    uv_faces = torch.cat(faces)
    vertices = places * (torch.tensor(size) / (2 * divisions))
    return Mesh(vertices, index[uv_faces], uv=torch.stack(texture).reshape(-1, 2), uv_faces=uv_faces,
                normal_faces=uv_faces.clone())  # fmt: skip


def plane(size: tuple[float, float] = (2.0, 2.0), divisions: int = 1) -> Mesh:
    """A rectangle in the plane y = 0 that faces +y: `size` along x and z; u along x, v against z.

    >>> plane().face_normals().abs().tolist()
    [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """
    if divisions < 1:
        raise ValueError("a plane needs one division")
    return terrain(torch.zeros(divisions + 1, divisions + 1), size)


def terrain(heights: Float[Tensor, "r c"], size: tuple[float, float] = (2.0, 2.0)) -> Mesh:
    """A height y = heights[row, column] on a grid of `size` along x and z, faces up; row 0 lies at the back (z < 0).

    >>> terrain(torch.tensor([[0.0, 0.0], [1.0, 1.0]])).vertices.tolist()[2]
    [-1.0, 1.0, 1.0]
    """
    _check(x=size[0], z=size[1])
    rows, columns = heights.shape
    if rows < 2 or columns < 2 or not bool(heights.isfinite().all()):
        raise ValueError("a terrain needs two rows and two columns of finite heights")
    v, u = torch.meshgrid(torch.linspace(1, 0, rows), torch.linspace(0, 1, columns), indexing="ij")
    points = torch.stack([size[0] * (u - 0.5), heights.to(u), size[1] * (0.5 - v)], -1)
    faces = _triangles(torch.arange(rows * columns).reshape(rows, columns).flip(0))
    return Mesh(points.reshape(-1, 3), faces, uv=torch.stack([u, v], -1).reshape(-1, 2), uv_faces=faces.clone())


def _triangles(
    grid: Tensor, lower: Tensor | None = None, upper: Tensor | None = None, below: Tensor | None = None
) -> Tensor:
    """Two triangles for each square of a grid of indices whose rows go up and columns right, as seen from outside.

    `lower` and `upper` (R - 1, C - 1) say which of the two to keep; `below` replaces indices at a square's lower rim.
    """
    below = grid if below is None else below
    a, b, c, d = below[:-1, :-1], below[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    halves = torch.stack([torch.stack([a, b, c], -1), torch.stack([a, c, d], -1)], 2)
    if lower is None or upper is None:
        return halves.reshape(-1, 3)
    return halves[torch.stack([lower, upper], -1)]


def _arc(radius: float, height: float, start: float, end: float, rings: int) -> Tensor:
    """Profile of a circle's arc between two latitudes in half turns; exactly zero radius at a pole."""
    latitude = math.pi * torch.linspace(start, end, rings + 1)
    profile = torch.stack([radius * latitude.cos(), height + radius * latitude.sin()], -1)
    if start == -0.5:
        profile[0, 0] = 0.0
    if end == 0.5:
        profile[-1, 0] = 0.0
    return profile


def _icosahedron() -> tuple[Tensor, Tensor]:
    """Twelve vertices on the unit sphere, float64, and twenty faces."""
    golden = (1 + 5**0.5) / 2
    flat = torch.tensor([[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0]], dtype=torch.float64)
    vertices = torch.cat([flat, flat.roll(1, 1), flat.roll(2, 1)])
    faces = [
        (0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
        (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7),
        (9, 8, 1),
    ]  # fmt: skip
    return torch.nn.functional.normalize(vertices, dim=-1), torch.tensor(faces)


def _check(**sizes: float) -> None:
    for name, value in sizes.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {value:g}")
