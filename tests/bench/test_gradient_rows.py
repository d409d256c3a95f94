"""Rows of the gradient benchmark: names, selection, and what the renderer scores on a small scene."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from sharpvision.bench.gradient_reference import prepared, reference_of
from sharpvision.bench.gradient_rendered import differentiated
from sharpvision.bench.gradient_rows import cases, coverage_metrics, gradient_metrics, rows_of, vertex_metrics
from sharpvision.bench.gradient_scenes import SCENES, ball, scene, shape, single
from sharpvision.bench.render import Render
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError


def test_a_pattern_chooses_scenes():
    chosen = Render().cases(Options(cases=("gradient/torus/*", "coverage/fin")))
    assert [case.case for case in chosen] == ["gradient/torus", "gradient/fin"]
    assert chosen[0].source["part"] == "gradient_rows"
    with pytest.raises(InputError, match="--case"):
        Render().cases(Options(cases=("gradient/nothing/*",)))


def test_every_scene_is_a_case_and_lists_its_rows():
    assert [case.case for case in cases(Options())] == [f"gradient/{name}" for name in SCENES]
    assert {"gradient/uv_seam/albedo_texture", "gradient_vertex/uv_seam", "coverage/uv_seam"} <= set(rows_of("uv_seam"))


def test_the_renderer_is_scored_and_a_wrong_gradient_shows():
    points, faces = ball(2)
    ready = prepared(dataclasses.replace(single(scene(shape(0.4 * points, faces))), name="spot"))
    reference = reference_of(ready)
    result = differentiated(ready.scene, "default", ready.target)
    for name in ready.scene.parameters:
        assert gradient_metrics(name, result, ready, reference)["relative_error_percent"] < 6.0
    assert gradient_metrics("vertices", result, ready, reference)["cosine_to_fd"] > 0.99
    assert vertex_metrics(result, ready, reference)["within_15_percent"] > 80.0
    assert coverage_metrics(result, ready, reference)["rms_to_area_sampled"] < 0.004
    wrong = dataclasses.replace(result, gradient=result.gradient | {"scale": 2 * result.gradient["scale"]})
    assert gradient_metrics("scale", wrong, ready, reference)["relative_error_percent"] > 80.0
    torch.testing.assert_close(reference.gradient["rotation"].shape, torch.Size([3]))
