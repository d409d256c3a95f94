"""`antialias` against its plain-torch twin: values, gradients, tangents, and every thread count the same bytes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.kernels.antialias_function import antialias
from sharpvision.kernels.raster_types import Pieces, Plan, Points
from sharpvision.kernels.reference.antialias import antialias as twin

VIEWS, HEIGHT, WIDTH, SAMPLES, ROWS = 2, 5, 6, 4, 10


def random_plan(dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor, Plan]:
    """Radiances, coordinates and a plan in which pixels are background, single or cut by up to two pieces."""
    g = torch.Generator().manual_seed(seed)

    def chance(share: float) -> bool:
        return float(torch.rand(1, generator=g)) < share

    def ints(values: list[int] | list[list[int]]) -> Tensor:
        return torch.tensor(values, dtype=torch.int32)

    def real(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=g, dtype=dtype)

    points, sample, samples, first = 0, [], [], [0]
    pixel, inner, outer = [], [], []
    for i in range(VIEWS * HEIGHT * WIDTH):
        kind = int(torch.randint(0, 3, (1,), generator=g))
        sample.append(-1 if kind == 0 else points if kind == 1 else -2 - len(samples))
        points += kind == 1
        if kind == 2:
            hits = [chance(0.7) for _ in range(SAMPLES)]
            samples.append([points + sum(hits[:k]) if hit else -1 for k, hit in enumerate(hits)])
            points += sum(hits)
            for _ in range(int(torch.randint(0, 3, (1,), generator=g))):
                pixel.append(i)
                inner.append(points)
                outer.append(points + 1 if chance(0.5) else -1)
                points += 1 + (outer[-1] >= 0)
            first.append(len(pixel))
    count = len(pixel)
    rows = torch.randint(0, ROWS, (count, 2), generator=g, dtype=torch.int32)
    normal = torch.nn.functional.normalize(real(count, 2) - 0.5, dim=1)
    pieces = Pieces(
        ints(pixel), rows, real(count), normal, real(count), real(count) - 0.5, ints(inner), ints(outer)
    )
    none = ints([])
    places = Points(none, none, ints([0] * points), none, none, real(points, 2), none, none, real(points))
    plan = Plan(places, pieces, ints(sample).view(VIEWS, HEIGHT, WIDTH), ints(samples), ints(first))
    return real(points, 3), real(ROWS, 4) + 0.5, plan


def ground_rows(kind: str) -> int:
    return {"one": 1, "per_pixel": HEIGHT * WIDTH, "per_view": VIEWS * HEIGHT * WIDTH}[kind]


@pytest.mark.parametrize("ground", ["one", "per_pixel", "per_view"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradients_are_the_twins(dtype: torch.dtype, ground: str) -> None:
    radiance, projected, plan = random_plan(dtype)
    background = torch.rand(ground_rows(ground), 3, dtype=dtype)
    inputs = [v.requires_grad_() for v in (radiance, background, projected)]
    image, expected = antialias(*inputs, plan), twin(*inputs, plan)
    torch.testing.assert_close(image, expected)
    weight = torch.rand_like(image)
    ours = torch.autograd.grad((image * weight).sum(), inputs)
    for mine, theirs in zip(ours, torch.autograd.grad((expected * weight).sum(), inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_forward_mode_is_the_transpose_of_reverse_mode(seed: int) -> None:
    radiance, projected, plan = random_plan(torch.float64, seed)
    inputs = (radiance, torch.rand(1, 3, dtype=torch.float64), projected)
    tangents = tuple(torch.rand_like(v) - 0.5 for v in inputs)
    image, change = torch.func.jvp(lambda *v: antialias(*v, plan), inputs, tangents)
    weight = torch.rand_like(image)
    gradients = torch.func.grad(lambda v: (antialias(*v, plan) * weight).sum())(inputs)
    along = sum(float((g * t).sum()) for g, t in zip(gradients, tangents, strict=True))
    assert along == pytest.approx(float((change * weight).sum()), rel=1e-10)


def test_jacobian_by_forward_mode_over_all_directions() -> None:
    radiance, projected, plan = random_plan(torch.float64)
    ground = torch.zeros(1, 3, dtype=torch.float64)

    def moved(shift: Tensor) -> Tensor:
        return antialias(radiance, ground, projected + shift, plan)

    zero = torch.zeros(4, dtype=torch.float64)
    torch.testing.assert_close(torch.func.jacfwd(moved)(zero), torch.func.jacrev(moved)(zero))


def test_threads_do_not_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    radiance, projected, plan = random_plan(torch.float32)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("SHARPVISION_THREADS", threads)
        inputs = [v.clone().requires_grad_() for v in (radiance, torch.ones(1, 3), projected)]
        image = antialias(*inputs, plan)
        results.append((image.detach(), *torch.autograd.grad(image.square().sum(), inputs)))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_background_of_another_size_is_refused() -> None:
    radiance, projected, plan = random_plan(torch.float32)
    with pytest.raises(ValueError, match="must have 1, 30 or 60 rows, not 7"):
        antialias(radiance, torch.zeros(7, 3), projected, plan)


def test_second_derivatives_are_refused() -> None:
    radiance, projected, plan = random_plan(torch.float64)
    inputs = [v.requires_grad_() for v in (radiance, projected)]
    (gradient,) = torch.autograd.grad(
        antialias(inputs[0], torch.zeros(1, 3).double(), inputs[1], plan).square().sum(), inputs[1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="first derivatives only"):
        gradient.sum().backward()
