"""The graph Laplacian of a mesh: how far each vertex is from the sum of its neighbours."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Int
from torch import Tensor


def unique_edges(faces: Int[Tensor, "f 3"]) -> Int[Tensor, "e 2"]:
    """Every edge of the faces once, its smaller index first, in ascending order.

    >>> unique_edges(torch.tensor([[0, 1, 2], [2, 1, 3]])).tolist()
    [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    pairs = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return torch.unique(pairs.sort(1).values, dim=0)


def graph_laplacian(faces: Int[Tensor, "f 3"], vertex_count: int) -> scipy.sparse.csr_matrix:
    """L = D - A (V, V), A_ij = 1 for each edge ij, D_ii the number of edges at i; float64.

    x^T L x = sum over edges of |x_i - x_j|^2: positive semidefinite, and zero for what is constant on each connected
    component. It knows the mesh's connections and not its shape. Chung, Spectral Graph Theory, 1997.

    >>> graph_laplacian(torch.tensor([[0, 1, 2]]), 3).toarray().tolist()
    [[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]]
    """
    i, j = unique_edges(faces).cpu().numpy().T
    ones = np.ones(len(i))
    shape = (vertex_count, vertex_count)
    adjacency = scipy.sparse.coo_matrix((ones, (i, j)), shape).tocsr()
    adjacency = adjacency + adjacency.T
    return (scipy.sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency).tocsr()
