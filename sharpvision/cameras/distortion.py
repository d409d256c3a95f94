"""Lens distortion: the models of OpenCV as maps of slopes (X / Z, Y / Z), where they hold, and their Jacobians.

All three are of one form, with u the slopes, s = |u|^2, a radial factor R and q = (p_2, p_1) the decentring:

    d(u) = R(s) u + 2 (q.u) u + s q,      J = (R + 2 q.u) I + 2 R' u u^T + 2 (u q^T + q u^T)

J is symmetric: d is the gradient of a potential, and injective on a convex region where J is positive definite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

WAY = 8


class Radial(NamedTuple):
    """R(s) and dR/ds, both of the shape of s."""

    value: Tensor
    slope: Tensor


@dataclass(frozen=True)
class DistortionModel:
    """A model of `count` coefficients: its radial factor, where its decentring (p_1, p_2) stands, and up to which |u|
    the radial part alone increases (`limit`, inf where it always does)."""

    count: int
    radial: Callable[[Tensor, Tensor], Radial]
    limit: Callable[[Tensor], Tensor]
    decentred: bool

    def decentring(self, coefficients: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch 2"] | None:
        """q = (p_2, p_1); None for a model without."""
        return coefficients[..., 2:4].flip(-1) if self.decentred else None


class Jacobian(NamedTuple):
    """Entries of the symmetric 2 x 2 matrix dd/du."""

    xx: Tensor
    xy: Tensor
    yy: Tensor

    @property
    def positive_definite(self) -> Tensor:
        """Where both eigenvalues are positive."""
        return (self.xx * self.yy - self.xy * self.xy > 0) & (self.xx + self.yy > 0)

    def solve(self, v: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """J^-1 v; J must be regular."""
        x, y = v.unbind(-1)
        scaled = torch.stack([self.yy * x - self.xy * y, self.xx * y - self.xy * x], -1)
        return scaled / (self.xx * self.yy - self.xy * self.xy)[..., None]


def displaced(
    slopes: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch n"], model: DistortionModel
) -> Float[Tensor, "*batch 2"]:
    """d(u) - u by the formula alone, also where it has no meaning (see `distort`)."""
    s = slopes.square().sum(-1)
    factor = model.radial(s, coefficients).value - 1
    q = model.decentring(coefficients)
    if q is None:
        return factor[..., None] * slopes
    return (factor + 2 * (q * slopes).sum(-1))[..., None] * slopes + s[..., None] * q


def jacobian(
    slopes: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch n"], model: DistortionModel
) -> Jacobian:
    """dd/du at the slopes."""
    x, y = slopes.unbind(-1)
    radial = model.radial(slopes.square().sum(-1), coefficients)
    xx, xy, yy = radial.value, 2 * radial.slope * x * y, radial.value
    q = model.decentring(coefficients)
    if q is not None:
        along = 2 * (q * slopes).sum(-1)
        xx, yy = xx + along + 4 * x * q[..., 0], yy + along + 4 * y * q[..., 1]
        xy = xy + 2 * (x * q[..., 1] + y * q[..., 0])
    return Jacobian(xx + 2 * radial.slope * x * x, xy, yy + 2 * radial.slope * y * y)


def distorts(
    slopes: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch n"], model: DistortionModel
) -> Tensor:
    """Where the model holds, as bool (*batch): inside the radius up to which its radial part increases, and where J is
    positive definite, at eight places on the way from the axis too. Beyond, the formula folds over and puts a second
    point on a pixel.

    Exact without decentring; with it, up to folds so narrow that all eight places miss them, which asks for p as large
    as the radial terms.
    """
    with torch.no_grad():
        slopes, coefficients = slopes.detach(), coefficients.detach()
        holds = slopes.square().sum(-1).sqrt() < model.limit(coefficients)
        for place in range(1, WAY + 1) if model.decentred else ():
            holds = holds & jacobian(slopes * (place / WAY), coefficients, model).positive_definite
        return holds


def distort(
    slopes: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch n"], model: DistortionModel
) -> Float[Tensor, "*batch 2"]:
    """Where the lens puts a point of the given slopes: d(u) of the module's docstring, in focal lengths off the axis.

    NaN, without gradient, where the model does not hold (`distorts`). Derivatives in slopes and coefficients are those
    of the formula. Brown 1966, Decentering distortion of lenses; Kannala and Brandt 2006; OpenCV, module `calib`.

    >>> k = torch.tensor([-0.1, 0.0, 0.0, 0.0, 0.0])
    >>> distort(torch.tensor([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0]]), k, BROWN_CONRADY)[:, 0].tolist()
    [0.0, 0.8999999761581421, nan]
    """
    holds = distorts(slopes, coefficients, model)[..., None]
    safe = torch.where(holds, slopes, 0.0)
    return torch.where(holds, safe + displaced(safe, coefficients, model), torch.nan)


def _brown_conrady(s: Tensor, k: Tensor) -> Radial:
    """1 + k_1 s + k_2 s^2 + k_3 s^3, coefficients (k_1, k_2, p_1, p_2, k_3)."""
    return _polynomial(s, k[..., 0], k[..., 1], k[..., 4])


def _rational(s: Tensor, k: Tensor) -> Radial:
    """(1 + k_1 s + k_2 s^2 + k_3 s^3) / (1 + k_4 s + k_5 s^2 + k_6 s^3), (k_1, k_2, p_1, p_2, k_3, k_4, k_5, k_6)."""
    above = _polynomial(s, k[..., 0], k[..., 1], k[..., 4])
    below = _polynomial(s, k[..., 5], k[..., 6], k[..., 7])
    value = above.value / below.value
    return Radial(value, (above.slope - value * below.slope) / below.value)


def _fisheye(s: Tensor, k: Tensor) -> Radial:
    """theta_d / r with theta_d = theta (1 + k_1 theta^2 + .. + k_4 theta^8), theta = atan r, r = sqrt(s).

    theta / r and its derivative in s are smooth at the axis; below r = 0.2 both are their Taylor series.
    """
    small = s < 4e-2
    safe = torch.where(small, 1.0, s)
    r = safe.sqrt()
    signs = [(-1) ** i / (2 * i + 1) for i in range(11)]
    near = torch.where(small, s, 0.0)
    ratio = torch.where(small, _horner(near, signs), r.atan() / r)
    rise = torch.where(
        small,
        _horner(near, [(i + 1) * c for i, c in enumerate(signs[1:])]),
        (1 / (1 + safe) - r.atan() / r) / (2 * safe),
    )
    square = s * ratio * ratio  # theta^2
    inner = _polynomial(square, *k.unbind(-1))
    # d(theta^2)/ds = ratio^2 + 2 s ratio rise
    return Radial(ratio * inner.value, rise * inner.value + ratio * inner.slope * ratio * (ratio + 2 * s * rise))


def _polynomial(s: Tensor, *k: Tensor) -> Radial:
    """1 + k_1 s + k_2 s^2 + .. and its derivative."""
    value, slope = torch.zeros_like(s), torch.zeros_like(s)
    for c in reversed(k):
        slope = slope * s + value + c
        value = (value + c) * s
    return Radial(1 + value, slope)


def _horner(s: Tensor, c: list[float]) -> Tensor:
    """c_0 + c_1 s + .."""
    value = torch.full_like(s, c[-1])
    for factor in reversed(c[:-1]):
        value = value * s + factor
    return value


def _brown_conrady_limit(k: Tensor) -> Tensor:
    """d(r R)/dr = 1 + 3 k_1 s + 5 k_2 s^2 + 7 k_3 s^3 = 0."""
    return _first_root(torch.stack([3 * k[..., 0], 5 * k[..., 1], 7 * k[..., 4]], -1)).sqrt()


def _rational_limit(k: Tensor) -> Tensor:
    """With R = P / Q: the coefficient of s^(i + j) in Q^2 d(r R)/dr is (1 + 2 i - 2 j) P_i Q_j; and Q itself must not
    vanish."""
    one = torch.ones_like(k[..., 0])
    above, below = [one, k[..., 0], k[..., 1], k[..., 4]], [one, k[..., 5], k[..., 6], k[..., 7]]
    rise = [one * 0 for _ in range(6)]
    for i in range(4):
        for j in range(4):
            if i + j:
                rise[i + j - 1] = rise[i + j - 1] + (1 + 2 * i - 2 * j) * above[i] * below[j]
    return torch.minimum(_first_root(torch.stack(rise, -1)), _first_root(k[..., 5:8])).sqrt()


def _fisheye_limit(k: Tensor) -> Tensor:
    """tan of the angle at which 1 + 3 k_1 theta^2 + .. + 9 k_4 theta^8 = 0; inf from a right angle on."""
    theta = _first_root(k * k.new_tensor([3.0, 5.0, 7.0, 9.0])).sqrt()
    return torch.where(theta < math.pi / 2, theta.clamp(max=1.6).tan(), torch.inf)


def _first_root(a: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Smallest positive s with 1 + a_1 s + .. + a_n s^n = 0, inf where there is none.

    With z = 1 / s the polynomial is monic whatever the a's: s is the inverse of the largest positive eigenvalue of its
    companion matrix. A root that is only touched counts.
    """
    size = a.shape[-1]
    below = torch.eye(size, dtype=torch.float64, device=a.device)[:-1].expand(*a.shape[:-1], size - 1, size)
    z = torch.linalg.eigvals(torch.cat([-a.double()[..., None, :], below], -2))
    positive = (z.real > 0) & (z.imag.abs() <= 1e-6 * z.real)
    return (1 / torch.where(positive, z.real, 0.0).amax(-1)).to(a.dtype)


BROWN_CONRADY = DistortionModel(5, _brown_conrady, _brown_conrady_limit, decentred=True)
RATIONAL = DistortionModel(8, _rational, _rational_limit, decentred=True)
FISHEYE = DistortionModel(4, _fisheye, _fisheye_limit, decentred=False)
