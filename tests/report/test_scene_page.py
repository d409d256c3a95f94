"""The page of a scene in headless Chromium: it draws what `render` draws, turns, logs nothing and asks for nothing."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb8
from sharpvision.data import read_scene
from sharpvision.rendering import render
from sharpvision.report import scene_page
from sharpvision.report.scene_packing import pack_scene

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--force-color-profile=srgb", "--disable-background-networking"]  # fmt: skip


def test_a_page_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = read_scene("sphere").resized(16, 16)
    assert len(scene_page.build_scene_page(file, "<b>")) < scene_page.MAX_BYTES
    assert "<b>" not in scene_page.build_scene_page(file, "<b>").split("<style>")[0]
    monkeypatch.setattr(scene_page, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="simplify its meshes"):
        scene_page.build_scene_page(file, "sphere")


def test_packing_splits_vertices_only_where_something_differs() -> None:
    packed = pack_scene(read_scene("hard_edges")).description
    assert packed["triangles"] == sum(shape["triangles"] for shape in packed["shapes"])
    assert pack_scene(read_scene("sphere")).description["vertices"] == 10242


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def drawn(page: Any) -> np.ndarray:
    uri = page.evaluate("(sharpvision.draw(), document.querySelector('canvas').toDataURL('image/png'))")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")).astype(float)


@pytest.mark.parametrize("name", ["metals", "normal_map", "torus_sh", "globe"])
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")
def test_the_page_draws_what_render_draws(browser: Any, tmp_path: Path, name: str) -> None:
    scene = read_scene(name)
    path = tmp_path / "view.html"
    path.write_text(scene_page.build_scene_page(replace(scene.resized(64, 64)), name), encoding="utf-8")
    page = browser.new_page(viewport={"width": 360, "height": 400}, reduced_motion="reduce")
    logged: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.evaluate("sharpvision.ready") is True
    found = drawn(page)
    side = min(found.shape[:2])
    top, left = (found.shape[0] - side) // 2, (found.shape[1] - side) // 2
    square = found[top : top + side, left : left + side]
    with torch.no_grad():
        file = scene.resized(side, side)
        settings = replace(file.settings, buffers=("image",), shadows=False)
        expected = srgb8(render(file.scene, file.view, settings)["image"].numpy()).astype(float)
    off = np.abs(square - expected).max(-1)
    assert np.median(off) <= 2
    assert off.mean() < (7 if name == "normal_map" else 2.5)  # filtering at low angles is the graphics card's
    page.evaluate("sharpvision.turn(0.7, 0.1)")
    assert np.abs(drawn(page) - found).mean() > 1
    page.locator("#scene-home").click()
    np.testing.assert_allclose(drawn(page), found)
    page.locator("label[for=scene-mode-2]").click()
    assert np.abs(drawn(page) - found).mean() > 4
    assert logged == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path")
def test_without_webgl_the_rendered_picture_stays(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "view.html"
    path.write_text(scene_page.build_scene_page(read_scene("sphere").resized(32, 32), "sphere"), encoding="utf-8")
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(path.as_uri())
    assert page.evaluate("sharpvision.ready") is False
    assert "WebGL" in page.locator(".stage-message").inner_text()
    assert page.locator("#scene .poster").is_visible()
    page.close()
