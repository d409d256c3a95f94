"""Problem -> Solution: optimisation that knows no vision."""

from sharpvision.solvers.solution import Solution, Status, Step

__all__ = ["Solution", "Status", "Step"]
