"""Shadow rays: Embree and Warp agree with each other and with a closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sharpvision.core.vectors import unit
from sharpvision.geometry.primitives import icosphere
from sharpvision.kernels.visibility import Occluders, Tracer, ambient_visibility, visible

TRACERS: list[Tracer] = ["embree", "warp"]


def random_rays(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(count, 3, generator=g), unit(torch.randn(count, 3, generator=g))


def ball(tracer: Tracer) -> Occluders:
    mesh = icosphere(subdivisions=5)
    return Occluders(mesh.vertices, mesh.faces, tracer)


@pytest.mark.parametrize("tracer", TRACERS)
@pytest.mark.parametrize("reach", [torch.inf, 2.5])
def test_a_ball_blocks_the_rays_that_meet_it(tracer: Tracer, reach: float) -> None:
    origins, directions = random_rays(2000)
    along = -(origins * directions).sum(1)
    closest = (origins + along[:, None] * directions).norm(dim=1)
    inside = (1 - closest.square()).clamp(min=0).sqrt()
    outside = origins.norm(dim=1) > 1
    first = torch.where(outside, along - inside, along + inside)
    meets = (closest < 1) & (first > 0) & (first < reach)
    clear = ((closest - 1).abs() > 0.01) & ((first - reach).abs() > 0.05)
    seen = visible(origins, directions, reach, ball(tracer))
    assert torch.equal(seen[clear], ~meets[clear])


def test_both_tracers_give_the_same_answers() -> None:
    origins, directions = random_rays(5000, 1)
    seen = [visible(origins, directions, torch.inf, ball(tracer)) for tracer in TRACERS]
    assert float((seen[0] == seen[1]).float().mean()) > 0.999


@pytest.mark.parametrize("tracer", TRACERS)
def test_a_surface_does_not_shade_itself_at_the_start_of_the_ray(tracer: Tracer) -> None:
    mesh = icosphere(subdivisions=5)
    centres = mesh.vertices[mesh.faces].mean(1)
    assert bool(visible(centres, unit(centres), torch.inf, ball(tracer)).all())
    assert not bool(visible(0.999 * centres, -unit(centres), torch.inf, ball(tracer)).any())


@pytest.mark.parametrize("tracer", TRACERS)
def test_nothing_blocks_and_no_rays(tracer: Tracer) -> None:
    nothing = Occluders(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int32), tracer)
    assert bool(visible(*random_rays(5), torch.inf, nothing).all())
    assert len(visible(torch.zeros(0, 3), torch.zeros(0, 3), torch.inf, ball(tracer))) == 0


def test_ambient_visibility_beside_a_wall_is_a_half() -> None:
    """A point at the foot of an endless wall sees half of the sky; far away all of it; a zero normal none."""
    wall = torch.tensor([[0.0, -1e4, 0], [0, 1e4, 0], [0, 1e4, 1e4], [0, -1e4, 1e4]])
    occluders = Occluders(wall, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    up = torch.tensor([[0.0, 0, 1], [0, 0, 0]])
    g = torch.Generator().manual_seed(0)
    share = ambient_visibility(torch.tensor([[5.0, 0, 0], [5.0, 0, 0]]), up, occluders, 4000, g)
    assert float(share[0]) == pytest.approx(0.5, abs=0.03)
    assert float(share[1]) == 0
    again = ambient_visibility(torch.tensor([[5.0, 0, 0]]), up[:1], occluders, 16, torch.Generator().manual_seed(3))
    same = ambient_visibility(torch.tensor([[5.0, 0, 0]]), up[:1], occluders, 16, torch.Generator().manual_seed(3))
    assert torch.equal(again, same)
