"""What a view sees of a face with a corner nearer than the near plane, or too far aside for integer arithmetic.

Such a face is not cut into polygons. It is drawn by its homogeneous edge functions, which need no corner in front of
the camera, and a pixel counts where the face's plane has w >= `near` there (Olano and Greer 1997, Triangle Scan
Conversion using 2D Homogeneous Coordinates). An edge with both ends in front keeps the integer edge function that the
face on its other side uses; any other edge is the line a x b of its ends in the order of their rows, the same numbers
for both its faces: no pixel of a surface is covered twice or left out. The key is that of the original plane, in
float64.
"""

from functools import cache
from types import SimpleNamespace

import warp as wp

from sharpvision.kernels.launch import start_warp

start_warp()

GUARD = 2097152.0
"""Corners beyond 2^21 pixels count as those behind the camera: products of 2^30 steps of 1/256 pixel fit in 64 bits."""
OFF = -2147483648
"""Fixed-point x of a corner without a place in the image."""


@wp.struct
class CutFace:
    """A face by its edges: `line` times (x, y, 1), >= 0 inside, or where `whole` the integer edge `start` + `step`."""

    line: wp.mat33d
    start: wp.types.matrix((3, 2), wp.int64)
    step: wp.types.matrix((3, 2), wp.int64)
    whole: wp.vec3i
    inverse_w: wp.vec3d
    key: wp.vec3d
    drawn: int


