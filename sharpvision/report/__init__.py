"""Result files, pictures and pages; no maths."""

from sharpvision.report.output_folder import OutputFolder, written_to
from sharpvision.report.photometric import write, write_files
from sharpvision.report.result import as_json, result, score

__all__ = ["OutputFolder", "as_json", "result", "score", "write", "write_files", "written_to"]
