"""The page's section on the capture: what was found is drawn where it was found, what is unknown is left out."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from synthetic_solution import sphere_solution

from sharpvision.report.page import build_page
from sharpvision.report.page_capture import capture_figures
from sharpvision.report.page_capture_plots import polar
from sharpvision.sensor.response_curve import ResponseCurve


def _findings(**changes: Any) -> SimpleNamespace:
    """A ball of 10 x 8 px about (40, 30), turned by 20 degrees, in a picture reduced to a half."""
    outline = SimpleNamespace(ellipse=(np.array([40.0, 30.0]), np.array([10.0, 8.0]), 20.0))
    places = np.array([[41.0, 29.0], [np.nan, np.nan], [38.0, 33.0]])
    found = np.array([True, False, True])
    directions = np.array([[0.0, 0.0, -1.0], [np.nan] * 3, [0.6, 0.0, -0.8]])
    ball = SimpleNamespace(
        ball=SimpleNamespace(outline=outline, highlights=SimpleNamespace(positions=places), centre=(40.0, 30.0),
                             radius=9.0, contour_rms_px=0.2, confidence=0.9),
        lights=SimpleNamespace(directions=directions, std_deg=np.array([0.5, np.nan, 4.0]), found=found),
        picture=np.full((24, 32, 3), 0.2, np.float32), scale=0.5, names=("<a>.jpg", "b.jpg", "c.jpg"), in_frame=True,
    )  # fmt: skip
    kept = {"ball": ball, "picture": ball.picture, "scale": 0.5, "mask": None, "response": None, "alignment": None,
            "intensities": None, **changes}  # fmt: skip
    return SimpleNamespace(**kept)


def test_nothing_found_is_nothing_shown() -> None:
    solution = sphere_solution(24)
    assert capture_figures(None, solution) == []
    assert 'id="capture-title"' not in build_page(solution, {})


def test_outline_and_highlights_stand_where_they_were_found() -> None:
    seen, lights = capture_figures(_findings(), sphere_solution(24))
    assert 'rx="5.00" ry="4.00"' in seen.drawing
    assert "translate(20.00 15.00) rotate(20.00)" in seen.drawing
    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', seen.drawing) == [("20.50", "14.50"), ("19.00", "16.50")]
    assert "&lt;a&gt;.jpg" in seen.drawing
    assert "<a>" not in seen.drawing
    assert "radius 9.0 px" in seen.caption
    assert "Directions of 2 of 3 lights" in lights.caption
    assert "4.0° or better" in lights.caption


def test_the_masks_outline_is_drawn() -> None:
    solution = sphere_solution(24)
    seen = capture_figures(_findings(ball=None, mask=object(), picture=np.ones((24, 24, 3), np.float32), scale=1.0),
                           solution)[0]  # fmt: skip
    path = re.search(r'class="edge mask" d="([^"]+)"', seen.drawing)
    assert path is not None
    numbers = np.array(re.findall(r"[\d.]+", path[1]), float).reshape(-1, 2)
    rows, columns = np.nonzero(solution.observations.mask.numpy())
    np.testing.assert_allclose(numbers.min(0), [columns.min() + 0.5, rows.min() + 0.5])
    np.testing.assert_allclose(numbers.max(0), [columns.max() + 0.5, rows.max() + 0.5])


@pytest.mark.parametrize("determined", [True, False])
def test_a_response_says_whether_it_is_known(determined: bool) -> None:
    estimate = SimpleNamespace(curve=ResponseCurve(1.0, 0.5), log_std=0.07, determined=determined)
    figure = capture_figures(_findings(ball=None, picture=None, response=estimate), sphere_solution(24))[0]
    assert "uncertainty, 7 %" in figure.caption
    assert ("do not tell" in figure.caption) is not determined


def test_movement_and_strengths_are_plotted() -> None:
    moved = np.array([False, True, False, False])
    alignment = SimpleNamespace(measured=np.array([[0.0, 0], [2, -1], [0.1, 0], [0, 0]]), moved=moved, reference=2,
                                std=np.array([0.1, 0.1, 0.1, np.inf]))  # fmt: skip
    found = SimpleNamespace(intensities=np.array([[1.0, 1, 1], [np.nan] * 3, [0.5, 0.6, 0.7]]),
                            std=np.array([0.05, np.nan, 0.1]))  # fmt: skip
    figures = capture_figures(_findings(ball=None, picture=None, alignment=alignment, intensities=found),
                              sphere_solution(24))  # fmt: skip
    assert [figure.title for figure in figures] == ["How strong the lights were", "Movement of the camera"]
    assert "against number 3. 1 of 4 were moved back" in figures[1].caption
    assert not [figure for figure in figures if "nan" in figure.drawing]


def test_lights_of_the_whole_sphere_fit_into_the_disc() -> None:
    behind = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 0.1, 0.99], [0.0, 0.0, 1.0]])
    assert "nan" not in polar(behind)
    assert "nan" not in polar(np.zeros((0, 3)))


def test_estimated_lights_are_shown_and_unknown_ones_are_not() -> None:
    solution = sphere_solution(24)
    count = solution.observations.light_count
    known = solution.observations.light_directions
    blank = torch.full((count, 3), torch.nan, dtype=torch.float64)
    solution.observations = type(solution.observations)(**{**vars(solution.observations), "light_directions": blank})
    page = build_page(solution, {})
    assert "nan" not in re.sub(r'<script.*?</script>|base64,[^"]+', "", page, flags=re.DOTALL)
    assert "The dot shows" not in page
    solution.values["light_directions"] = known.float()
    page = build_page(solution, {})
    assert "The dot shows" in page
    assert "as estimated with the surface" in page


def test_the_page_holds_the_section() -> None:
    page = build_page(sphere_solution(24), {}, _findings())
    assert page.count('id="capture-title"') == 1
    assert "nan" not in re.sub(r'<script.*?</script>|base64,[^"]+', "", page, flags=re.DOTALL)
