"""Light from all around as real spherical harmonics of order 2 to 4."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sharpvision.illumination.distributed import DISTRIBUTED_LIGHTS, DistributedLight

COSINE_LOBE = (math.pi, 2 * math.pi / 3, math.pi / 4, 0.0, -math.pi / 24)
"""A_l: how much of band l of the radiance arrives on a surface, for l = 0 to 4. Ramamoorthi and Hanrahan 2001."""


def sh_basis(directions: Float[Tensor, "*batch 3"], order: int) -> Float[Tensor, "*batch k"]:
    """Real orthonormal spherical harmonics Y_lm(d), l = 0 .. `order` <= 4, at index l^2 + l + m, at unit directions.

    m < 0 goes with sin |m| phi, m > 0 with cos m phi, about the z axis, without the Condon-Shortley sign. Polynomials,
    so directions that are not unit (a zero normal) give finite values. Sloan 2008, Stupid Spherical Harmonics Tricks.

    >>> [round(v, 4) for v in sh_basis(torch.tensor([0.0, 0.0, 1.0]), 1).tolist()]
    [0.2821, 0.0, 0.4886, 0.0]
    """
    if not 0 <= order <= 4:
        raise ValueError(f"the order must be 0 to 4, not {order}")
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    pi = math.pi
    rows = [torch.full_like(x, math.sqrt(1 / (4 * pi)))]
    if order >= 1:
        rows += [math.sqrt(3 / (4 * pi)) * v for v in (y, z, x)]
    if order >= 2:
        a, b, c = (math.sqrt(v / pi) for v in (15 / 4, 5 / 16, 15 / 16))
        rows += [a * x * y, a * y * z, b * (3 * zz - 1), a * x * z, c * (xx - yy)]
    if order >= 3:
        a, b, c, d, e = (math.sqrt(v / pi) for v in (35 / 32, 105 / 4, 21 / 32, 7 / 16, 105 / 16))
        rows += [
            a * y * (3 * xx - yy), b * x * y * z, c * y * (5 * zz - 1), d * z * (5 * zz - 3), c * x * (5 * zz - 1),
            e * z * (xx - yy), a * x * (xx - 3 * yy),
        ]  # fmt: skip
    if order >= 4:
        a, b, c, d, e = (math.sqrt(v / pi) for v in (315 / 16, 315 / 32, 45 / 16, 45 / 32, 9 / 256))
        f, g = math.sqrt(45 / 64 / pi), math.sqrt(315 / 256 / pi)
        rows += [
            a * x * y * (xx - yy), b * y * z * (3 * xx - yy), c * x * y * (7 * zz - 1), d * y * z * (7 * zz - 3),
            e * (35 * zz * zz - 30 * zz + 3), d * x * z * (7 * zz - 3), f * (xx - yy) * (7 * zz - 1),
            b * x * z * (xx - 3 * yy), g * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
        ]  # fmt: skip
    return torch.stack(rows, -1)


def sh_project(directions: Float[Tensor, "n 3"], radiance: Float[Tensor, "n c"], order: int) -> Float[Tensor, "k c"]:
    """Coefficients of radiance known at directions spread evenly over the sphere: 4 pi times the mean of L Y_lm.

    >>> up = torch.nn.functional.normalize(torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    >>> round(sh_project(up, torch.ones(4000, 1), 2)[0].item(), 2)
    3.54
    """
    return 4 * math.pi * sh_basis(directions, order).mT @ radiance / len(directions)


@DISTRIBUTED_LIGHTS.register("spherical_harmonics")
class SphericalHarmonics(DistributedLight):
    """Radiance L(d) = sum c_lm Y_lm(d); `coefficients` ((order + 1)^2, C) in W/m2/sr, order 2 to 4, index l^2 + l + m.

    Irradiance E(n) = sum A_l c_lm Y_lm(n), with A_3 = 0: a matte surface says nothing of band 3. A truncated series may
    fall below zero; nothing is clamped, so it stays linear in the coefficients. Raises `ValueError` for another number
    of coefficients.

    >>> sky = torch.zeros(9, 1)
    >>> sky[0] = (4 * torch.pi) ** 0.5
    >>> [round(v, 4) for v in SphericalHarmonics(sky).irradiance(torch.tensor([0.0, 1.0, 0.0])).tolist()]
    [3.1416]
    """

    def __init__(self, coefficients: Float[Tensor, "k c"]) -> None:
        super().__init__()
        if coefficients.shape[-2] not in (9, 16, 25):
            raise ValueError(f"expected 9, 16 or 25 coefficients a channel, found {coefficients.shape[-2]}")
        self.coefficients = nn.Parameter(coefficients.clone())

    @property
    def order(self) -> int:
        """Highest band."""
        return math.isqrt(self.coefficients.shape[-2]) - 1

    def _bands(self, factors: list[Tensor | float]) -> Tensor:
        """Coefficients with band l times factor l."""
        like = self.coefficients
        each = [torch.as_tensor(f, dtype=like.dtype, device=like.device) for f in factors]
        return torch.stack([each[band] for band in range(self.order + 1) for _ in range(2 * band + 1)])

    def radiance(self, directions: Tensor) -> Tensor:
        """See the class."""
        return sh_basis(directions, self.order) @ self.coefficients

    def irradiance(self, normals: Tensor) -> Tensor:
        """See the class."""
        weights = self._bands([float(a) for a in COSINE_LOBE[: self.order + 1]])
        return sh_basis(normals, self.order) @ (weights[:, None] * self.coefficients)

    def blurred(self, directions: Tensor, roughness: Tensor) -> Tensor:
        """Band l times exp(-(alpha l)^2): the lobe as a Gaussian. Ramamoorthi and Hanrahan 2002, Frequency space
        environment map rendering."""
        band = torch.tensor([float(b) for b in range(self.order + 1) for _ in range(2 * b + 1)]).to(directions)
        damping = torch.exp(-((roughness[..., None] * band) ** 2))
        return (sh_basis(directions, self.order) * damping) @ self.coefficients
