"""Problem -> Solution: optimisation that knows no vision."""

from sharpvision.solvers.alternation import Alternation
from sharpvision.solvers.block_descent import Block, BlockDescentSettings, BlockUpdate, descend
from sharpvision.solvers.first_order import FirstOrder
from sharpvision.solvers.gradient_descent import Stopping
from sharpvision.solvers.large_steps import LargeSteps
from sharpvision.solvers.levenberg_marquardt import LevenbergMarquardt
from sharpvision.solvers.problem import Bounds, Prior, Problem, Residual
from sharpvision.solvers.robust_loss import Cauchy, GemanMcClure, Huber, LeastSquares, PseudoHuber, RobustLoss, StudentT
from sharpvision.solvers.scalar_search import ScalarSearch, search
from sharpvision.solvers.solution import Solution, Status, Step
from sharpvision.solvers.solve import SOLVERS, Solver, solve

__all__ = [
    "Alternation", "Block", "BlockDescentSettings", "BlockUpdate", "Bounds", "Cauchy", "FirstOrder", "GemanMcClure",
    "Huber", "LargeSteps", "LeastSquares", "LevenbergMarquardt", "Prior", "Problem", "PseudoHuber", "Residual",
    "RobustLoss", "SOLVERS", "ScalarSearch", "Solution", "Solver", "Status", "Step", "Stopping", "StudentT", "descend",
    "search", "solve",
]  # fmt: skip
