"""Conventions of others: round trips, and pixels by their published formulas, written anew in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sharpvision.cameras import BrownConrady, Fisheye, Orthographic, Pinhole, Rational, View
from sharpvision.cameras.conventions import (
    Calibration,
    camera_from_colmap,
    camera_to_colmap,
    decompose,
    from_bop,
    from_idr,
    from_middlebury,
    from_nerf,
    from_opengl,
    from_pytorch3d,
    inverse_pose,
    k_from_integer_centres,
    k_to_integer_centres,
    opencv_from_opengl,
    opencv_pose_from_opengl,
    opengl_from_opencv,
    opengl_pose_from_opencv,
    pose_from_colmap,
    pose_to_colmap,
    to_bop,
    to_idr,
    to_middlebury,
    to_nerf,
    to_opengl,
    to_pytorch3d,
)
from sharpvision.core.pose import Pose

SIZE = (48, 80)
number = st.floats(-5.0, 5.0, allow_nan=False)
vectors = st.tuples(number, number, number)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    """Any rotation, half turns and the identity among them, any place, f_x and f_y apart, the axis off the middle."""
    axis = np.array(draw(vectors))
    turn = draw(st.sampled_from([0.0, math.pi, 1e-9]) | st.floats(-math.pi, math.pi))
    length = np.linalg.norm(axis)
    rotation = Rotation.from_rotvec(axis / length * turn if length > 1e-3 else [0.0, 0.0, turn]).as_matrix()
    f_x, f_y = draw(st.floats(20.0, 900.0)), draw(st.floats(20.0, 900.0))
    c_x, c_y = draw(st.floats(-50.0, 300.0)), draw(st.floats(-50.0, 300.0))
    k = torch.tensor([[f_x, 0.0, c_x], [0.0, f_y, c_y], [0.0, 0.0, 1.0]], dtype=torch.float64)
    pose = np.concatenate([rotation, np.array(draw(vectors))[:, None]], -1)
    return Calibration(k, torch.from_numpy(pose))


def in_front(calibration: Calibration, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Points of the world in front of the camera, and their pixels by the definition."""
    rng = np.random.default_rng(0)
    camera = rng.uniform([-1, -1, 0.5], [1, 1, 4], (count, 3))
    r, t = calibration.world_to_camera[:, :3].numpy(), calibration.world_to_camera[:, 3].numpy()
    homogeneous = camera @ calibration.k.numpy().T
    return (camera - t) @ r, homogeneous[:, :2] / homogeneous[:, 2:]


def close(ours: Calibration, expected: Calibration) -> None:
    torch.testing.assert_close(ours.k, expected.k.expand_as(ours.k), rtol=1e-9, atol=1e-8)
    torch.testing.assert_close(
        ours.world_to_camera, expected.world_to_camera.expand_as(ours.world_to_camera), rtol=1e-9, atol=1e-9
    )


