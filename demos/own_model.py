"""A renderer inside your own model: an encoder learns pose and light of a known object from its photographs.

No labels: the loss compares photographs with what the predicted pose and light render to. The photographs have a tone
curve that the renderer knows nothing of; a small residual, zero at first, learns it. `python demos/own_model.py`
"""

import torch
from torch import Tensor, nn

import sharpvision as sv
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.rendering import Renderer, RenderSettings, Scene, Shape

SIDE, BANDS, PHOTOGRAPHS = 32, 4, 8192  # pixels; harmonics of orders 0 and 1
AWAY, EVEN = torch.tensor([0.0, 0.0, 3.0]), torch.tensor([[2.5], [0.0], [0.0], [0.0]])  # mean place and light


def scene_and_view() -> tuple[Scene, sv.cameras.View]:
    """A box of many colours at distance 3, once for each light: channel 3 k + c is colour c under harmonic k alone."""
    mesh = sv.geometry.primitives.box((1.5, 1.0, 0.7), divisions=3)
    colors = (0.5 + 0.45 * mesh.vertices / mesh.vertices.amax(0)).repeat(1, BANDS)
    corner = mesh.vertices @ rotation_matrix(torch.tensor([0.5, 0.6, 0.0])).mT  # so that three sides are seen
    mesh = sv.geometry.Mesh(corner, mesh.faces, vertex_colors=colors, normal_faces=mesh.normal_faces)
    sky = sv.illumination.SphericalHarmonics(torch.eye(9)[:, :BANDS].repeat_interleave(3, 1))
    box_alone = {"box": Shape(mesh, sv.materials.Lambert(sv.materials.VertexColor()))}
    view = sv.cameras.View.look_at(-AWAY[None], torch.zeros(1, 3), torch.tensor([[0.0, -1, 0]]), 45.0, (SIDE, SIDE))
    return Scene(box_alone, {"sky": sky}, background=torch.zeros(3 * BANDS)), view


class PoseAndLight(nn.Module):
    """Images (B, H, W, 3) -> poses and lights -> images: encoder, renderer, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.renderer = Renderer(*scene_and_view(), RenderSettings("fast", buffers=("image",))).requires_grad_(False)
        convolutions = [nn.Conv2d(3, 16, 5, 2, 2), nn.Conv2d(16, 32, 3, 2, 1), nn.Conv2d(32, 64, 3, 2, 1)]
        dense = nn.Sequential(nn.Flatten(), nn.Linear(64 * (SIDE // 8) ** 2, 256))
        self.encoder = nn.Sequential(*(nn.Sequential(layer, nn.ReLU()) for layer in (*convolutions, dense)))
        self.head = nn.Linear(256, 6 + 3 * BANDS)
        self.residual = nn.Sequential(nn.Conv2d(3, 12, 1), nn.Tanh(), nn.Conv2d(12, 3, 1))
        for value in (*self.head.parameters(), *self.residual[-1].parameters()):
            nn.init.zeros_(value)  # the mean pose, the mean light, and no correction

    def parameters_of(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation vectors (B, 3), translations (B, 3), change of the light (B, 4, 3)."""
        turn, shift, light = self.head(self.encoder(4 * image.permute(0, 3, 1, 2))).split([3, 3, 3 * BANDS], 1)
        return turn, 0.5 * shift, light.view(-1, BANDS, 3)

    def render(self, turn: Tensor, shift: Tensor, light: Tensor) -> Tensor:
        """Images (B, H, W, 3), all in one call: the views differ in pose, and light enters linearly."""
        pose = {"view.world_to_camera.rotation": turn, "view.world_to_camera.translation": shift + AWAY}
        return torch.einsum("bhwkc,bkc->bhwc", self.renderer(pose)[0].unflatten(-1, (BANDS, 3)), light + EVEN)

    def forward(self, image: Tensor) -> Tensor:
        drawn = self.render(*self.parameters_of(image))
        return drawn + self.residual(drawn.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def photographs(model: PoseAndLight, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Images of random poses (about 25 degrees, 0.2) and lights through a tone curve, and the truth."""
    turn, shift = (scale * torch.randn(count, 3, generator=generator) for scale in (0.25, 0.12))
    light = 0.25 * torch.randn(count, BANDS, 3, generator=generator)
    with torch.no_grad():
        return model.render(turn, shift, light).clamp(min=0) ** 0.8, turn, shift


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean square difference over a pyramid: coarse levels still pull where edges are too far apart to overlap."""
    off = (a - b).permute(0, 3, 1, 2)
    return torch.stack([nn.functional.avg_pool2d(off, size).square().mean() for size in (1, 2, 4, 8)]).mean()


def train(steps: int = 1500, batch: int = 32, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """Loss, degrees and shift of photographs held out, before and after; the truth serves these numbers alone."""
    generator, model = torch.manual_seed(seed), PoseAndLight()
    (images, *_), (image, turn, shift) = (photographs(model, n, generator) for n in (PHOTOGRAPHS, 64))
    optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)  # warm-up, then a cosine

    @torch.no_grad()
    def score() -> tuple[float, float, float]:
        found, moved, _ = model.parameters_of(image)
        off = rotation_vector(rotation_matrix(found) @ rotation_matrix(turn).mT).norm(dim=1).rad2deg().mean()
        return float(distance(model(image), image)), float(off), float((moved - shift).norm(dim=1).mean())

    before = score()
    for step in range(steps):
        chosen = images[torch.randint(len(images), (batch,), generator=generator)]
        loss = distance(model(chosen), chosen)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        print(f"step {step}: loss {loss.item():.5f}", end="\n" if step % 100 == 0 else "\r", flush=True)
    return {"before": before, "after": score()}


if __name__ == "__main__":
    for when, (loss, degrees, shift) in train().items():
        print(f"{when}: loss {loss:.5f}, rotation off by {degrees:.1f} degrees, translation by {shift:.3f}")
