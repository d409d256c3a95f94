"""Lens distortion and its inverse as functions, against OpenCV, finite differences and the algebra of roots."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.autograd import gradcheck, gradgradcheck

from sharpvision.cameras import BROWN_CONRADY, FISHEYE, RATIONAL, DistortionModel, distort, distorts, undistort
from sharpvision.cameras.distortion import _first_root, displaced, jacobian

MODELS = {"brown_conrady": BROWN_CONRADY, "rational": RATIONAL, "fisheye": FISHEYE}
EXACT = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 500, 1e-15)
EYE = np.eye(3)


def usual(model: DistortionModel, rng: np.random.Generator, shape: tuple[int, ...] = ()) -> torch.Tensor:
    """Coefficients as calibrations have them."""
    k = rng.normal(size=(*shape, model.count)) * 0.1
    if model.decentred:
        k[..., 2:4] *= 0.02
    return torch.from_numpy(k)


@pytest.mark.parametrize("name", MODELS)
def test_inverse_agrees_with_opencv(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(0)
    for _ in range(10):
        k = usual(model, rng)
        u = torch.from_numpy(rng.uniform(-0.4, 0.4, (50, 2)))
        u[0] = 0.0
        d = distort(u, k, model)
        assert not bool(d.isnan().any())
        if model is FISHEYE:
            theirs = cv2.fisheye.undistortPoints(d.numpy()[:, None], EYE, k.numpy(), criteria=EXACT)[:, 0]
        else:
            theirs = cv2.undistortPoints(d.numpy()[:, None], EYE, k.numpy(), None, None, None, EXACT)[:, 0]
        ours = undistort(d, k, model)
        torch.testing.assert_close(ours, torch.from_numpy(theirs), rtol=0.0, atol=1e-8)
        torch.testing.assert_close(ours, u, rtol=0.0, atol=2e-14)  # theirs stops earlier
        assert ours[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_inverse_undoes_it_for_any_lens_or_says_so(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    numbers = st.floats(-1.0, 1.0).map(lambda v: round(v, 6))
    k = torch.from_numpy(data.draw(hnp.arrays(np.float64, model.count, elements=numbers)))
    if model.decentred:
        k[2:4] *= 0.02
    u = torch.from_numpy(data.draw(hnp.arrays(np.float64, (8, 2), elements=st.floats(-3.0, 3.0))))
    d = distort(u, k, model)
    there = distorts(u, k, model)
    assert torch.equal(d.isnan().any(-1), ~there)
    back = undistort(d, k, model)
    # Close to the border the inverse is as ill-conditioned as J: errors are held in the image.
    found = there & ~back.isnan().any(-1)
    torch.testing.assert_close((back + displaced(back, k, model))[found], d[found], rtol=1e-12, atol=1e-12)
    j = jacobian(u, k, model)
    determinant = j.xx * j.yy - j.xy**2
    well = there & (determinant > 0.05)
    if not model.decentred:
        assert not bool(back[well].isnan().any())
    known = well & found
    torch.testing.assert_close(back[known], u[known], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_few_slopes_of_random_strong_lenses_are_not_reached(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(0)
    k, u = usual(model, rng, (4000,)), torch.from_numpy(rng.normal(size=(4000, 2)))
    d = distort(u, k, model)
    seen = ~d[:, 0].isnan()
    back = undistort(d, k, model)
    missing = seen & back[:, 0].isnan()
    assert float(missing.double().mean()) <= 1e-3
    found = seen & ~missing
    torch.testing.assert_close(back[found], u[found], rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_jacobian_is_the_derivative(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(1)
    for u in (*torch.from_numpy(rng.normal(size=(5, 2)) * 0.4), torch.zeros(2).double()):
        k = usual(model, rng)
        expected = torch.func.jacfwd(lambda v, k=k: v + displaced(v, k, model))(u)
        j = jacobian(u, k, model)
        torch.testing.assert_close(torch.stack([j.xx, j.xy, j.xy, j.yy]), expected.reshape(-1))
        v = torch.from_numpy(rng.normal(size=2))
        torch.testing.assert_close(j.solve(v), torch.linalg.solve(expected, v))


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_first_and_second_also_on_the_axis(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(2)
    k = usual(model, rng).requires_grad_()
    u = torch.from_numpy(rng.uniform(-0.4, 0.4, (2, 2)))
    u[0] = 0.0
    d = distort(u, k, model).detach()
    for function, place in ((distort, u), (undistort, d)):
        inputs = (place.requires_grad_(), k)
        assert gradcheck(lambda u, k, f=function: f(u, k, model), inputs, check_forward_ad=True)
        assert gradgradcheck(lambda u, k, f=function: f(u, k, model), inputs, fast_mode=True)


@pytest.mark.parametrize("name", MODELS)
def test_outside_of_its_region_it_is_nan_without_gradient(name: str) -> None:
    model = MODELS[name]
    k = torch.zeros(model.count).double()
    k[0] = -0.5
    k.requires_grad_()
    far = torch.tensor([[5.0, 5.0], [0.0, 0.0]]).double().requires_grad_()
    for function in (distort, undistort):
        values = function(far, k, model)
        assert values.isnan().all(-1).tolist() == [True, False]
        gradients = torch.autograd.grad(values.nan_to_num().sum(), [far, k])
        assert all(bool(g.isfinite().all()) for g in gradients)
        assert gradients[0][0].tolist() == [0.0, 0.0]


def test_border_is_where_the_radius_turns() -> None:
    """By brute force: the first r at which r R(r^2) stops to grow."""
    rng = np.random.default_rng(3)
    r = torch.linspace(1e-4, 4.0, 40_001).double()
    for model in MODELS.values():
        for _ in range(40):
            k = usual(model, rng) * 3
            image = r * model.radial(r * r, k).value
            falls = (image.diff() <= 0) | (image[1:] < 0)
            limit = float(model.limit(k))
            if bool(falls.any()):
                assert limit == pytest.approx(float(r[:-1][falls][0]), abs=3e-4)
            else:
                assert limit > 3.999


@pytest.mark.parametrize(
    ("coefficients", "root"),
    [([0.0, 0.0, 0.0], np.inf), ([-1.0, 0.0, 0.0], 1.0), ([-2.0, 1.0, 0.0], 1.0), ([1.0, 1.0, 1.0], np.inf),
     ([0.0, 0.0, -1e-9], 1e3), ([-1e-3, 0.0, 0.0], 1e3)],
)  # fmt: skip
def test_first_root(coefficients: list[float], root: float) -> None:
    assert float(_first_root(torch.tensor(coefficients).double())) == pytest.approx(root, rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_inverse_under_vmap_and_in_float32(name: str) -> None:
    model, rng = MODELS[name], np.random.default_rng(4)
    k, u = usual(model, rng, (3,)), torch.from_numpy(rng.uniform(-0.4, 0.4, (5, 2)))
    d = torch.stack([distort(u, one, model) for one in k])
    together = torch.vmap(lambda d, k: undistort(d, k, model))(d, k)
    torch.testing.assert_close(together, u.expand(3, 5, 2))
    single = undistort(d.float(), k.float()[:, None], model)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), u.expand(3, 5, 2), rtol=0.0, atol=1e-6)
