"""Fills the output folder of a photometric solution: result, maps, pictures, mesh, parameters, page."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from sharpvision.data.meshes import glb, ply
from sharpvision.report.maps import photometric_maps, pictures
from sharpvision.report.output_folder import RESULT, OutputFolder, written_to
from sharpvision.report.page import build_page
from sharpvision.report.result import as_json, result
from sharpvision.report.surface import surface_mesh
from sharpvision.solvers import Solution

# What the maps hold already, and what can be rendered again from the rest.
_NOT_PARAMETERS = {"normals", "depth", "predicted", "predicted_physics", "predicted_lights"}


def write(solution: Solution, out: str | Path, overwrite: bool = False, findings: Any = None) -> Path:
    """Write the output folder `out` whole or not at all, and return its path.

    `findings` of a prepared capture (`Capture.findings`) get a section of the page.

    Raises `InputError` where `out` exists and `overwrite` is not set, is not an earlier output, or can't be written.
    """
    with OutputFolder(out, overwrite) as folder:
        write_files(solution, folder, findings)
        return folder.commit()


def write_files(solution: Solution, folder: OutputFolder, findings: Any = None) -> dict[str, Any]:
    """Write all files into a reserved folder (not yet committed); returns what `result.json` holds."""
    record = result(solution)
    maps = photometric_maps(solution)
    with written_to(folder.out):
        for name, picture in pictures(maps):
            (folder.path / name).write_bytes(picture)
        _write_maps(maps, folder.path / "maps.npz")
        (folder.path / "parameters.safetensors").write_bytes(_parameters(solution))
        mesh = surface_mesh(solution)
        if mesh is not None:
            (folder.path / "mesh.glb").write_bytes(glb(mesh))
            (folder.path / "mesh.ply").write_bytes(ply(mesh))
        page = build_page(solution, record["figures"], findings)
        (folder.path / "report.html").write_text(page, encoding="utf-8")
        (folder.path / RESULT).write_text(as_json(record), encoding="utf-8")
    return record


def _write_maps(maps: dict[str, np.ndarray], file: Path) -> None:
    """What `numpy.savez_compressed` writes, less the time of day, so that equal maps are equal bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in maps.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)


def _parameters(solution: Solution) -> bytes:
    """The fitted global and per-pixel parameters; their names and meaning are those of the solution's values."""
    tensors = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in solution.values.items()
        if name not in _NOT_PARAMETERS and isinstance(value, torch.Tensor)
    }
    frame = "OpenCV camera: x right, y down, z forward"
    # One entry: safetensors keeps no order of several.
    return safetensors.torch.save(tensors, metadata={"frame": frame})
