"""COLMAP's text and binary models: quaternion with w first, world to camera, pixel centres at integer + 0.5."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sharpvision.cameras.camera import Camera
from sharpvision.cameras.distorted import BrownConrady, Fisheye, Rational
from sharpvision.cameras.pinhole import Pinhole
from sharpvision.core.rotations import rotation_vector

# Names of parameters in COLMAP's order (src/colmap/sensor/models.h): f, fx, fy, cx, cy and coefficients.
MODELS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
    "SIMPLE_RADIAL_FISHEYE": "f cx cy k1",
    "RADIAL_FISHEYE": "f cx cy k1 k2",
    "OPENCV_FISHEYE": "fx fy cx cy k1 k2 k3 k4",
}


def pose_from_colmap(
    quaternion: Float[Tensor, "*batch 4"], translation: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3 4"]:
    """[R | t] world to camera from (w, x, y, z), of any length but zero, and t of `images.txt`; the frame is ours.

    >>> pose_from_colmap(torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 2.0, 3.0]))[:, 3].tolist()
    [1.0, 2.0, 3.0]
    """
    q = torch.nn.functional.normalize(quaternion, dim=-1)
    w, v = q[..., :1], q[..., 1:]
    outer = v[..., :, None] * v[..., None, :]
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    real = (w * w - (v * v).sum(-1, keepdim=True))[..., None]
    return torch.cat([real * eye + 2 * outer + 2 * w[..., None] * cross, translation[..., None]], -1)


def pose_to_colmap(pose: Float[Tensor, "*batch 3 4"]) -> tuple[Float[Tensor, "*batch 4"], Float[Tensor, "*batch 3"]]:
    """Unit quaternion (w, x, y, z) with w >= 0, and t; the inverse of `pose_from_colmap`."""
    vector = rotation_vector(pose[..., :3])
    half = vector / 2
    angle = torch.linalg.vector_norm(half, dim=-1, keepdim=True)
    # At half a turn the angle may exceed pi / 2 by rounding.
    return torch.cat([angle.cos().clamp(min=0), torch.sinc(angle / torch.pi) * half], -1), pose[..., 3]


def camera_from_colmap(model: str, parameters: list[float]) -> Camera:
    """The float64 camera of a line of `cameras.txt`. Raises `ValueError` for a model that is not in `MODELS` or a wrong
    number of parameters.

    >>> camera_from_colmap("SIMPLE_RADIAL", [100.0, 32.0, 24.0, 0.1]).distortion[0].item()
    0.1
    """
    names = MODELS.get(model, "").split()
    if not names:
        raise ValueError(f"camera model must be one of {', '.join(MODELS)}, not {model}")
    if len(names) != len(parameters):
        raise ValueError(f"{model} has {len(names)} parameters ({' '.join(names)}), not {len(parameters)}")
    value = dict(zip(names, parameters, strict=True))
    f_x, f_y = (value.get(name, value.get("f")) for name in ("fx", "fy"))
    k = torch.tensor([[f_x, 0, value["cx"]], [0, f_y, value["cy"]], [0, 0, 1]], dtype=torch.float64)
    if not set(names) & {"k1"}:
        return Pinhole(k)
    kind, order = (
        (Fisheye, ["k1", "k2", "k3", "k4"]) if "FISHEYE" in model
        else (Rational, ["k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"]) if "k6" in value
        else (BrownConrady, ["k1", "k2", "p1", "p2", "k3"])
    )  # fmt: skip
    return kind(k, torch.tensor([value.get(name, 0.0) for name in order], dtype=torch.float64))


def camera_to_colmap(camera: Camera) -> tuple[str, list[float]]:
    """Model and parameters of a camera without batch shape. Raises `ValueError` for one that COLMAP does not have, such
    as a Brown-Conrady lens with k_3 (`Rational` holds it)."""
    if not isinstance(camera, Pinhole | BrownConrady | Rational | Fisheye) or camera.k.dim() != 2:
        raise ValueError(f"COLMAP has no model for {type(camera).__name__} of this shape")
    inner = [*camera.focal_px.tolist(), *camera.principal_point.tolist()]
    if isinstance(camera, Pinhole):
        return "PINHOLE", inner
    distortion = camera.distortion.tolist()
    if isinstance(camera, BrownConrady):
        if distortion[4] != 0:
            raise ValueError("COLMAP's OPENCV has no k3; use Rational, its FULL_OPENCV")
        return "OPENCV", inner + distortion[:4]
    return ("OPENCV_FISHEYE" if isinstance(camera, Fisheye) else "FULL_OPENCV"), inner + distortion
