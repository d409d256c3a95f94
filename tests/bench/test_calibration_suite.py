"""The suite `calibration`: its cases, what it refuses, and the cheap one of its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sharpvision.bench.ball_scene import render
from sharpvision.bench.calibration import Calibration, calibration_cases
from sharpvision.bench.calibration_led_position import led_scene
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError


def test_cases_and_refusals(tmp_path: Path) -> None:
    assert {"chrome_found", "led_position"} <= set(calibration_cases())
    (case,) = Calibration().cases(Options(cases=("led_*",)))
    assert (case.suite, case.case, case.method) == ("calibration", "led_position", "two_balls")
    with pytest.raises(InputError, match="chrome_found"):
        Calibration().cases(Options(cases=("nothing",)))
    with pytest.raises(InputError, match="uw_psm"):
        Calibration().cases(Options(data=tmp_path, cases=("chrome_found",)))


def test_rendered_table_has_the_falloff_of_a_lamp() -> None:
    scene = replace(led_scene(), focal_px=375.0, width=300, height=210)
    lamp = scene.lamps[0]
    image = render(scene, samples=1)[0, :, :, 0].astype(np.float64)
    points = np.array([[75.5, 175.5], [150.5, 175.5], [225.5, 25.5]])
    flat = (points - scene.principal_point) / scene.focal_px * scene.table_z
    away = lamp - np.concatenate([flat, np.full((3, 1), scene.table_z)], axis=1)
    expected = -away[:, 2] / np.linalg.norm(away, axis=1) ** 3
    values = image[points[:, 1].astype(int), points[:, 0].astype(int)]
    assert np.allclose(values / values[0], expected / expected[0], rtol=0.06)  # and the ambient light's share
