"""Views of tensors, and that no cut into bands shows."""

from __future__ import annotations

import pytest
import torch
import warp as wp

from sharpvision.kernels import dispatch
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.dispatch import warp_view
from sharpvision.kernels.normals import vertex_normals


def test_views_of_one_place_differ_by_shape_and_type() -> None:
    values = torch.arange(6.0)
    shapes = [warp_view(values).shape, warp_view(values.view(2, 3)).shape, warp_view(values.view(2, 3), wp.vec3).shape]
    assert shapes == [(6,), (2, 3), (2,)]
    assert warp_view(values.view(torch.int32)).dtype is wp.int32


def test_a_kept_view_shows_what_lies_there_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "KEPT_VIEWS", 2)
    for k in range(8):
        values = torch.full((3,), float(k))
        assert warp_view(values).numpy().tolist() == [k, k, k]
        assert warp_view(values + 1).numpy().tolist() == [k + 1, k + 1, k + 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normals_and_their_gradient_do_not_depend_on_threads(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    g = torch.Generator().manual_seed(0)
    faces = torch.randint(0, 300, (2000, 3), generator=g, dtype=torch.int32)
    weights = torch.randn(300, 3, generator=g, dtype=dtype)
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        vertices = torch.randn(300, 3, generator=torch.Generator().manual_seed(1), dtype=dtype).requires_grad_()
        normals = vertex_normals(vertices, faces, faces, corners_of(faces, 300))
        found.append((normals, *torch.autograd.grad((weights * normals).sum(), vertices)))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
