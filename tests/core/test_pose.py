"""Similarities, against SciPy and homogeneous coordinates in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from contracts.modules import as_function
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck

from sharpvision.core.pose import Pose

component = st.floats(-1.5, 1.5)
vectors = st.tuples(component, component, component)
POINTS = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 3.0], [0.3, 0.2, 0.1]])


@given(vectors, vectors, st.floats(1e-3, 1e3))
@settings(max_examples=60, deadline=None)
def test_points_matrix_and_inverse(rotation: tuple, translation: tuple, scale: float) -> None:
    r, t = np.array(rotation), np.array(translation)
    pose = Pose(torch.from_numpy(r), torch.from_numpy(t), torch.tensor(scale, dtype=torch.float64))
    expected = scale * Rotation.from_rotvec(r).apply(POINTS) + t
    moved = pose(torch.from_numpy(POINTS)).detach()
    np.testing.assert_allclose(moved.numpy(), expected, rtol=1e-9, atol=1e-12)
    homogeneous = np.concatenate([POINTS, np.ones((3, 1))], -1) @ pose.matrix.detach().numpy().T
    np.testing.assert_allclose(homogeneous[:, :3], expected, rtol=1e-9, atol=1e-12)
    back = pose.inverse()(moved).detach().numpy()
    np.testing.assert_allclose(back, POINTS, atol=1e-7 * (1 + 1 / scale))
    again = Pose.from_matrix(pose.matrix.detach())
    np.testing.assert_allclose(again(torch.from_numpy(POINTS)).detach().numpy(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("rotation", [[0.0, 0.0, 0.0], [1e-9, 0.0, 0.0], [np.pi, 0.0, 0.0], [0.3, -2.0, 1.0]])
def test_derivatives_also_at_the_identity_and_half_a_turn(rotation: list[float]) -> None:
    pose = Pose(torch.tensor(rotation).double(), torch.tensor([0.1, 0.2, 0.3]).double(), torch.tensor(1.3).double())
    function, parameters = as_function(pose)
    points = torch.from_numpy(POINTS)
    inputs = [v.requires_grad_() for v in (*parameters, points)]
    assert gradcheck(function, inputs, check_forward_ad=True)


def test_batches_of_poses_and_of_points() -> None:
    rng = np.random.default_rng(0)
    rotations, translations = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    poses = Pose(torch.from_numpy(rotations), torch.from_numpy(translations))
    moved = poses(torch.from_numpy(POINTS)).detach().numpy()
    assert moved.shape == (4, 3, 3)
    for i in range(4):
        np.testing.assert_allclose(moved[i], Rotation.from_rotvec(rotations[i]).apply(POINTS) + translations[i])
    assert poses.matrix.shape == (4, 4, 4)
    assert poses.scale.detach().tolist() == pytest.approx([1.0] * 4)
    assert poses(torch.from_numpy(POINTS)[:0]).shape == (4, 0, 3)


def test_what_is_no_similarity_is_refused() -> None:
    mirrored = torch.diag(torch.tensor([1.0, 1.0, -1.0, 1.0]))
    sheared = torch.eye(4)
    sheared[0, 1] = 0.1
    for matrix in (mirrored, sheared, torch.zeros(4, 4)):
        with pytest.raises(ValueError, match=r"a pose must be \[s R \| t\]"):
            Pose.from_matrix(matrix)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="scale must be positive"):
            Pose(scale=torch.tensor(scale))
