"""The report page: whole for any solution, safe against hostile names, true to what was solved."""

from __future__ import annotations

import base64
import html.parser
import json
import re
import zlib

import numpy as np
import pytest
import torch
from page_solutions import glossy_sphere
from synthetic_solution import sphere_solution

from sharpvision.report.page import build_page
from sharpvision.report.page_plots import calibration, convergence
from sharpvision.solvers import Solution, Status, Step

VOID = {"meta", "link", "img", "input", "br"}


class Balance(html.parser.HTMLParser):
    """Checks that tags close in order and that identifiers are unique."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for key, value in attrs if key == "id"]


def assert_well_formed(page: str) -> None:
    parser = Balance()
    parser.feed(page)
    assert parser.wrong == []
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert set(re.findall(r'(?:for|aria-labelledby|aria-describedby)="([^"]+)"', page)) <= set(parser.ids)


def without_data(page: str) -> str:
    """The page without its base64, which by chance may hold any short word."""
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", page)


def test_page_is_whole_small_and_asks_for_nothing():
    page = build_page(glossy_sphere(), {"mean_angular_error_deg": 1.234})
    assert_well_formed(page)
    bare = without_data(page)
    assert "1.23°" in bare
    assert len(page) < 15_000_000
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", bare)
    assert not re.search(r"https?://(?!www\.w3\.org)", bare)
    for heading in ("Maps", "In three dimensions", "Photographs", "Re-rendered against observed", "Numbers"):
        assert f">{heading}</h2>" in bare
    assert all(re.search(r'alt="[^"]+"', image) for image in re.findall(r"<img[^>]*>", bare))


@pytest.mark.parametrize("status", list(Status))
def test_status_and_its_advice_are_said(status: Status):
    page = build_page(glossy_sphere(status=status), {})
    assert status.value.replace("_", " ") in page
    assert (status.advice in page) == (status is not Status.CONVERGED)


def test_notes_and_names_are_escaped():
    solution = glossy_sphere(notes=["</script><script>alert(1)</script>"], message="<img src=x onerror=alert(2)>")
    hostile = '"><svg/onload=alert(3)></script>'
    solution.observations = type(solution.observations)(
        **{**solution.observations.__dict__, "name": hostile, "image_names": (hostile,) * 4}
    )
    solution.settings = {hostile: hostile}
    solution.history = [Step(1.0 / (k + 1), 1, 1, 1, 1, "<b>$x$") for k in range(4)]
    page = build_page(solution, {hostile: hostile})
    assert_well_formed(page)
    bare = without_data(page)
    assert "<script>alert" not in bare
    assert "<svg/onload" not in bare
    assert "<img src=x" not in bare
    assert "<b>$x" not in bare


@pytest.mark.parametrize("fill", [None, float("nan"), 0.0])
def test_page_of_a_minimal_solution(fill: float | None):
    values = {} if fill is None else {"normals": torch.full((5, 7, 3), fill), "albedo": torch.full((5, 7, 3), fill)}
    page = build_page(Solution("least_squares", Status.DIVERGED, "", values), {"odd": float("nan")})
    assert_well_formed(page)
    assert "In three dimensions" not in without_data(page)
    assert "Lambertian fit" in page


def test_page_with_nan_everywhere_but_the_normals():
    solution = glossy_sphere()
    for name in ("albedo", "depth", "rough_diffuse", "lobe_weights", "predicted"):
        solution.values[name] = torch.full_like(solution.values[name], torch.nan)
    solution.std["normals"] = torch.full_like(solution.std["normals"], torch.nan)
    solution.explained = {"physics": float("nan"), "residual": float("nan"), "neither": float("nan")}
    solution.history = [Step(float("nan"), 0, 0, 0, 0)] * 3
    page = build_page(solution, {})
    assert_well_formed(page)
    assert "NaN" not in without_data(page).split("<script>")[0]


def test_page_of_one_pixel_and_of_an_empty_mask():
    for keep in (1, 0):
        solution = sphere_solution(12)
        mask = torch.zeros(12, 12, dtype=torch.bool)
        mask[6, 6] = bool(keep)
        solution.observations = type(solution.observations)(**{**solution.observations.__dict__, "mask": mask})
        assert_well_formed(build_page(solution, {}))


def test_calibration_counts_the_share_within_one_std():
    rng = np.random.default_rng(0)
    std = rng.uniform(1, 5, 20_000)
    svg, share = calibration(std, std * np.abs(rng.normal(size=std.size)) / 0.994)  # 68 % of |N(0, 1)| lie within 0.994
    assert share == pytest.approx(0.68, abs=0.01)
    assert svg.startswith("<svg")
    assert "var(--series-1)" in svg
    assert calibration(std[:10], std[:10]) is None


def test_convergence_shows_every_stage_and_survives_gaps():
    values = [(9, "coarse"), (float("nan"), "coarse"), (2, "fine"), (1e-3, "fine")]
    history = [Step(value, 1, 1, 1, 1, stage) for value, stage in values]
    svg = convergence(history)
    assert "coarse" in svg
    assert "fine" in svg
    assert convergence(history[:1]) is None


def test_description_in_the_page_is_json_that_matches_its_data():
    page = build_page(glossy_sphere(), {})
    description = json.loads(re.search(r'id="relight-description">(.*?)</script>', page, re.DOTALL)[1])
    data = re.search(r'id="relight-data">(.*?)</script>', page, re.DOTALL)[1]
    planes = sum(1 if channel["bits"] <= 8 else 2 for channel in description["channels"])
    assert len(zlib.decompress(base64.b64decode(data))) == planes * description["width"] * description["height"]
