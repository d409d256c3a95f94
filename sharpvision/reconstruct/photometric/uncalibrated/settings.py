"""The settings of the uncalibrated method: one set for all objects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UncalibratedSettings:
    """What the method assumes; radiances are relative to a pixel's 90th percentile.

    `cells` bounds the reduced grid; `shadow_level` is the radiance below which the factorisation takes an observation
    for shadowed; `loss_scale`, `relative_scale` and `sparsity` are those of the bundle adjustment's cost (see
    `kernels/bundle_fit`). The sparsity falls where roughness proves itself: times a^2 / (a^2 + x^2), x its mean weight,
    a the `sparse_share`. `widest_stretch` is the spread of the log of the bas-relief stretch (see `ambiguity`) above
    which the outline decides. `free_steps` of bundle adjustment come first, then `rounds` of integrability and
    `round_steps` of it with the lights' mean rotation held.
    """

    cells: int = 4500
    shadow_level: float = 0.2
    factor_rounds: int = 40
    loss_scale: float = 0.05
    relative_scale: float = 0.0
    sparsity: float = 0.04
    sparse_share: float = 0.4
    widest_stretch: float = 0.2
    free_steps: int = 6
    rounds: int = 3
    round_steps: int = 5
