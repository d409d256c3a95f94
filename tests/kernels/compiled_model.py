"""A model of somebody's own that draws by hand, compiled as a whole; says "same" if it is as eager, gradients too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sharpvision.cameras import View
from sharpvision.geometry.edges import edges_of
from sharpvision.geometry.primitives import icosphere
from sharpvision.kernels.antialias_function import antialias
from sharpvision.kernels.batch import Batch
from sharpvision.kernels.corners import corners_of
from sharpvision.kernels.normals import vertex_normals
from sharpvision.kernels.rasterize import rasterize
from sharpvision.kernels.shade import irradiance_sh
from sharpvision.kernels.silhouette_plan import PlanSettings, plan


class LitMesh(nn.Module):
    """The image of a mesh under light from all sides; what does not move is made once."""

    def __init__(self, view: View) -> None:
        super().__init__()
        mesh = icosphere(subdivisions=2)
        self.view, self.vertices = view, nn.Parameter(mesh.vertices.clone())
        self.light, self.background = nn.Parameter(torch.rand(9, 3)), nn.Parameter(torch.rand(1, 3))
        self.faces = mesh.faces.to(torch.int32)
        self.edges, self.corners = edges_of(self.faces, mesh.vertices), corners_of(self.faces, len(mesh.vertices))
        self.batch = Batch.of_one_mesh(self.faces, len(mesh.vertices), views=1, height=view.height, width=view.width)

    def forward(self, stretch: Tensor) -> Tensor:
        vertices = torch.exp(stretch) * self.vertices
        projected = self.view.projected(vertices, 0.01).reshape(-1, 4).contiguous()
        layout = plan(projected, self.batch, rasterize(projected, self.batch, 0.01), self.edges, PlanSettings())
        normals = vertex_normals(vertices, self.faces, self.faces, self.corners)
        irradiance = irradiance_sh(layout.points, projected, self.batch, normals, self.faces, self.light)
        return antialias(irradiance / torch.pi, self.background, projected, layout)


def main() -> None:
    torch.manual_seed(0)
    view = View.look_at(torch.tensor([0.3, 0.2, -3.0]), torch.zeros(3), torch.tensor([0.0, -1.0, 0.0]), 40.0, (32, 32))
    model = LitMesh(view)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for size in (0.0, 0.1, -0.3):  # other points each time, the same graph
        stretch, results = torch.tensor([1.0, 0.5, 1.0]).mul(size).requires_grad_(), []
        for function in (model, compiled):
            image = function(stretch)
            inputs = [stretch, *model.parameters()]
            results.append([image, *torch.autograd.grad(image.square().sum(), inputs, allow_unused=True)])
        for ours, theirs in zip(*results, strict=True):
            torch.testing.assert_close(ours, theirs)
        assert results[0][1].norm() > 0
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
    print("same")


if __name__ == "__main__":
    main()
