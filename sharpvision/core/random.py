"""Randomness is explicit: a generator, or the seed of one."""

from __future__ import annotations

import torch


def generator_from(seed: int | torch.Generator, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that starts at `seed`, or the generator itself where one is given.

    >>> bool((torch.rand(3, generator=generator_from(5)) == torch.rand(3, generator=generator_from(5))).all())
    True
    """
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator(device).manual_seed(seed)
