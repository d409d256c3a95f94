"""A renderer inside your own model: an encoder learns pose and light of a known object from its renderings.

No labels: the loss compares photographs with what the predicted pose and light render to. The photographs have a tone
curve that the renderer knows nothing of; a small residual, zero at first, learns it. `python demos/own_model.py`
"""

import sys

import torch
from torch import Tensor, nn

import sharpvision as sv
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.geometry.primitives import box
from sharpvision.rendering import Renderer, Scene, Shape

SIDE = 48


def scene_and_view() -> tuple[nn.Module, nn.Module]:
    """A coloured box under a sky, seen from distance 3."""
    mesh = box((1.5, 1.0, 0.7), divisions=3)
    colors = 0.05 + 0.9 * (mesh.vertices - mesh.vertices.amin(0)) / (mesh.vertices.amax(0) - mesh.vertices.amin(0))
    mesh = sv.geometry.Mesh(mesh.vertices, mesh.faces, vertex_colors=colors, normal_faces=mesh.normal_faces)
    shape = Shape(mesh, sv.materials.Lambert(sv.materials.VertexColor()))
    sky = sv.illumination.SphericalHarmonics(2.5 * torch.eye(9)[:, :1].expand(9, 3))
    eye, target, up = torch.tensor([[0.0, 0, 3], [0, 0, 0], [0, 1, 0]])
    return Scene({"box": shape}, {"sky": sky}), sv.cameras.View.look_at(eye, target, up, 50.0, (SIDE, SIDE))


class PoseAndLight(nn.Module):
    """Image (B, H, W, 3) -> parameters of the scene -> image: encoder, renderer, residual."""

    def __init__(self) -> None:
        super().__init__()
        scene, view = scene_and_view()
        self.renderer = Renderer(scene, view).requires_grad_(False)
        convolutions = [nn.Conv2d(3, 16, 5, 2, 2), nn.Conv2d(16, 32, 3, 2, 1), nn.Conv2d(32, 32, 3, 2, 1)]
        layers = [*convolutions, nn.Sequential(nn.Flatten(), nn.Linear(32 * (SIDE // 8) ** 2, 128))]
        self.encoder = nn.Sequential(*(nn.Sequential(layer, nn.ReLU()) for layer in layers))
        tone = (nn.Conv2d(3, 12, 1), nn.Tanh(), nn.Conv2d(12, 3, 1))
        self.head, self.residual = nn.Linear(128, 6 + 12), nn.Sequential(*tone)
        for value in (*self.head.parameters(), *self.residual[-1].parameters()):
            nn.init.zeros_(value)  # the mean pose, the mean light, and no correction

    def parameters_of(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation vectors (B, 3), translations (B, 3), sky (B, 9, 3)."""
        turn, shift, light = self.head(self.encoder(image.permute(0, 3, 1, 2) - 0.5)).split([3, 3, 12], 1)
        return turn, shift, self.sky_with(light.view(-1, 4, 3))

    def sky_with(self, change: Tensor) -> Tensor:
        """The mean sky with bands 0 and 1 changed, (B, 9, 3)."""
        return self.renderer.scene.lights["sky"].coefficients + nn.functional.pad(change, (0, 0, 0, 5))

    def render(self, turn: Tensor, shift: Tensor, sky: Tensor) -> Tensor:
        """Each element's image (B, H, W, 3)."""
        names = ("box.pose.rotation", "box.pose.translation", "sky.coefficients")
        each = (dict(zip(names, values, strict=True)) for values in zip(turn, shift, sky, strict=True))
        return torch.stack([self.renderer(parameters)[0] for parameters in each])

    def forward(self, image: Tensor) -> Tensor:
        drawn = self.render(*self.parameters_of(image))
        return drawn + self.residual(drawn.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def photographs(model: PoseAndLight, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images of random poses (about 25 degrees, 0.2) and lights through a tone curve, and the truth."""
    turn, shift = (scale * torch.randn(count, 3, generator=generator) for scale in (0.25, 0.12))
    light = 0.25 * torch.randn(count, 4, 3, generator=generator)
    with torch.no_grad():
        return model.render(turn, shift, model.sky_with(light)).clamp(min=0) ** 0.8, turn, shift


def train(steps: int = 400, batch: int = 8, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """Loss, degrees and shift of held-out photographs, before and after."""
    generator, model = torch.manual_seed(seed), PoseAndLight()
    (images, *_), held_out = photographs(model, 64 * batch, generator), photographs(model, 16, generator)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 2e-3)

    @torch.no_grad()
    def score() -> tuple[float, float, float]:
        image, turn, shift = held_out
        found, moved, _ = model.parameters_of(image)
        off = rotation_vector(rotation_matrix(found) @ rotation_matrix(turn).mT).norm(dim=1).rad2deg().mean()
        return float((model(image) - image).square().mean()), float(off), float((moved - shift).norm(dim=1).mean())

    before = score()
    for step in range(steps):
        chosen = images[torch.randint(len(images), (batch,), generator=generator)]
        loss = (model(chosen) - chosen).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"step {step}: loss {loss.item():.5f}", end="\n" if step % 50 == 0 else "\r", flush=True)
    return {"before": before, "after": score()}


if __name__ == "__main__":
    for when, (loss, degrees, shift) in train(int(sys.argv[1]) if len(sys.argv) > 1 else 400).items():
        print(f"{when}: loss {loss:.5f}, rotation off by {degrees:.1f} degrees, translation by {shift:.3f}")
