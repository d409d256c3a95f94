"""`render`: a scene, seen by one or several views, as buffers with derivatives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sharpvision.cameras import View
from sharpvision.core.errors import InputError
from sharpvision.rendering.backends import BACKENDS
from sharpvision.rendering.buffers import Buffers, stacked
from sharpvision.rendering.scene import Scene
from sharpvision.rendering.settings import RenderSettings
from sharpvision.rendering.window import Window


def render(scene: Scene, view: View, settings: RenderSettings | None = None, *, backend: str = "warp") -> Buffers:
    """What `view` sees of `scene`: the mean over each pixel of the radiance towards the camera.

        I(p) = mean over the pixel of sum over lights of f(n, wi, wo) E max(n.wi, 0) V

    In `settings.mode` `default`: one sample a pixel, four in the pixels of silhouettes, boundaries and hard edges, with
    the coverage of each side exact (`kernels/antialias.py`). Derivatives of `image` and `alpha` to vertices, poses,
    cameras, materials, lights, colours and background, at silhouettes by a boundary integral; reverse mode, and forward
    mode with `torch.func.jvp`. Missing, in every mode and dtype: lines where surfaces pass through each other (no edge
    of a mesh, so no term: jagged, and still for every derivative), borders of shadows, the line n.wo = 0 at which a GGX
    lobe ends on smooth normals, mirrors and transparency; a pixel's interior is differentiated at its samples, so
    parameters that move few samples are noisy. Of vertices at one place, whose line is a silhouette, one gets its
    derivative: that of the edge's first face. What each mode leaves out besides: `RenderSettings`. float32 and float64,
    as the scene's parameters; rays of shadows are float32 in both.
    Several views (a batch shape (B,) of the view) are rendered together and give buffers with a leading axis.
    `backend` `pytorch3d` (an extra) takes one sample a pixel and has no derivatives of visibility.
    Results do not depend on the number of threads. Memory: `rendering.memory.estimated_bytes`. Raises `InputError` for
    an unknown backend and for a background that does not fit the image.

    >>> from sharpvision.rendering import example_scene
    >>> scene, view = example_scene(size=(32, 32))
    >>> buffers = render(scene, view)
    >>> buffers.image.shape, bool(buffers.alpha[16, 16] > 0.99)
    (torch.Size([32, 32, 3]), True)
    """
    with torch.autocast(scene.background.device.type, enabled=False):  # coordinates in bfloat16 would be off by pixels
        return _rendered(scene, view, RenderSettings() if settings is None else settings, backend)


def _rendered(scene: Scene, view: View, settings: RenderSettings, backend: str) -> Buffers:
    draw = BACKENDS[backend]
    views = _views(view)
    _check_background(scene, view)
    windows = _windows(view, max(1, views or 1), settings.tile_pixels)
    if len(windows) == 1:
        whole = draw(scene, view, windows[0], settings)
    else:
        parts = []
        for window in windows:
            if torch.is_grad_enabled():
                parts.append(_recomputed(draw, scene, view, window, settings))
            else:
                parts.append(draw(scene, view, window, settings))
        whole = stacked(parts, 1)
    return whole if views is not None else whole.one_view()


def _recomputed(draw, scene: Scene, view: View, window: Window, settings: RenderSettings) -> Buffers:  # type: ignore[no-untyped-def]
    """A strip whose intermediate values are not kept for the backward pass but made again."""
    names: list[str] = []

    def values() -> tuple[Tensor, ...]:
        items = draw(scene, view, window, settings).items()
        names[:] = [name for name, _ in items]
        return tuple(value for _, value in items)

    kept = checkpoint(values, use_reentrant=False)
    return Buffers(**dict(zip(names, kept, strict=True)))


def _views(view: View) -> int | None:
    """Number of views of a batch; None for a single view without a batch axis."""
    shape = view.batch_shape
    if len(shape) > 1:
        raise InputError("view", "a batch shape () or (B,)", str(tuple(shape)), "render one axis of views at a time")
    return shape[0] if shape else None


def _windows(view: View, views: int, tile_pixels: int) -> list[Window]:
    """Strips of full width that hold at most `tile_pixels` pixels over all views, at least one row each."""
    rows = max(1, tile_pixels // (view.width * views))
    return [Window(top, min(rows, view.height - top)) for top in range(0, view.height, rows)]


def _check_background(scene: Scene, view: View) -> None:
    shape = tuple(scene.background.shape)
    if len(shape) != 1 and shape[:-1] != (view.height, view.width):
        raise InputError(
            "scene.background", f"(C,) or ({view.height}, {view.width}, C)", str(shape), "resize it to the image"
        )