@given(calibrations())
@settings(max_examples=40, deadline=None)
def test_opengl(c: Calibration) -> None:
    projection, model_view = to_opengl(c, SIZE, 0.25, 7.0)
    close(from_opengl(projection, model_view, SIZE), c)
    points, pixels = in_front(c)
    clip = np.concatenate([points, np.ones((len(points), 1))], -1) @ (projection @ model_view).numpy().T
    ndc = clip[:, :3] / clip[:, 3:]
    # glViewport: window x from the left, y from below, pixel centres at integer + 0.5
    height, width = SIZE
    window = (ndc[:, :2] + 1) / 2 * [width, height]
    np.testing.assert_allclose(window[:, 0], pixels[:, 0], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(height - window[:, 1], pixels[:, 1], rtol=1e-9, atol=1e-8)
    # glFrustum's depth: -1 at near, 1 at far
    depth = clip[:, 3]
    np.testing.assert_allclose(ndc[:, 2], (7.25 - 2 * 0.25 * 7.0 / depth) / 6.75, rtol=1e-9, atol=1e-9)


def test_opengl_is_glfrustum_for_a_centred_camera() -> None:
    """The matrix of the OpenGL reference pages, gluPerspective(fovy, aspect, near, far)."""
    height, width = SIZE
    fovy, near, far = 0.9, 0.5, 20.0
    f = 1 / math.tan(fovy / 2)
    expected = [[f * height / width, 0, 0, 0], [0, f, 0, 0],
                [0, 0, (far + near) / (near - far), 2 * far * near / (near - far)], [0, 0, -1, 0]]  # fmt: skip
    focal = height / 2 / math.tan(fovy / 2)
    view = View(Pinhole.from_focal(focal, height, width, torch.float64), Pose(torch.zeros(3).double()), height, width)
    projection, model_view = to_opengl(Calibration.of_view(view), SIZE, near, far)
    torch.testing.assert_close(projection, torch.tensor(expected).double())
    assert model_view.diagonal().tolist() == [1.0, -1.0, -1.0, 1.0]


@pytest.mark.parametrize(("near", "far"), [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (float("nan"), 1.0)])
def test_opengl_refuses_planes_out_of_order(near: float, far: float) -> None:
    with pytest.raises(ValueError, match="0 < near < far"):
        to_opengl(Calibration(torch.eye(3), torch.eye(3, 4)), SIZE, near, far)


def test_what_is_no_perspective_projection_is_refused() -> None:
    with pytest.raises(ValueError, match="must end with"):
        from_opengl(torch.eye(4), torch.eye(4), SIZE)


@given(calibrations(), st.floats(0.1, 3.0))
@settings(max_examples=40, deadline=None)
def test_nerf(c: Calibration, angle: float) -> None:
    """Rays as `run_nerf_helpers.get_rays` makes them, taken at the pixels' centres."""
    height, width = SIZE
    camera_to_world = inverse_pose(
        torch.cat([opengl_pose_from_opencv(c.world_to_camera), torch.tensor([[0.0, 0, 0, 1]]).double()])
    )
    found = from_nerf(camera_to_world, angle, SIZE)
    torch.testing.assert_close(found.world_to_camera, c.world_to_camera, rtol=1e-9, atol=1e-9)
    again, angle_again = to_nerf(found, width)
    torch.testing.assert_close(again, camera_to_world, rtol=1e-9, atol=1e-9)
    assert float(angle_again) == pytest.approx(angle)
    focal = 0.5 * width / np.tan(0.5 * angle)
    pixel = np.array([17.5, 3.5])
    direction = np.array([(pixel[0] - width / 2) / focal, -(pixel[1] - height / 2) / focal, -1.0])
    point = camera_to_world[:3, :3].numpy() @ direction * 2.5 + camera_to_world[:3, 3].numpy()
    pixels = found.view(*SIZE).camera.project(
        found.world_to_camera[:, :3] @ torch.from_numpy(point) + found.world_to_camera[:, 3]
    ).pixels
    np.testing.assert_allclose(pixels.detach().numpy(), pixel, rtol=1e-7, atol=1e-6)


@given(calibrations(), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_pytorch3d_by_its_documentation(c: Calibration, in_ndc: bool, upright: bool) -> None:
    """docs/notes/cameras.md: X R + T; NDC +x left, +y up, the shorter side from -1 to 1; screen x = (W - s x) / 2."""
    height, width = size = SIZE[::-1] if upright else SIZE
    camera = to_pytorch3d(c, size, in_ndc=in_ndc)
    close(from_pytorch3d(camera), c)
    points, pixels = in_front(c)
    x = points @ camera.R[0].numpy() + camera.T[0].numpy()
    focal, centre = camera.focal_length[0].numpy(), camera.principal_point[0].numpy()
    if not in_ndc:  # get_ndc_camera_transform: screen parameters become NDC ones
        half = min(size) / 2
        focal, centre = focal / half, -(centre - np.array([width, height]) / 2) / half
    ndc = focal * x[:, :2] / x[:, 2:] + centre
    screen = (np.array([width, height]) - min(size) * ndc) / 2
    np.testing.assert_allclose(screen, pixels, rtol=1e-8, atol=1e-7)


def test_pytorch3d_takes_batches_and_refuses_mixed_sizes() -> None:
    c = Calibration(torch.eye(3), torch.eye(3, 4).expand(2, 3, 4))
    camera = to_pytorch3d(c, SIZE)
    assert camera.R.shape == (2, 3, 3)
    assert camera.focal_length.shape == (2, 2)
    close(from_pytorch3d(camera), c)
    with pytest.raises(ValueError, match="of one size"):
        from_pytorch3d(camera._replace(image_size=torch.tensor([[3, 4], [4, 3]])))


@given(calibrations(), st.floats(0.1, 9.0))
@settings(max_examples=40, deadline=None)
def test_colmap_poses(c: Calibration, length: float) -> None:
    quaternion, translation = pose_to_colmap(c.world_to_camera)
    assert float(quaternion[0]) >= 0
    assert float(quaternion.norm()) == pytest.approx(1.0)
    expected = Rotation.from_quat(np.roll(quaternion.numpy(), -1)).as_matrix()  # SciPy: w last
    np.testing.assert_allclose(c.world_to_camera[:, :3].numpy(), expected, atol=1e-9)
    again = pose_from_colmap(length * quaternion, translation)
    torch.testing.assert_close(again, c.world_to_camera, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(pose_from_colmap(-quaternion, translation), again)


def test_colmap_cameras() -> None:
    inner = [500.0, 510.0, 320.0, 240.0]
    for model, parameters, kind in (
        ("PINHOLE", inner, Pinhole), ("OPENCV", [*inner, 0.1, -0.05, 1e-3, -2e-3], BrownConrady),
        ("FULL_OPENCV", [*inner, 0.1, -0.05, 1e-3, -2e-3, 0.01, 0.2, 0.03, 0.004], Rational),
        ("OPENCV_FISHEYE", [*inner, 0.1, -0.05, 0.02, 0.01], Fisheye),
    ):  # fmt: skip
        camera = camera_from_colmap(model, parameters)
        assert type(camera) is kind
        name, again = camera_to_colmap(camera)
        assert name == model
        assert again == pytest.approx(parameters)
    # One focal length, one coefficient: SIMPLE_RADIAL's u (1 + k u^2) f + c.
    pixel = camera_from_colmap("SIMPLE_RADIAL", [100.0, 32.0, 24.0, 0.1]).project(torch.tensor([1.0, 0, 2]).double())
    assert pixel.pixels.tolist() == pytest.approx([32 + 100 * 0.5 * (1 + 0.1 * 0.25), 24.0])
    assert isinstance(camera_from_colmap("RADIAL_FISHEYE", [100.0, 32.0, 24.0, 0.1, 0.2]), Fisheye)
    with pytest.raises(ValueError, match="not THIN_PRISM_FISHEYE"):
        camera_from_colmap("THIN_PRISM_FISHEYE", inner)
    with pytest.raises(ValueError, match="has 4 parameters"):
        camera_from_colmap("PINHOLE", inner[:3])
    with pytest.raises(ValueError, match="no k3"):
        camera_to_colmap(BrownConrady(torch.eye(3), torch.full((5,), 0.1)))
    with pytest.raises(ValueError, match="no model for Orthographic"):
        camera_to_colmap(Orthographic())


@given(calibrations())
@settings(max_examples=40, deadline=None)
def test_integer_centres_bop_idr_and_middlebury(c: Calibration) -> None:
    points, pixels = in_front(c)
    k = k_to_integer_centres(c.k)
    torch.testing.assert_close(k_from_integer_centres(k), c.k)
    world = to_idr(c)
    image = np.concatenate([points, np.ones((len(points), 1))], -1) @ world[:3].numpy().T
    np.testing.assert_allclose(image[:, :2] / image[:, 2:], pixels - 0.5, rtol=1e-9, atol=1e-7)
    close(from_idr(world), c)
    close(from_idr(-2.5 * world), c)  # a camera matrix is known up to a factor
    close(from_bop(to_bop(c)), c)
    close(from_middlebury(to_middlebury({"a.png": c, "b.png": c}))["b.png"], c)


@given(calibrations(), st.floats(0.1, 50.0), vectors)
@settings(max_examples=40, deadline=None)
def test_idr_scale_mat_changes_the_unit_not_the_picture(c: Calibration, scale: float, centre: tuple) -> None:
    scale_mat = torch.diag(torch.tensor([scale, scale, scale, 1.0], dtype=torch.float64))
    scale_mat[:3, 3] = torch.tensor(centre, dtype=torch.float64)
    points, pixels = in_front(c)
    inside = (points - np.array(centre)) / scale
    found = from_idr(to_idr(c), scale_mat)
    view = found.view(*SIZE)
    seen = view.camera.project(view.world_to_camera(torch.from_numpy(inside)))
    np.testing.assert_allclose(seen.pixels.detach().numpy(), pixels, rtol=1e-8, atol=1e-8)
    assert bool((seen.depth > 0).all())


def test_decomposition_at_singular_and_skewed_matrices() -> None:
    with pytest.raises(ValueError, match="regular"):
        decompose(torch.zeros(3, 4))
    k = torch.tensor([[100.0, 7.0, 30.0], [0.0, 90.0, 20.0], [0.0, 0.0, 1.0]]).double()
    r = torch.from_numpy(Rotation.from_rotvec([0.3, -2.0, 1.0]).as_matrix())
    pose = torch.cat([r, torch.tensor([[1.0], [2.0], [3.0]]).double()], -1)
    found_k, found_pose = decompose(-0.3 * k @ pose)
    torch.testing.assert_close(found_k, k)
    torch.testing.assert_close(found_pose, pose)
    with pytest.raises(ValueError, match="skewed by 7 pixels"):
        from_idr(torch.cat([k @ pose, torch.tensor([[0.0, 0, 0, 1]]).double()]))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "line 1: expected the number"), ("x\n", "line 1: expected the number"), ("2\na 1\n", "line 1: expected 1"),
     ("1\na 1 2 3\n", "line 2: expected a name and 21 numbers, not 3")],
)  # fmt: skip
def test_middlebury_says_which_line_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_middlebury(text)


