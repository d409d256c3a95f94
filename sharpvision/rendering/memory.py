"""How much memory a rendering takes, before it is made."""

from __future__ import annotations

from dataclasses import dataclass

from sharpvision.rendering.settings import RenderSettings

PIXEL, PIXEL_CHANNEL = 24, 2
POINT, POINT_CHANNEL = 40, 6
FACE, SEEN_FACE = 90, 120
VERTEX = 110


@dataclass(frozen=True)
class Workload:
    """What is rendered: `views` of `height` x `width` pixels with `channels`, of meshes with `faces` and `vertices` in
    all; `covered` the share of pixels that show a surface, `real_bytes` 4 or 8."""

    height: int
    width: int
    faces: int
    vertices: int
    views: int = 1
    channels: int = 3
    covered: float = 1.0
    real_bytes: int = 4


def estimated_bytes(work: Workload, settings: RenderSettings | None = None) -> int:
    """Peak memory of `render` of `image`, gradient to all vertices included, above what was there before.

        bytes = N (24 + 2 r C) + P (40 + 6 r C) + S (90 + 120 s) + 110 V B

    N = pixels of one strip over all views (at most `settings.tile_pixels`), P = points = 1.1 `covered` N (4.4 in mode
    `accurate`), r = bytes of a number, C = channels, S = faces times views, s = share of faces with points, at most
    P / S, V = vertices, B = views. Counted are the z-buffer, the plan, values and gradients at points, lists of faces
    and the sums of their corners; not the caller's target and loss, nor textures. Measured by `bench render`, row
    `memory`.

    >>> estimated_bytes(Workload(512, 512, 20480, 10242)) < 2**26
    True
    """
    settings = RenderSettings() if settings is None else settings
    pixels = min(work.views * work.height * work.width, settings.tile_pixels)
    points = pixels * work.covered * (4.4 if settings.mode == "accurate" else 1.1)
    slots = work.faces * work.views
    seen = min(0.5 * slots, points)
    values = work.real_bytes * work.channels
    total = pixels * (PIXEL + PIXEL_CHANNEL * values) + points * (POINT + POINT_CHANNEL * values)
    return int(total + slots * FACE + seen * SEEN_FACE + work.vertices * work.views * VERTEX)
