"""The learned residual: zero at initialisation to the bit, small, and a function of the four cosines alone."""

from __future__ import annotations

import torch

from sharpvision.residuals import ReflectanceResidual, reflectance_features


def directions(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(v, dim=-1)


def test_zero_at_initialisation_whatever_the_input() -> None:
    residual = ReflectanceResidual()
    for features in (torch.rand(7, 4), torch.full((2, 3, 4), 1e6), torch.zeros(4)):
        assert (residual(features) == 0.0).all()
        assert residual(features).shape == features.shape[:-1]


def test_it_is_small_and_learns() -> None:
    residual = ReflectanceResidual()
    assert sum(p.numel() for p in residual.parameters()) <= 10_000
    residual(torch.rand(5, 4)).sum().backward()
    assert residual.last.weight.grad is not None
    assert residual.last.weight.grad.abs().max() > 0


def test_features_do_not_change_under_a_common_rotation() -> None:
    n, wi, wo = directions(20, 0), directions(20, 1), directions(20, 2)
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turned = reflectance_features(n @ rotation.T, wi @ rotation.T, wo @ rotation.T)
    torch.testing.assert_close(turned, reflectance_features(n, wi, wo))


def test_features_are_cosines_and_broadcast() -> None:
    n, wi, wo = directions(5, 3)[:, None], directions(4, 4)[None], directions(5, 5)[:, None]
    features = reflectance_features(n, wi, wo)
    assert features.shape == (5, 4, 4)
    half = torch.nn.functional.normalize(wi + wo, dim=-1)
    torch.testing.assert_close(features[2, 3, 2], n[2, 0] @ half[2, 3])
    torch.testing.assert_close(features[..., 3], (wo * half).sum(-1))  # l.h = v.h
    assert features.abs().max() <= 1 + 1e-12


def test_features_where_light_and_view_are_opposite_are_finite() -> None:
    n, wi = directions(3, 6), directions(3, 7)
    assert torch.isfinite(reflectance_features(n, wi, -wi)).all()
