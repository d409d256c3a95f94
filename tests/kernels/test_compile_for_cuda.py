"""The renderer's kernels compile for CUDA: Warp makes PTX on machines without a device. None of them runs here."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import warp as wp

from sharpvision import kernels

ON_THE_CPU_ALONE = {
    "bundle_fit", "height_field", "pixel_fit", "robust_normals",  # photometric stereo, on NumPy arrays
    "shade_lanes", "team",  # what `dispatch` and `shade` take on a CPU
}  # fmt: skip
MODULES: dict[str, Callable[[Any, type], list[Any]]] = {
    "antialias": lambda file, real: [file._kernels(real, 3).assemble],
    "bins": lambda file, real: [file._kernels(real).boxes],
    "closest_point": lambda file, real: [file._closest],
    "gather": lambda file, real: [file._kernels(real).gather],
    "ggx_kernels": lambda file, real: [file.ggx_kernels(real, 3).pull],
    "ggx_sh_kernels": lambda file, real: [file.ggx_sh_kernels(real, 3, 4).collect],
    "interpolate": lambda file, real: [file._kernels(real).pull],
    "least_depth": lambda file, real: [file._kernel(real)],
    "mesh_queries": lambda file, real: [file._nearest_signed],
    "normals": lambda file, real: [file._kernels(real).unit_sums],
    "projected_rows": lambda file, real: [file._kernels(real).place],
    "raster_kernels": lambda file, real: [file.raster_kernels(real).pixels],
    "ray_hierarchy": lambda file, real: [file._blocked],
    "row_sums": lambda file, real: [file._kernel(real)],
    "shade_kernels": lambda file, real: [file.shade_kernels(real, 3, n).pull for n in (10, 3)],
    "silhouette_facing": lambda file, real: [file._kernels(real).facing],
    "silhouette_points": lambda file, real: [file._kernels(real).points],
    "silhouette_query": lambda file, real: [file._kernels(real).query],
    "silhouette_select": lambda file, real: [file._kernels(real).pieces],
    "silhouette_split": lambda file, real: [file._kernels(real).split],
    "texture_kernels": lambda file, real: [file.texture_kernels(real).spread],
}
"""A kernel of each of a file's Warp modules, which are compiled whole: what one of them calls must be there on CUDA."""


def test_no_file_with_kernels_is_left_out() -> None:
    folder = Path(kernels.__file__).parent
    files = {file.stem for file in folder.glob("*.py") if "@wp.kernel" in file.read_text()}
    assert files == MODULES.keys() | ON_THE_CPU_ALONE


@pytest.mark.parametrize("real", [wp.float32, wp.float64])
@pytest.mark.parametrize("name", MODULES)
def test_kernels_compile_for_cuda(name: str, real: type, tmp_path: Path) -> None:
    for number, kernel in enumerate(MODULES[name](import_module(f"sharpvision.kernels.{name}"), real)):
        folder = tmp_path / str(number)
        wp.compile_aot_module(kernel.module, device=None, arch=80, module_dir=folder, use_ptx=True)
        (file,) = folder.glob("*.ptx")
        program = file.read_text()
        assert f".entry {kernel.get_mangled_name()}" in program
        assert set(re.findall(r"\.extern \.func.*?(\w+)\n?\(", program)) <= {"vprintf", "__assertfail"}
