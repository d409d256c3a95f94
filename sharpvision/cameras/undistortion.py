"""The inverse of a lens distortion, to machine precision and differentiable."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.distortion import DistortionModel, displaced, distorts, jacobian
from sharpvision.core.vectors import unit

RADIAL_STEPS = 20
PLANE_STEPS = 12  # of random lenses with strong decentring, 0.04 % of the slopes are not reached, near the border


def undistort(
    distorted: Float[Tensor, "*#batch 2"], coefficients: Float[Tensor, "*#batch n"], model: DistortionModel
) -> Float[Tensor, "*batch 2"]:
    """The slopes u with d(u) = `distorted` inside the region where the model holds: the inverse of `distort`.

    A safeguarded Newton iteration in (log r, log r R) finds the radius without decentring, Newton's in the plane the
    rest: u <- u - J^-1 (d(u) - `distorted`). The number of steps is fixed, so it works under `vmap` and
    `torch.compile`. Derivatives by the implicit function theorem, du = J^-1 (d`distorted` - (dd/dk) dk): they come from
    two last Newton steps from the root, which also makes second and third derivatives right. NaN, without gradient,
    where no u of the region has this image, or where the iteration has not reached it.

    >>> from sharpvision.cameras.distortion import BROWN_CONRADY
    >>> k = torch.tensor([-0.1, 0.0, 0.0, 0.0, 0.0])
    >>> undistort(torch.tensor([[0.0, 0.0], [0.9, 0.0], [1.3, 0.0]]), k, BROWN_CONRADY)[:, 0].tolist()
    [0.0, 1.0, nan]
    """
    with torch.no_grad():
        target, k = distorted.detach(), coefficients.detach()
        u = _radius(target, k, model)[..., None] * unit(target)
        for _ in range(PLANE_STEPS if model.decentred else 2):
            u = _step(u, target, k, model)
        residual = (u + displaced(u, k, model) - target).abs().amax(-1)
        size = 1 + target.abs().amax(-1)
        found = distorts(u, k, model) & (residual <= 64 * torch.finfo(u.dtype).eps * size)
        u = torch.where(found[..., None], u, 0.0)
    there = torch.where(found[..., None], distorted, u + displaced(u, k, model))
    for _ in range(2):
        u = _step(u, there, coefficients, model)
    return torch.where(found[..., None], u, torch.nan)


def _step(u: Tensor, target: Tensor, k: Tensor, model: DistortionModel) -> Tensor:
    """Newton's step in the plane."""
    return u - jacobian(u, k, model).solve(u + displaced(u, k, model) - target)


def _radius(target: Tensor, k: Tensor, model: DistortionModel) -> Tensor:
    """r with r R(r^2) = |`target`| below the model's limit, by Newton's iteration on logarithms.

    There the equation is a line for small r and, if R is a power, for large r. Steps that leave the bracket are
    replaced by bisection. Where there is no such r, some radius.
    """
    length = torch.hypot(target[..., 0], target[..., 1])  # does not underflow
    length, limit = torch.broadcast_tensors(torch.where(length > 0, length, 1.0), model.limit(k))
    low, high = torch.zeros_like(length), limit
    r = torch.minimum(length, 0.9 * limit)
    for _ in range(RADIAL_STEPS):
        radial = model.radial(r * r, k)
        image, rise = r * radial.value, radial.value + 2 * r * r * radial.slope
        off = torch.where(image > 0, length / image.clamp(min=torch.finfo(image.dtype).tiny), torch.inf).log()
        low, high = torch.where(off > 0, r, low), torch.where(off < 0, r, high)
        newton = r * (off * radial.value / rise).clamp(-3.0, 3.0).exp()
        middle = torch.where(high.isfinite(), (low + high) / 2, 2 * r)
        r = torch.where((newton > low) & (newton < high), newton, middle)
        r = torch.where(off == 0, low.maximum(r), r)
    return r
