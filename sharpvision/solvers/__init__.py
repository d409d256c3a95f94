"""Problem -> Solution: optimisation that knows no vision."""

from sharpvision.solvers.block_descent import Block, BlockDescentSettings, BlockUpdate, descend
from sharpvision.solvers.problem import Bounds, Prior, Problem, Residual
from sharpvision.solvers.robust_loss import Cauchy, GemanMcClure, Huber, LeastSquares, PseudoHuber, RobustLoss, StudentT
from sharpvision.solvers.solution import Solution, Status, Step

__all__ = [
    "Block", "BlockDescentSettings", "BlockUpdate", "Bounds", "Cauchy", "GemanMcClure", "Huber", "LeastSquares",
    "Prior", "Problem", "PseudoHuber", "Residual", "RobustLoss", "Solution", "Status", "Step", "StudentT", "descend",
]  # fmt: skip
