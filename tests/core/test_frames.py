"""The flip between frames is a rotation by pi about x."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sharpvision.core.frames import opencv_from_opengl, opengl_from_opencv


def test_is_a_half_turn_about_x() -> None:
    v = np.random.default_rng(0).normal(size=(4, 5, 3))
    turned = Rotation.from_euler("x", 180, degrees=True).apply(v.reshape(-1, 3)).reshape(v.shape)
    assert opencv_from_opengl(v) == pytest.approx(turned)
    assert opengl_from_opencv(v) == pytest.approx(turned)
    assert opencv_from_opengl(torch.from_numpy(v)).numpy() == pytest.approx(turned)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_dtype(dtype: type) -> None:
    v = np.ones((2, 3), dtype=dtype)
    assert opencv_from_opengl(v).dtype == dtype
    assert opencv_from_opengl(torch.from_numpy(v)).numpy().dtype == dtype
