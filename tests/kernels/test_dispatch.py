"""Views of tensors, and that no cut into bands shows."""

from __future__ import annotations

import pytest
import torch
import warp as wp

from sharpvision.kernels import views
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.normals import vertex_normals
from sharpvision.kernels.views import struct_view, warp_array, warp_view


def test_views_of_one_place_differ_by_shape_and_type() -> None:
    values = torch.arange(6.0)
    views = [warp_view(values), warp_view(values.view(2, 3)), warp_view(values.view(2, 3), wp.vec3)]
    assert [view.array.shape for view in views] == [(6,), (2, 3), (2,)]
    assert warp_view(values.view(torch.int32)).array.dtype is wp.int32


def test_a_view_has_the_bytes_of_an_array_of_warps_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "KEPT_FORMS", 2)
    for _ in range(2):
        for shape, dtype in (((0,), None), ((3,), None), ((4, 3), None), ((4, 3), wp.vec3), ((5, 2, 4), wp.vec4)):
            values = torch.rand(shape)
            assert warp_view(values, dtype).packed == bytes(warp_array(values, dtype).__ctype__())


def test_a_struct_has_the_bytes_of_one_of_warps_own() -> None:
    @wp.struct
    class Mixed:
        small: wp.uint8
        near: wp.float64
        places: wp.array(dtype=wp.vec3)  # type: ignore[valid-type]
        count: int
        table: wp.array2d(dtype=int)  # type: ignore[valid-type]

    places, table = torch.rand(4, 3), torch.zeros(2, 5, dtype=torch.int32)
    view = struct_view(Mixed, [3, 0.25, places, 7, table])
    assert view.packed == bytes(view.struct.__ctype__())
    assert view.struct.places.numpy().tolist() == places.tolist()
    without = struct_view(Mixed, [3, 0.25, None, 7, table])
    assert without.packed == bytes(without.struct.__ctype__())


def test_a_view_of_what_is_not_contiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        warp_view(torch.zeros(3, 4).mT)


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
