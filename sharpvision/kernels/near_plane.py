"""Cutting a projected triangle at the near plane and at a guard band, and its corners in fixed point.

A cut's place is computed from the end in front to the end behind, whichever side of the edge the face lies on, so that
two faces that share an edge share the cut to the last bit and leave no gap.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()

GUARD = 2097152.0
MOST_CORNERS = 8


@cache
def near_plane_functions(real: type) -> SimpleNamespace:
    """`outline_of` (up to 8 corners in 1/256 pixel with their depth keys), `within` the guard band, `fixed` point."""
    vec4 = wp.types.vector(4, real)
    row8 = wp.types.vector(8, wp.int32)
    keys8 = wp.types.vector(8, real)
    polygon = wp.types.matrix((8, 4), real)

    @wp.struct
    class Outline:
        x: row8
        y: row8
        key: keys8
        corners: int

    @wp.func
    def side(p: vec4, plane: int, near: real) -> real:
        """Signed amount by which p is inside a plane: 0 near, 1 to 4 the guard band left, right, top, bottom."""
        value = p[3] - near
        if plane == 1:
            value = p[0] + real(GUARD) * p[3]
        if plane == 2:
            value = real(GUARD) * p[3] - p[0]
        if plane == 3:
            value = p[1] + real(GUARD) * p[3]
        if plane == 4:
            value = real(GUARD) * p[3] - p[1]
        return value

    @wp.func
    def clipped(shape: polygon, corners: int, plane: int, near: real) -> polygon:
        """Sutherland and Hodgman's cut at one plane; the number of corners left stands in [7, 0]."""
        out = polygon()
        n = int(0)
        for k in range(corners):
            a = shape[k]
            b = shape[(k + 1) % corners]
            sa = side(a, plane, near)
            sb = side(b, plane, near)
            if sa >= real(0.0):
                for c in range(4):
                    out[n, c] = a[c]
                n += 1
            if (sa >= real(0.0)) != (sb >= real(0.0)) and n < 7:
                inside = a
                outside = b
                si = sa
                so = sb
                if sa < real(0.0):
                    inside = b
                    outside = a
                    si = sb
                    so = sa
                t = si / (si - so)
                p = inside + t * (outside - inside)
                for c in range(4):
                    out[n, c] = p[c]
                n += 1
        out[7, 0] = real(n)
        return out

    @wp.func
    def fixed(v: real) -> int:
        return int(wp.floor(v * real(256.0) + real(0.5)))

    @wp.func
    def put(outline: Outline, k: int, p: vec4) -> Outline:
        outline.x[k] = fixed(p[0] / p[3])
        outline.y[k] = fixed(p[1] / p[3])
        outline.key[k] = p[2] / p[3]
        return outline

    @wp.func
    def within(p: vec4) -> bool:
        return wp.abs(p[0]) <= real(GUARD) * p[3] and wp.abs(p[1]) <= real(GUARD) * p[3]

    @wp.func
    def outline_of(a: vec4, b: vec4, c: vec4, near: real) -> Outline:
        """The part of a triangle with w >= near inside the guard band; no corners where nothing is left."""
        outline = Outline()
        outline.corners = 0
        if a[3] >= near and b[3] >= near and c[3] >= near and within(a) and within(b) and within(c):
            outline = put(outline, 0, a)
            outline = put(outline, 1, b)
            outline = put(outline, 2, c)
            outline.corners = 3
        elif a[3] >= near or b[3] >= near or c[3] >= near:
            shape = polygon()
            for k in range(4):
                shape[0, k] = a[k]
                shape[1, k] = b[k]
                shape[2, k] = c[k]
            n = int(3)
            for plane in range(5):
                if n >= 3:
                    shape = clipped(shape, n, plane, near)
                    n = int(shape[7, 0])
            if n >= 3:
                outline.corners = n
                for k in range(n):
                    outline = put(outline, k, shape[k])
        return outline

    return SimpleNamespace(outline_of=outline_of, within=within, fixed=fixed)
