"""Where public data sets lie on this machine, and where they come from."""

from __future__ import annotations

import os
from pathlib import Path

from sharpvision.core.errors import InputError

VARIABLE = "SHARPVISION_DATA"
SOURCES = {
    "meshes": "collect spot, suzanne and teapot (alecjacobson/common-3d-test-models), bunny_5k, armadillo_30k (.obj)",
    "diligent": "download DiLiGenT (CVPR 2016) from https://sites.google.com/site/photometricstereodata/single",
    "uw_psm": "download psmImages.zip of the University of Washington's project 'Photometric Stereo' (S. Seitz)",
}


def data_folder(name: str) -> Path:
    """Folder of a data set below the environment variable SHARPVISION_DATA.

    Raises `InputError` that says where to get it and where to put it.
    """
    root = os.environ.get(VARIABLE)
    source = SOURCES.get(name, "get the data set")
    if not root:
        raise InputError(f"data set {name}", f"the variable {VARIABLE} to name the folder of data sets", "it unset",
                         f"{source}, unpack it as DATA/{name}, and run: export {VARIABLE}=DATA")  # fmt: skip
    folder = Path(root) / name
    if not folder.is_dir():
        raise InputError(folder, f"the data set {name}", "no such folder",
                         f"{source} and unpack it as {folder} ({VARIABLE} is {root})")  # fmt: skip
    return folder


def source_of(folder: Path) -> str | None:
    """Where a folder that is not there could be had from, judged by the names in its path."""
    return next((SOURCES[part] for part in reversed(folder.parts) if part in SOURCES), None)
