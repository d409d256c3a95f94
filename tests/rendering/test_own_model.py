"""The demo of a renderer inside somebody's model: some steps of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

DEMO = Path(__file__).parents[2] / "demos" / "own_model.py"


def test_some_steps_lower_the_loss(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("own_model", DEMO)
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    vars(demo).update(SIDE=24, PHOTOGRAPHS=256)
    model = demo.PoseAndLight()
    image = torch.rand(1, 24, 24, 3)
    plain = model.render(*model.parameters_of(image))
    torch.testing.assert_close(model(image), plain, rtol=0.0, atol=0.0)  # the residual is zero at first
    scores = demo.train(steps=60, batch=16)
    assert "step 0: loss" in capsys.readouterr().out
    assert scores["after"][0] < 0.8 * scores["before"][0]
    assert scores["after"][1] < 0.9 * scores["before"][1]  # degrees, of photographs not trained on
    assert len(DEMO.read_text().splitlines()) <= 100
