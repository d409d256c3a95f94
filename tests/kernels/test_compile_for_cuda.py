"""The renderer's kernels compile for CUDA: Warp makes PTX on machines without a device. None of them runs here."""

from __future__ import annotations

from pathlib import Path

import pytest
import warp as wp

from sharpvision.kernels import bins, gather, interpolate, normals
from sharpvision.kernels.ggx_kernels import ggx_kernels
from sharpvision.kernels.ggx_sh_kernels import ggx_sh_kernels
from sharpvision.kernels.raster_kernels import raster_kernels
from sharpvision.kernels.shade_kernels import shade_kernels

MODULES = {
    "gather": lambda real: gather._kernels(real).gather,
    "interpolate": lambda real: interpolate._kernels(real).pull,
    "normals": lambda real: normals._kernels(real).unit_sums,
    "irradiance_sh": lambda real: shade_kernels(real, 3, 10).pull,
    "irradiance_directional": lambda real: shade_kernels(real, 3, 3).pull,
    "bins": lambda real: bins._kernels(real).boxes,
    "raster": lambda real: raster_kernels(real).pixels,
    "ggx": lambda real: ggx_kernels(real, 3).pull,
    "ggx_sh": lambda real: ggx_sh_kernels(real, 3, 4).collect,
}


@pytest.mark.parametrize("name", MODULES)
def test_kernels_compile_for_cuda(name: str, tmp_path: Path) -> None:
    kernel = MODULES[name](wp.float32)
    wp.compile_aot_module(kernel.module, device=None, arch=80, module_dir=tmp_path, use_ptx=True)
    (program,) = tmp_path.glob("*.ptx")
    assert f".entry {kernel.get_mangled_name()}" in program.read_text()
