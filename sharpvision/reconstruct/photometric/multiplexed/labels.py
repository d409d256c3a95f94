"""Labels on the pixels of a mask that are cheap and change seldom: min-sum belief propagation under a Potts prior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sharpvision.reconstruct.photometric.grid import PixelGrid


def smooth_labels(
    costs: NDArray, grid: PixelGrid, jump: float, contrast: NDArray | None = None, rounds: int = 30
) -> NDArray[np.intp]:
    """Labels (P,) of low  sum_p costs_p(x_p) + sum_pq w_pq [x_p != x_q]  over 4-neighbours p, q.

    costs (P, K); w = `jump` exp(-contrast) with `contrast` the larger of the two pixels' (P,). Loopy, so approximate.
    Paper: Felzenszwalb & Huttenlocher, Efficient Belief Propagation for Early Vision, 2006.

    >>> grid = PixelGrid(np.ones((1, 5), bool))
    >>> costs = np.array([[0, 4], [0, 4], [1, 0], [0, 4], [0, 4]], float)
    >>> smooth_labels(costs, grid, 2.0).tolist(), smooth_labels(costs, grid, 0.1).tolist()
    ([0, 0, 0, 0, 0], [0, 0, 1, 0, 0])
    """
    count, kinds = costs.shape
    if kinds == 1:
        return np.zeros(count, np.intp)
    number = grid.image(np.arange(count), -1)
    padded = np.pad(number, 1, constant_values=-1)
    rows, columns = grid.index[0] + 1, grid.index[1] + 1
    sides = [padded[rows + dy, columns + dx] for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    back = (1, 0, 3, 2)
    contrast = np.zeros(count) if contrast is None else contrast
    weights = [np.where(q >= 0, jump * np.exp(-np.maximum(contrast, contrast[q])), 0.0) for q in sides]
    incoming = np.zeros((4, count, kinds))
    for _ in range(rounds):
        belief = costs + incoming.sum(0)
        outgoing = [_truncated(belief - incoming[d], weights[d]) for d in range(4)]
        for d in range(4):  # the message that comes from side d is what the neighbour there sends back
            arriving = np.where(sides[d][:, None] >= 0, outgoing[back[d]][sides[d]], 0.0)
            incoming[d] = 0.5 * incoming[d] + 0.5 * arriving
    return np.asarray((costs + incoming.sum(0)).argmin(1))


def _truncated(message: NDArray, weight: NDArray) -> NDArray:
    """Potts message: min(m(x), min m + w), its least value 0."""
    message = message - message.min(1, keepdims=True)
    return np.minimum(message, weight[:, None])
