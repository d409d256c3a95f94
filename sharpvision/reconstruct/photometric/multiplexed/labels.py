"""Labels on the pixels of a mask that are cheap and change seldom: min-sum belief propagation under a Potts prior."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, eq=False)
class Candidates:
    """What each pixel may be: `costs` (P, Q), `paints` (P, Q) and `cases` (P, Q) as numbers, `normals` (P, Q, 3)."""

    costs: NDArray[np.float64]
    paints: NDArray[np.intp]
    cases: NDArray[np.intp]
    normals: NDArray[np.float64]


@dataclass(frozen=True)
class Continuity:
    """Prices of a difference between neighbours: of paint, of case, and of normal, |n - n'|^2 / (2 bend^2) up to
    `crease`."""

    paint: float = 5.0
    case: float = 1.0
    bend: float = 0.12
    crease: float = 8.0


def choose(candidates: Candidates, grid: PixelGrid, continuity: Continuity, rounds: int = 25) -> NDArray[np.intp]:
    """The candidate (P,) of each pixel by which surface and paint go on from pixel to pixel, at a low sum of costs."""
    count, kinds = candidates.costs.shape
    number = grid.image(np.arange(count), -1)
    edges, tables, messages = [], [], []
    for a, b in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        both = (a >= 0) & (b >= 0)
        edges.append((a[both], b[both]))
        tables.append(_joint(candidates, a[both], b[both], continuity))
        messages.append(np.zeros((2, int(both.sum()), kinds), np.float32))
    for _ in range(rounds):
        belief = _belief(candidates.costs, edges, messages)
        for (a, b), table, message in zip(edges, tables, messages, strict=True):
            to_b = ((belief[a] - message[0])[:, :, None] + table).min(1)
            to_a = ((belief[b] - message[1])[:, None, :] + table).min(2)
            message[1] = 0.5 * message[1] + 0.5 * (to_b - to_b.min(1, keepdims=True))
            message[0] = 0.5 * message[0] + 0.5 * (to_a - to_a.min(1, keepdims=True))
    return np.asarray(_belief(candidates.costs, edges, messages).argmin(1))


def _belief(costs: NDArray, edges: list[tuple[NDArray, NDArray]], messages: list[NDArray]) -> NDArray:
    """Costs plus all messages that arrive: message[0] at the first pixel of an edge, message[1] at the second."""
    belief = costs.astype(np.float32)
    for (a, b), message in zip(edges, messages, strict=True):
        belief[a] += message[0]  # a pixel is first in one edge of a direction at most
        belief[b] += message[1]
    return belief


def _joint(candidates: Candidates, a: NDArray, b: NDArray, continuity: Continuity) -> NDArray[np.float32]:
    """Prices (E, Q, Q) of pairs of candidates at the ends of edges."""
    turn = 2.0 - 2.0 * np.einsum("eqi,eri->eqr", candidates.normals[a], candidates.normals[b])
    price = np.minimum(turn / (2.0 * continuity.bend**2), continuity.crease)
    price += continuity.paint * (candidates.paints[a][:, :, None] != candidates.paints[b][:, None])
    price += continuity.case * (candidates.cases[a][:, :, None] != candidates.cases[b][:, None])
    return price.astype(np.float32)


def _truncated(message: NDArray, weight: NDArray) -> NDArray:
    """Potts message: min(m(x), min m + w), its least value 0."""
    message = message - message.min(1, keepdims=True)
    return np.minimum(message, weight[:, None])
