"""The one flip between the frame of files (OpenGL's) and the frame in memory (OpenCV's)."""

from __future__ import annotations

from typing import Any, TypeVar

Vectors = TypeVar("Vectors", bound=Any)


def opencv_from_opengl(v: Vectors) -> Vectors:
    """Vectors (..., 3) of x right, y up, z to the viewer in the frame x right, y down, z forward; array or tensor.

    (x, y, z) -> (x, -y, -z), a rotation by pi about x, hence its own inverse.

    >>> import numpy as np
    >>> opencv_from_opengl(np.array([0.6, 0.8, 1.0])).tolist()
    [0.6, -0.8, -1.0]
    """
    return v * _signs_like(v)


def opengl_from_opencv(v: Vectors) -> Vectors:
    """Vectors (..., 3) of x right, y down, z forward in the frame x right, y up, z to the viewer; array or tensor.

    >>> import numpy as np
    >>> opengl_from_opencv(opencv_from_opengl(np.array([1.0, 2.0, 3.0]))).tolist()
    [1.0, 2.0, 3.0]
    """
    return v * _signs_like(v)


def _signs_like(v: Any) -> Any:
    """(1, -1, -1) of the kind, dtype and device of `v`."""
    if hasattr(v, "new_tensor"):
        return v.new_tensor([1.0, -1.0, -1.0])
    import numpy as np

    return np.array([1.0, -1.0, -1.0], dtype=np.asarray(v).dtype)