@given(calibrations())
@settings(max_examples=25, deadline=None)
def test_a_view_and_back(c: Calibration) -> None:
    again = Calibration.of_view(c.view(*SIZE))
    torch.testing.assert_close(again.k, c.k, rtol=1e-9, atol=1e-8)
    torch.testing.assert_close(again.world_to_camera, c.world_to_camera, rtol=1e-9, atol=1e-9)


def test_a_scaled_pose_is_the_same_camera_in_another_unit() -> None:
    k = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]]).double()
    pose = Pose(torch.tensor([0.1, 0.2, 0.3]).double(), torch.tensor([1.0, 2, 9]).double(), torch.tensor(2.0).double())
    view = View(Pinhole(k), pose, *SIZE)
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    same = Calibration.of_view(view).view(*SIZE)
    torch.testing.assert_close(
        same.camera.project(same.world_to_camera(points)).pixels, view.camera.project(pose(points)).pixels
    )
    with pytest.raises(ValueError, match="not Orthographic"):
        Calibration.of_view(View(Orthographic(), Pose(), *SIZE))


@pytest.mark.parametrize("rows", [3, 4])
def test_a_pose_moves_points_as_its_axes_say(rows: int) -> None:
    pose = torch.eye(4, dtype=torch.float64).repeat(5, 1, 1)
    pose[:, :3, :3] = torch.from_numpy(Rotation.random(5, random_state=0).as_matrix())
    pose[:, :3, 3] = torch.rand(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pose = pose[:, :rows]
    world = torch.tensor([0.3, -0.7, 2.0], dtype=torch.float64)
    in_opencv = pose[:, :3, :3] @ world + pose[:, :3, 3]
    turned = opengl_pose_from_opencv(pose)
    in_opengl = turned[:, :3, :3] @ world + turned[:, :3, 3]
    torch.testing.assert_close(in_opengl, in_opencv * torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    torch.testing.assert_close(in_opengl, opengl_from_opencv(in_opencv))
    torch.testing.assert_close(opencv_from_opengl(in_opengl), in_opencv)
    torch.testing.assert_close(opencv_pose_from_opengl(turned), pose)
    torch.testing.assert_close(inverse_pose(inverse_pose(pose)), pose)
    assert bool((torch.linalg.det(turned[:, :3, :3]) > 0).all())


def test_what_is_no_pose_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(3, 4\) or \(4, 4\)"):
        opencv_pose_from_opengl(torch.zeros(2, 4))