@cache
def near_plane_functions(real: type) -> SimpleNamespace:
    """Warp functions for coordinates of type `real`: `fixed` point, `within` the guard band, `cut_box`, `cut_face` and
    `cut_key`."""
    vec4 = wp.types.vector(4, real)
    zero = wp.constant(wp.float64(0.0))

    @wp.func
    def fixed(v: real) -> int:
        return int(wp.floor(v * real(256.0) + real(0.5)))

    @wp.func
    def within(x: real, y: real) -> bool:
        return wp.abs(x) <= real(GUARD) and wp.abs(y) <= real(GUARD)

    @wp.func
    def widened(box: wp.vec4d, x: wp.float64, y: wp.float64) -> wp.vec4d:
        return wp.vec4d(wp.min(box[0], x), wp.min(box[1], y), wp.max(box[2], x), wp.max(box[3], y))

    @wp.func
    def widened_by_edge(box: wp.vec4d, a: vec4, b: vec4, near: wp.float64) -> wp.vec4d:
        """With the corner a, if it is in front, and with the place where a -> b crosses w = near, if it does."""
        wide = box
        wa = wp.float64(a[3])
        wb = wp.float64(b[3])
        if wa >= near:
            wide = widened(wide, wp.float64(a[0]) / wa, wp.float64(a[1]) / wa)
        if (wa >= near) != (wb >= near):
            t = (near - wa) / (wb - wa)
            x = wp.float64(a[0]) + t * (wp.float64(b[0]) - wp.float64(a[0]))
            y = wp.float64(a[1]) + t * (wp.float64(b[1]) - wp.float64(a[1]))
            wide = widened(wide, x / near, y / near)
        return wide

    @wp.func
    def cut_box(a: vec4, b: vec4, c: vec4, near: real, size: wp.vec2i) -> wp.vec4i:
        """First and last pixel column and row that the part with w >= near may touch, a pixel to spare; the last before
        the first where there is none, or a coordinate is not a number."""
        big = wp.float64(1.0e300)
        pad = wp.float64(1.0)
        box = wp.vec4d(big, big, -big, -big)
        box = widened_by_edge(box, a, b, wp.float64(near))
        box = widened_by_edge(box, b, c, wp.float64(near))
        box = widened_by_edge(box, c, a, wp.float64(near))
        x1 = wp.float64(size[0] - 1)
        y1 = wp.float64(size[1] - 1)
        found = wp.vec4i(0, 0, -1, -1)
        if box[0] - pad <= x1 and box[1] - pad <= y1 and box[2] + pad >= zero and box[3] + pad >= zero:
            found = wp.vec4i(
                int(wp.max(box[0] - pad, zero)), int(wp.max(box[1] - pad, zero)),
                int(wp.min(box[2] + pad, x1)), int(wp.min(box[3] + pad, y1)),
            )  # fmt: skip
        return found

    @wp.func
    def line_of(a: vec4, b: vec4, ascending: bool) -> wp.vec3d:
        """a x b of (x w, y w, w), made from b x a where the rows do not ascend: exactly its negative."""
        p = wp.vec3d(wp.float64(a[0]), wp.float64(a[1]), wp.float64(a[3]))
        q = wp.vec3d(wp.float64(b[0]), wp.float64(b[1]), wp.float64(b[3]))
        line = wp.cross(p, q)
        if not ascending:
            line = -wp.cross(q, p)
        return line

    @wp.func
    def cut_face(
        a: vec4, b: vec4, c: vec4, pa: wp.vec2i, pb: wp.vec2i, pc: wp.vec2i, row: wp.vec3i
    ) -> CutFace:
        """`a`, `b`, `c` the corners at rows `row`, `pa`, `pb`, `pc` their fixed-point places or `OFF`."""
        face = CutFace()
        la = line_of(b, c, row[1] < row[2])
        lb = line_of(c, a, row[2] < row[0])
        lc = line_of(a, b, row[0] < row[1])
        det = la[0] * wp.float64(a[0]) + la[1] * wp.float64(a[1]) + la[2] * wp.float64(a[3])
        face.drawn = 0
        if det > zero or det < zero:
            face.drawn = 1
            sign = wp.float64(1.0)
            if det < zero:
                sign = wp.float64(-1.0)
            la *= sign
            lb *= sign
            lc *= sign
            size = det * sign
            face.line = wp.matrix_from_rows(la, lb, lc)
            face.inverse_w = (la + lb + lc) / size
            face.key = (wp.float64(a[2]) * la + wp.float64(b[2]) * lb + wp.float64(c[2]) * lc) / size
            for k in range(3):
                p = pb
                q = pc
                if k == 1:
                    p = pc
                    q = pa
                if k == 2:
                    p = pa
                    q = pb
                face.whole[k] = 0
                if p[0] != OFF and q[0] != OFF:
                    face.whole[k] = 1
                    for d in range(2):
                        face.start[k, d] = wp.int64(p[d])
                        face.step[k, d] = wp.int64(q[d] - p[d]) * wp.int64(sign)
        return face

    @wp.func
    def cut_key(face: CutFace, x: int, y: int, near: real) -> real:
        """The key of a face at the centre of pixel (x, y); infinite where the face is not seen there."""
        p = wp.vec3d(wp.float64(x) + wp.float64(0.5), wp.float64(y) + wp.float64(0.5), wp.float64(1.0))
        inside = face.drawn == 1
        for k in range(3):
            if face.whole[k] == 1:
                dx = face.step[k, 0]
                dy = face.step[k, 1]
                edge = dx * (wp.int64(y * 256 + 128) - face.start[k, 1])
                edge -= dy * (wp.int64(x * 256 + 128) - face.start[k, 0])
                if edge < wp.int64(0):
                    inside = False
                # On the edge itself: it belongs to the face if it is a top or a left one.
                if edge == wp.int64(0) and not (dy < wp.int64(0) or (dy == wp.int64(0) and dx > wp.int64(0))):
                    inside = False
            else:
                line = face.line[k]
                side = wp.dot(line, p)
                if not (side >= zero):
                    inside = False
                if side == zero and not (line[0] > zero or (line[0] == zero and line[1] > zero)):
                    inside = False
        key = real(wp.inf)
        inverse_w = wp.dot(face.inverse_w, p)
        if inside and inverse_w > zero and inverse_w * wp.float64(near) <= wp.float64(1.0):
            key = real(wp.dot(face.key, p))
        return key

    return SimpleNamespace(fixed=fixed, within=within, cut_box=cut_box, cut_face=cut_face, cut_key=cut_key)
