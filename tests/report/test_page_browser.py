"""The report page in headless Chromium: what moves does move, nothing is logged, nothing is asked of the network."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_solutions import glossy_sphere
from PIL import Image
from synthetic_solution import sphere_solution

from sharpvision.report.page import build_page
from sharpvision.report.page_relight import direction, fitted_material, poster
from sharpvision.report.page_subject import subject

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb",
]  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(build_page(glossy_sphere(96), {}), encoding="utf-8")
    return file


class Visit:
    """A page opened in a fresh context, with everything it logged and asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 900, height: int = 700, **options: Any) -> None:
        options = {"reduced_motion": "reduce", **options}
        self.context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        self.page = self.context.new_page()
        self.logged: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.logged.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.logged.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.live = self.page.evaluate("window.sharpvision.ready")

    def picture(self, selector: str) -> np.ndarray:
        shot = self.page.locator(selector).screenshot(animations="disabled")
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(float)

    def pixels(self, selector: str) -> np.ndarray:
        """The drawing buffer of a canvas, top row first."""
        uri = self.page.evaluate("(selector) => document.querySelector(selector).toDataURL('image/png')", selector)
        drawn = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
        return np.asarray(drawn.convert("RGB")).astype(float)

    def light(self, x: float, y: float) -> np.ndarray:
        self.page.evaluate(f"sharpvision.setLight({x}, {y}); sharpvision.draw()")
        return self.pixels("#relight canvas")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def middle(picture: np.ndarray, part: float = 0.3) -> np.ndarray:
    height, width = picture.shape[:2]
    side = part * min(height, width) / 2
    return picture[int(height / 2 - side) : int(height / 2 + side), int(width / 2 - side) : int(width / 2 + side)]


def test_nothing_is_logged_and_nothing_is_requested(browser: Any, page_file: Path):
    with Visit(browser, page_file) as visit:
        visit.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        visit.page.wait_for_timeout(300)
        assert visit.live is True
        assert visit.logged == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
        assert len([url for url in visit.requests if url.startswith("file:")]) == 1
        broken = "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.alt)"
        assert visit.page.evaluate(broken) == []


def test_the_mouse_moves_the_light(browser: Any, page_file: Path):
    with Visit(browser, page_file) as visit:
        box = visit.page.locator("#relight canvas").bounding_box()
        visit.page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.4 * box["height"])
        visit.page.wait_for_timeout(400)
        left = middle(visit.picture("#relight"))
        visit.page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 0.6 * box["height"])
        visit.page.wait_for_timeout(400)
        right = middle(visit.picture("#relight"))
        assert np.abs(left - right).mean() > 4
        assert "from the camera axis" in visit.page.locator("#relight-readout").inner_text()


def test_the_side_that_faces_the_light_is_brighter(browser: Any, page_file: Path):
    with Visit(browser, page_file) as visit:
        for x, y in ((-0.7, 0), (0.7, 0), (0, 0.7), (0, -0.7)):
            picture = visit.light(x, y).mean(-1)
            height, width = picture.shape
            reach = 0.3 * min(height, width)
            towards = picture[int(height / 2 - y * reach), int(width / 2 + x * reach)]
            away = picture[int(height / 2 + y * reach), int(width / 2 - x * reach)]
            assert towards > away + 40


def test_the_shader_draws_what_python_computes(browser: Any, page_file: Path):
    solution = glossy_sphere(96)
    material = fitted_material(solution, subject(solution))
    with Visit(browser, page_file) as visit:
        visit.page.evaluate("document.getElementById('relight-shadows').click()")  # Python's picture has none
        for x, y in ((-0.45, 0.5), (0.6, 0.1), (0.0, 0.0)):
            drawn = visit.light(x, y)
            expected = 255 * poster(material, direction(x, y))[..., :3]
            height, width = drawn.shape[:2]
            rows, columns = material.cover.shape
            zoom = 0.88 * min(height, width) / max(rows, columns)
            inside = np.argwhere(material.cover > 0.999)[::7]
            at = (inside + 0.5 - [rows / 2, columns / 2]) * zoom + [height / 2, width / 2]
            found = drawn[at[:, 0].astype(int), at[:, 1].astype(int)]
            assert np.abs(found - expected[inside[:, 0], inside[:, 1]]).mean() < 2.5


