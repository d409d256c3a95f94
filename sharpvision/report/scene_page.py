"""`view.html`: a scene to turn about in a browser, in one self-contained page."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import jinja2
import numpy as np
import torch
from markupsafe import Markup

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb8, srgb_from_linear
from sharpvision.data import SceneFile
from sharpvision.report.page_pictures import data_uri
from sharpvision.report.scene_packing import pack_scene

MAX_BYTES = 15_000_000
MAX_POSTER = 1024
SCRIPTS = ("webgl.js", "scene_viewer.js")


def build_scene_page(file: SceneFile, name: str) -> str:
    """The page as HTML, at most 15 MB, without a request to anywhere; the picture that stays still is `render`'s.

    Its shading is that of `render`, without cast shadows and with the filtering of the graphics card. Raises
    `InputError` where the scene is too large for a page.
    """
    packed = pack_scene(file)
    width, height = file.view.width, file.view.height
    share = min(1.0, MAX_POSTER / max(width, height))
    poster = _poster(file if share == 1 else file.resized(max(1, round(width * share)), max(1, round(height * share))))
    shapes, triangles = len(file.scene.shapes), packed.description["triangles"]
    background = srgb8(np.asarray(packed.description["linear_background"]))
    context = {
        "name": name, "poster": poster, "packed": packed, "notes": file.notes, "shadows": file.settings.shadows,
        "facts": [f"{shapes} shape{'s' * (shapes != 1)}", f"{triangles:,} triangles".replace(",", " ")],
        "caption": f"From the scene's camera, {width} × {height} pixels in the file.",
        "background": [int(v) for v in background],
        "style": Markup(_template("page.css")), "script": Markup("\n".join(_template(s) for s in SCRIPTS)),
    }  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page = environment.get_template("scene.html.j2").render(context)
    size = len(page.encode())
    if size > MAX_BYTES:
        found = f"{size / 1e6:.1f} MB ({triangles} triangles)"
        expected = f"a scene whose page has at most {MAX_BYTES / 1e6:g} MB"
        raise InputError(file.path, expected, found, "simplify its meshes, or shrink its textures")
    return page


def _template(name: str) -> str:
    return (files("sharpvision.report") / "templates" / name).read_text(encoding="utf-8")


def _poster(file: SceneFile) -> str:
    from sharpvision.rendering import render

    with torch.no_grad():
        image = render(file.scene, file.view, replace(file.settings, buffers=("image",)))["image"]
    return data_uri(srgb_from_linear(np.clip(image.numpy(), 0, 1)), quality=88)
