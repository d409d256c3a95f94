"""Conversions between this package's cameras and those of others; besides `core/frames.py` no other negates an axis.

Here: x right, y down, z forward; x_cam = R x_world + t for column vectors; pixel centres at integer + 0.5.

| of | frame of the camera | pose | pixel centres | functions |
| --- | --- | --- | --- | --- |
| OpenCV | ours | world to camera | integer | `k_from_integer_centres`, `k_to_integer_centres` |
| OpenGL, nvdiffrast | x right, y up, z back | world to camera | clip space | `from_opengl`, `to_opengl` |
| NeRF, Blender | x right, y up, z back | camera to world | integer + 0.5 | `from_nerf`, `to_nerf` |
| PyTorch3D | x left, y up, z forward | world to camera, rows | integer + 0.5 | `from_pytorch3d`, `to_pytorch3d` |
| COLMAP | ours | world to camera, quaternion w first | integer + 0.5 | `pose_from_colmap`, `camera_from_colmap`, .. |
| BOP | ours | model or world to camera, mm | integer | `from_bop`, `to_bop`, `object_pose_from_bop` |
| IDR, NeuS | ours | in P = K [R, t] | integer | `from_idr`, `to_idr` |
| Middlebury | ours | world to camera | integer (assumed) | `from_middlebury`, `to_middlebury` |
"""

from sharpvision.cameras.conventions.bop import from_bop, object_pose_from_bop, to_bop
from sharpvision.cameras.conventions.calibration import Calibration, inverse_pose
from sharpvision.cameras.conventions.colmap import (
    camera_from_colmap,
    camera_to_colmap,
    pose_from_colmap,
    pose_to_colmap,
)
from sharpvision.cameras.conventions.middlebury import from_middlebury, to_middlebury
from sharpvision.cameras.conventions.opencv import k_from_integer_centres, k_to_integer_centres
from sharpvision.cameras.conventions.opengl import (
    from_nerf,
    from_opengl,
    opencv_pose_from_opengl,
    opengl_pose_from_opencv,
    to_nerf,
    to_opengl,
)
from sharpvision.cameras.conventions.projection_matrix import decompose, from_idr, to_idr
from sharpvision.cameras.conventions.pytorch3d import PyTorch3DCamera, from_pytorch3d, to_pytorch3d
from sharpvision.core.frames import opencv_from_opengl, opengl_from_opencv

__all__ = [
    "Calibration",
    "PyTorch3DCamera",
    "camera_from_colmap",
    "camera_to_colmap",
    "decompose",
    "from_bop",
    "from_idr",
    "from_middlebury",
    "from_nerf",
    "from_opengl",
    "from_pytorch3d",
    "inverse_pose",
    "k_from_integer_centres",
    "k_to_integer_centres",
    "object_pose_from_bop",
    "opencv_from_opengl",
    "opencv_pose_from_opengl",
    "opengl_from_opencv",
    "opengl_pose_from_opencv",
    "pose_from_colmap",
    "pose_to_colmap",
    "to_bop",
    "to_idr",
    "to_middlebury",
    "to_nerf",
    "to_opengl",
    "to_pytorch3d",
]