def test_modes_intensity_and_keys_change_the_picture(browser: Any, page_file: Path):
    with Visit(browser, page_file) as visit:
        seen = [visit.light(0.3, 0.3)]
        for mode in (1, 2, 3, 0):
            visit.page.locator(f"label[for=relight-mode-{mode}]").click()
            seen.append(visit.light(0.3, 0.3))
        for before, after in pairwise(seen):
            assert np.abs(middle(before) - middle(after)).mean() > 2
        np.testing.assert_allclose(seen[0], seen[-1], atol=1)
        visit.page.locator("#relight-intensity").fill("1")
        assert middle(visit.light(0.3, 0.3)).mean() > middle(seen[0]).mean() + 10
        visit.page.locator("#relight canvas").focus()
        before = visit.light(0.3, 0.3)
        for _ in range(6):
            visit.page.keyboard.press("ArrowLeft")
        visit.page.evaluate("sharpvision.draw()")
        assert np.abs(middle(before) - middle(visit.pixels("#relight canvas"))).mean() > 2


def test_dragging_turns_the_mesh_and_keys_do_too(browser: Any, page_file: Path):
    with Visit(browser, page_file) as visit:
        visit.page.locator("#mesh").scroll_into_view_if_needed()
        visit.page.wait_for_timeout(300)
        before = visit.pixels("#mesh canvas")
        assert before.std() > 5  # something is drawn
        box = visit.page.locator("#mesh canvas").bounding_box()
        visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + box["width"] / 2 + 120, box["y"] + box["height"] / 2 + 40, steps=4)
        visit.page.mouse.up()
        visit.page.wait_for_timeout(300)
        turned = visit.pixels("#mesh canvas")
        assert np.abs(before - turned).mean() > 1
        visit.page.mouse.wheel(0, -600)
        visit.page.wait_for_timeout(300)
        nearer = visit.pixels("#mesh canvas")
        assert np.abs(turned - nearer).mean() > 1
        visit.page.keyboard.press("Home")
        visit.page.wait_for_timeout(300)
        assert np.abs(visit.pixels("#mesh canvas") - before).mean() < 0.5


def test_the_light_moves_by_itself_unless_motion_is_unwanted(browser: Any, page_file: Path):
    for wanted, moves in (("no-preference", True), ("reduce", False)):
        with Visit(browser, page_file, reduced_motion=wanted) as visit:
            lamp = "document.querySelector('#relight .lamp').style.transform"
            first, seen = visit.page.evaluate(lamp), set()
            for _ in range(20 if moves else 4):
                visit.page.wait_for_timeout(250)
                seen.add(visit.page.evaluate(lamp))
                if seen - {first}:
                    break
            assert bool(seen - {first}) == moves


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_width_overflows(browser: Any, page_file: Path, width: int, scheme: str):
    with Visit(browser, page_file, width=width, color_scheme=scheme) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(paper.split("(")[1].split(",")[0])
        assert (red < 60) == (scheme == "dark")


def test_without_webgl_the_still_picture_and_a_reason_are_shown(browser: Any, page_file: Path):
    with Visit(browser, page_file) as live:
        context = browser.new_context(reduced_motion="reduce")
        page = context.new_page()
        page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        page.goto(live.page.url)
        assert page.evaluate("sharpvision.ready") is False
        assert "WebGL" in page.locator("#relight .stage-message").inner_text()
        assert page.locator("#relight .poster").is_visible()
        context.close()


def test_a_page_without_depth_or_gloss_lives_too(browser: Any, tmp_path: Path):
    solution = sphere_solution(32, truth=False)
    for name in ("depth", "predicted", "predicted_lights"):
        del solution.values[name]
    solution.std.clear()
    file = tmp_path / "plain.html"
    file.write_text(build_page(solution, {}), encoding="utf-8")
    with Visit(browser, file) as visit:
        assert visit.live is True
        assert visit.logged == []
        assert np.abs(middle(visit.light(-0.6, 0)) - middle(visit.light(0.6, 0))).mean() > 10
