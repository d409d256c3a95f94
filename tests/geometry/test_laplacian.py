"""The graph Laplacian against networkx."""

from __future__ import annotations

import networkx
import numpy as np
import torch
import trimesh

from sharpvision.geometry.laplacian import graph_laplacian, unique_edges


def test_it_is_networkxs() -> None:
    sphere = trimesh.creation.icosphere(2)
    expected = networkx.laplacian_matrix(sphere.vertex_adjacency_graph, nodelist=range(len(sphere.vertices)))
    found = graph_laplacian(torch.from_numpy(sphere.faces.astype(np.int64)), len(sphere.vertices))
    assert abs(found - expected).max() == 0
    assert len(unique_edges(torch.from_numpy(sphere.faces.astype(np.int64)))) == len(sphere.edges_unique)


def test_lone_vertices_have_no_row_and_no_faces_no_edges() -> None:
    found = graph_laplacian(torch.tensor([[0, 1, 3]]), 5).toarray()
    assert found[2].tolist() == found[4].tolist() == [0.0] * 5
    assert graph_laplacian(torch.zeros(0, 3, dtype=torch.int64), 2).toarray().tolist() == [[0.0, 0.0], [0.0, 0.0]]
