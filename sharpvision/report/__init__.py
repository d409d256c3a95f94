"""Result files, pictures and pages; no maths. Loaded when touched, so that refusing an output folder takes no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharpvision.report.output_folder import OutputFolder, written_to
    from sharpvision.report.photometric import write, write_files
    from sharpvision.report.result import as_json, result, score

_HOMES = {
    "OutputFolder": "output_folder",
    "written_to": "output_folder",
    "write": "photometric",
    "write_files": "photometric",
    "as_json": "result",
    "result": "result",
    "score": "result",
}

__all__ = ["OutputFolder", "as_json", "result", "score", "write", "write_files", "written_to"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"sharpvision.report.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sharpvision.report' has no attribute {name!r}")
