"""Seeds and generators."""

from __future__ import annotations

import torch

from sharpvision.core.random import generator_from


def test_a_seed_makes_a_generator_and_a_generator_stays() -> None:
    generator = generator_from(3)
    assert generator_from(generator) is generator
    assert torch.equal(torch.rand(4, generator=generator), torch.rand(4, generator=generator_from(3)))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    torch.rand(4, generator=generator_from(3))
    assert torch.equal(torch.get_rng_state(), before)
