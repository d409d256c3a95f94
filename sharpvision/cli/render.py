"""`sharpvision render SCENE -o FILE`: a scene file in, an image, its buffers or a turntable out."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpvision.cli.exits import Interruption, ends_well, stdout_for_results
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from sharpvision.data import SceneFile
    from sharpvision.rendering import RenderSettings

CHOOSE = "choose another -o"
FILMS = (".webp", ".gif")


class RenderMode(StrEnum):
    """How many samples a pixel has."""

    fast = "fast"
    default = "default"
    accurate = "accurate"


class RenderBackend(StrEnum):
    """What finds the surface in each pixel."""

    warp = "warp"
    pytorch3d = "pytorch3d"


def image_size(text: str) -> tuple[int, int]:
    """Check the value of `--size`.

    >>> image_size("640x480")
    (640, 480)
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() and 1 <= int(p[:9]) <= 16384 for p in parts):
        raise typer.BadParameter("expected WIDTHxHEIGHT of 1 to 16384 pixels, such as 640x480")
    return int(parts[0]), int(parts[1])


def buffer_names(text: str) -> tuple[str, ...]:
    """Check the value of `--buffers`.

    >>> buffer_names("image, depth")
    ('image', 'depth')
    """
    known = ("image", "alpha", "depth", "normal", "uv", "face", "albedo", "shading")
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not set(names) <= set(known):
        raise typer.BadParameter(f"expected some of {','.join(known)}")
    return names


@ends_well
def render(  # noqa: PLR0913  (a command has as many parameters as options)
    scene: Annotated[
        str, typer.Argument(metavar="SCENE", help="A scene file (YAML), or the name of one that comes along.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="PNG, EXR or HDR; WebP or GIF for a turntable.")
    ],
    backend: Annotated[RenderBackend, typer.Option(help="What rasterises.")] = RenderBackend.warp,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Instead of the scene's.")] = None,
    buffers: Annotated[
        str, typer.Option(metavar="NAMES", help="Of image,alpha,depth,normal,uv,face,albedo,shading.")
    ] = "image",
    turntable: Annotated[int, typer.Option(metavar="N", min=0, max=720, help="N views once round the target.")] = 0,
    mode: Annotated[RenderMode | None, typer.Option(help="Instead of the scene's.")] = None,
    bits: Annotated[int, typer.Option(help="Of a PNG: 8 or 16.")] = 8,
    fps: Annotated[float, typer.Option(min=0.1, max=100, help="Views a second in a turntable.")] = 24.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier files.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was done alone, as JSON.")] = False,
) -> None:
    """Render a scene."""
    wanted = buffer_names(buffers)
    shape = None if size is None else image_size(size)
    if bits not in (8, 16):
        raise typer.BadParameter("--bits: expected 8 or 16")
    with Interruption() as interruption:
        began = time.perf_counter()
        with stdout_for_results():
            from sharpvision.data.whole_file import check_free, write_whole

            _check_out(out, wanted, turntable)
            check_free(out, overwrite, CHOOSE)
            file, settings = _prepare(scene, shape, wanted, mode, backend)
            if turntable:
                files = _film(file, settings, turntable, backend, out, fps)
            else:
                files = _image(file, settings, backend, out, bits)
            with interruption.deferred():
                write_whole(files, overwrite, CHOOSE)
        _report(file, list(files), settings, time.perf_counter() - began, json)


def _check_out(out: Path, wanted: tuple[str, ...], turntable: int) -> None:
    """Refuse a suffix that cannot hold what is wanted, before anything is computed."""
    film = out.suffix.lower() in FILMS
    if film and not turntable:
        raise InputError(out, "--turntable N for a film", "no --turntable", "add it, or write a .png")
    if turntable:
        if not film:
            raise InputError(out, "a name that ends in .webp or .gif for a turntable", repr(out.suffix), "rename it")
        if len(wanted) != 1:
            raise InputError(out, "one buffer in a film", ",".join(wanted), "ask for one of --buffers")
        return
    from sharpvision.data.image_files import check_format

    check_format(out, wanted)


def _prepare(
    scene: str, size: tuple[int, int] | None, wanted: tuple[str, ...], mode: RenderMode | None, backend: RenderBackend
) -> tuple[SceneFile, RenderSettings]:
    """The scene as asked for, and the settings."""
    from dataclasses import replace

    if backend is RenderBackend.pytorch3d:
        from sharpvision.rendering.backends.pytorch3d import require_pytorch3d

        require_pytorch3d()
    from sharpvision.data.scene_file import read_scene

    file = read_scene(scene)
    if size is not None:
        file = file.resized(*size)
    chosen: Any = {"buffers": wanted}
    if mode is not None:
        chosen["mode"] = mode.value
    return file, replace(file.settings, **chosen)


def _buffers(file: SceneFile, view: Any, settings: RenderSettings, backend: RenderBackend) -> dict[str, Any]:
    """Arrays as files hold them: normals x right, y up, z to the viewer; the image through the scene's sensor."""
    import torch

    from sharpvision.core.frames import opengl_from_opencv
    from sharpvision.rendering import render as draw

    with torch.no_grad():
        found = dict(draw(file.scene, view, settings, backend=backend.value).items())
        if "normal" in found:
            inside = view.world_to_camera.rotation_matrix
            found["normal"] = opengl_from_opencv(found["normal"] @ inside.mT)
        if "image" in found and file.sensor is not None:
            found["image"] = file.sensor(found["image"], file.seed).image
    return {name: found[name].cpu().numpy() for name in settings.buffers}


def _image(
    file: SceneFile, settings: RenderSettings, backend: RenderBackend, out: Path, bits: int
) -> dict[Path, bytes]:
    from sharpvision.data.image_files import encoded

    return encoded(out, _buffers(file, file.view, settings, backend), bits)


def _film(
    file: SceneFile, settings: RenderSettings, count: int, backend: RenderBackend, out: Path, fps: float
) -> dict[Path, bytes]:
    """Views at equal angles, under a line on stderr that says how far it is."""
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress

    from sharpvision.data.film import film_bytes
    from sharpvision.data.image_files import picture

    frames = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for k in progress.track(range(count), description="turntable"):
            view = file.turned(2 * math.pi * k / count)
            ((name, values),) = _buffers(file, view, settings, backend).items()
            frames.append(np.rint(255 * np.clip(picture(name, values), 0, 1)).astype(np.uint8))
    return {out: film_bytes(out, frames, fps)}


def _report(file: SceneFile, files: list[Path], settings: RenderSettings, seconds: float, json: bool) -> None:
    """What was done on stdout, as JSON or as lines."""
    faces = sum(len(shape.get_buffer("faces")) for shape in file.scene.shapes.values())
    record = {
        "scene": str(file.path), "files": [str(f) for f in files], "width": file.view.width, "height": file.view.height,
        "buffers": list(settings.buffers), "mode": settings.mode, "shadows": settings.shadows, "triangles": faces,
        "length_unit": file.length_unit, "notes": file.notes, "seconds": round(seconds, 3),
    }  # fmt: skip
    if json:
        from sharpvision.report.result import as_json

        typer.echo(as_json(record), nl=False)
        return
    for note in file.notes:
        typer.echo(f"note: {note}")
    written = ", ".join(str(f) for f in files)
    typer.echo(f"{written}: {file.view.width}x{file.view.height}, {faces} triangles, {seconds:.2f} s")
