"""A folder of photographs as a person has it, made ready to be solved."""

from sharpvision.reconstruct.capture.capture import BallFinding, Capture, Findings
from sharpvision.reconstruct.capture.options import CaptureOptions
from sharpvision.reconstruct.capture.prepare import prepare_capture

__all__ = ["BallFinding", "Capture", "CaptureOptions", "Findings", "prepare_capture"]
