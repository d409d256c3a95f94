"""IDR's and NeuS's `world_mat` and `scale_mat`: cameras as P = K [R | t]; pixel centres at integers."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.conventions.calibration import Calibration
from sharpvision.cameras.conventions.opencv import k_from_integer_centres, k_to_integer_centres


def decompose(matrix: Float[Tensor, "*batch 3 4"]) -> tuple[Float[Tensor, "*batch 3 3"], Float[Tensor, "*batch 3 4"]]:
    """K, upper triangular with positive diagonal and K_33 = 1, and [R | t], det R = 1, of P = lambda K [s R | t].

    The RQ decomposition of P's left part, by a QR decomposition of its rows in reverse order. A uniform scale s in
    space, as `scale_mat` brings it, goes into t: [R | t / s] is the same camera in the other unit. The sign of P is
    such that det R = 1, so points in front have a positive third coordinate. Hartley and Zisserman 2004, section 6.2.4.
    Raises `ValueError` where the left part is singular.
    """
    left = matrix[..., :3]
    determinant = torch.linalg.det(left)
    if not bool((determinant.abs() > 0).all()):
        raise ValueError("the left part of a camera matrix must be regular")
    matrix = matrix * determinant.sign()[..., None, None]
    q, r = torch.linalg.qr(matrix[..., :3].flip(-2).mT)
    k, rotation = r.mT.flip(-1, -2), q.mT.flip(-2)
    signs = torch.diagonal(k, dim1=-2, dim2=-1).sign()
    k, rotation = k * signs[..., None, :], rotation * signs[..., :, None]
    translation = torch.linalg.solve(k, matrix[..., 3:])
    return k / k[..., 2:, 2:], torch.cat([rotation, translation], -1)


def from_idr(
    world_mat: Float[Tensor, "*batch 4 4"], scale_mat: Float[Tensor, "*batch 4 4"] | None = None
) -> Calibration:
    """The camera of `cameras.npz`, its world in the unit of `world_mat` or, with `scale_mat`, the unit sphere's.

    P = (world_mat scale_mat)[:3]. K's skew, which is rounding in these files, must be below 1e-3 pixels and is dropped.
    Raises `ValueError` where it is larger. Yariv et al. 2020 (IDR), Wang et al. 2021 (NeuS).

    >>> world = torch.tensor([[100.0, 0, 31.5, 0], [0, 100, 23.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> from_idr(world).k[:2, 2].tolist()
    [32.0, 24.0]
    """
    whole = world_mat if scale_mat is None else world_mat @ scale_mat
    k, pose = decompose(whole[..., :3, :])
    if not bool((k[..., 0, 1].abs() < 1e-3).all()):
        raise ValueError(f"the camera is skewed by {k[..., 0, 1].abs().max().item():g} pixels")
    square = torch.diag_embed(torch.diagonal(k, dim1=-2, dim2=-1))
    square[..., :2, 2] = k[..., :2, 2]
    return Calibration(k_from_integer_centres(square), pose)


def to_idr(calibration: Calibration) -> Float[Tensor, "*batch 4 4"]:
    """`world_mat` (`scale_mat` is then the identity); the inverse of `from_idr`."""
    upper = k_to_integer_centres(calibration.k) @ calibration.world_to_camera
    last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:-2], 1, 4)
    return torch.cat([upper, last], -2)
