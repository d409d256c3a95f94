"""Rotations: vector to matrix and back, with finite derivatives at the identity and at half a turn."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def cross_matrix(v: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """[v]x, the matrix with [v]x w = v x w.

    >>> cross_matrix(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [[0.0, -3.0, 2.0], [3.0, 0.0, -1.0], [-2.0, 1.0, 0.0]]
    """
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [torch.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return torch.stack(rows, -2)


def rotation_matrix(vector: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation by |v| radians about v: R = I + sin(a)/a [v]x + (1 - cos(a))/a^2 [v]x^2, a = |v|.

    Smooth everywhere, the identity included: below a = 1e-3 both factors are their Taylor series, so no derivative of a
    norm at zero is taken. Gauge: v and v (1 - 2 pi / a) give the same rotation. Rodrigues 1840.

    >>> turn = rotation_matrix(torch.tensor([0.0, 0.0, torch.pi / 2]))
    >>> (turn @ torch.tensor([1.0, 0.0, 0.0])).round(decimals=6).abs().tolist()
    [0.0, 1.0, 0.0]
    """
    square = vector.square().sum(-1)[..., None, None]
    small = square < 1e-6
    safe = torch.where(small, 1.0, square)
    angle = safe.sqrt()
    first = torch.where(small, 1 - square / 6 * (1 - square / 20), angle.sin() / angle)
    second = torch.where(small, 0.5 - square / 24 * (1 - square / 30), (1 - angle.cos()) / safe)
    k = cross_matrix(vector)
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + first * k + second * (k @ k)


def rotation_vector(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Inverse of `rotation_matrix`, of length at most pi; exact at the identity and at half a turn.

    By the unit quaternion of largest component: v = 2 atan2(|q|, q_0) q / |q|. The derivative is that of the branch
    taken; at half a turn, where v and -v are one rotation, v jumps. Shepperd 1978.

    >>> rotation_vector(rotation_matrix(torch.tensor([0.1, -0.2, 0.3]))).round(decimals=5).tolist()
    [0.10000000149011612, -0.20000000298023224, 0.30000001192092896]
    """
    m = matrix
    d = torch.diagonal(m, dim1=-2, dim2=-1)
    trace = d.sum(-1)
    squares = torch.stack([1 + trace, *(1 + 2 * d[..., i] - trace for i in range(3))], -1)  # 4 q_i^2
    off = torch.stack([m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]], -1)
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    w, (x, y, z) = squares[..., 0], squares[..., 1:].unbind(-1)
    rows = [  # 4 q_i (q_0, q_1, q_2, q_3)
        torch.cat([w[..., None], off], -1),
        torch.stack([off[..., 0], x, xy, xz], -1),
        torch.stack([off[..., 1], xy, y, yz], -1),
        torch.stack([off[..., 2], xz, yz, z], -1),
    ]
    choice = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    q = torch.nn.functional.normalize(torch.stack(rows, -2).gather(-2, choice).squeeze(-2), dim=-1)
    q = torch.where(q[..., :1] < 0, -q, q)
    square = q[..., 1:].square().sum(-1, keepdim=True)
    small = square < 1e-12
    sine = torch.where(small, 1.0, square).sqrt()
    factor = torch.where(small, 2.0 / q[..., :1].clamp(min=0.5), 2 * torch.atan2(sine, q[..., :1]) / sine)
    return factor * q[..., 1:]
