"""The workload of the speed rows: a ball of triangles, one fit step, and the same for the peers."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.cameras import View
    from sharpvision.rendering import RenderSettings, Scene

SUBDIVISIONS = {20480: 5, 327680: 7}
FOV_DEG, DISTANCE = 60.0, 2.6
WARMING = 0.25
SCRIPTS = {"deodr": "deodr_fit", "mitsuba": "mitsuba_fit", "pytorch3d": "pytorch3d_fit"}


@dataclass(frozen=True)
class FitStep:
    """float32 vertices -> vertex normals -> raster -> order-2 SH -> silhouettes -> L2 -> gradient of all vertices.

    A step returns the loss |image - target|^2 and its gradient, image - target pulled back by autograd and doubled:
    torch's own loss takes three passes over the image more.
    """

    scene: Scene
    view: View
    target: Tensor
    settings: RenderSettings

    def __call__(self) -> tuple[Tensor, Tensor]:
        import torch

        from sharpvision.rendering import render

        image = render(self.scene, self.view, self.settings).image
        assert image is not None
        vertices = self.scene.get_parameter("shapes.ball.vertices")
        difference = (image.detach() - self.target).view(-1)
        loss = torch.dot(difference, difference)
        return loss, torch.autograd.grad(image, vertices, difference.view_as(image))[0].mul_(2)


def fit_step(triangles: int, size: int, *, views: int = 1, mode: str = "default", silhouettes: bool = True) -> FitStep:
    """A ball of radius 1 seen from distance 2.6 with a horizontal field of view of 60 degrees, only vertices moving."""
    import torch

    from sharpvision.geometry.primitives import icosphere
    from sharpvision.illumination import SphericalHarmonics
    from sharpvision.materials import Lambert
    from sharpvision.rendering import RenderSettings, Scene, Shape

    g = torch.Generator().manual_seed(0)
    sky = 0.2 * torch.rand(9, 3, generator=g)
    sky[0] = 2.0
    ball = Shape(icosphere(subdivisions=SUBDIVISIONS[triangles]), Lambert(torch.full((3,), 0.7)))
    scene, view = Scene({"ball": ball}, {"sky": SphericalHarmonics(sky)}), ball_view(size, views)
    for name, parameter in (*scene.named_parameters(), *view.named_parameters()):
        parameter.requires_grad_(name == "shapes.ball.vertices")
    shape = (size, size, 3) if views == 1 else (views, size, size, 3)
    settings = RenderSettings(mode=mode, silhouettes=silhouettes, buffers=("image",), tile_pixels=2**40)  # type: ignore[arg-type]
    return FitStep(scene, view, torch.rand(shape, generator=g), settings)


def ball_view(size: int, views: int = 1) -> View:
    """From +z; several views stand on a circle about the y axis."""
    import torch

    from sharpvision.cameras import View

    angle = torch.arange(views) * (2 * torch.pi / views)
    eye = DISTANCE * torch.stack([angle.sin(), torch.zeros(views), angle.cos()], -1)
    up = torch.tensor([0.0, 1.0, 0.0])
    return View.look_at(eye[0] if views == 1 else eye, torch.zeros(3), up, FOV_DEG, (size, size))


def milliseconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Times of `repeats` calls, after those of the first quarter of a second, at least one: a peer that ran before has
    left its own data in the caches."""
    started, found = time.perf_counter(), []
    work()
    while time.perf_counter() < started + WARMING:
        work()
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        found.append(1e3 * (time.perf_counter() - started))
    return found


def in_turn(ours: Callable[[], Any], peers: dict[str, Callable[[], list[float]]], repeats: int) -> dict[str, float]:
    """Medians in milliseconds of `ours` and of each peer; ours is measured before, between and after them."""
    own = milliseconds(ours, repeats)
    medians = {}
    for name, peer in peers.items():
        medians[name] = statistics.median(peer())
        own += milliseconds(ours, repeats)
    return medians | {"ours": statistics.median(own)}


def peer_answer(name: str, python: str, triangles: int, size: int, repeats: int, **more: Any) -> dict[str, Any]:
    """What a peer's script measured on the ball. Raises `InputError` where its Python does not do it."""
    import numpy as np

    from sharpvision.bench import peers
    from sharpvision.cameras.conventions import Calibration, to_pytorch3d
    from sharpvision.geometry.primitives import icosphere

    mesh, view = icosphere(subdivisions=SUBDIVISIONS[triangles]), ball_view(size)
    camera = to_pytorch3d(Calibration.of_view(view), (size, size))
    theirs = {n: getattr(camera, n).detach().numpy() for n in ("R", "T", "focal_length", "principal_point")}
    theirs = {n: v.reshape(1, *v.shape[-2 if n == "R" else -1 :]) for n, v in theirs.items()}
    arrays: dict[str, Any] = {
        "vertices": mesh.vertices.numpy(), "faces": mesh.faces.numpy(), "size": np.array([size, size]),
        "extrinsic": view.world_to_camera.matrix[:3].detach().numpy().astype(np.float64),
        "k": Calibration.of_view(view).k.detach().numpy().astype(np.float64), "eye": np.array([0.0, 0.0, DISTANCE]),
        "fov_deg": FOV_DEG, "target": np.random.default_rng(0).random((size, size, 3)), "repeats": repeats,
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="sharpvision-peer-") as folder:
        request, answer = Path(folder) / "request.npz", Path(folder) / "answer.npz"
        np.savez(request, **arrays, **theirs, **more)
        script = str(Path(peers.__path__[0]) / f"{SCRIPTS[name]}.py")
        own = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}  # as its users run it
        done = subprocess.run([python, script, str(request), str(answer)], capture_output=True, text=True, env=own)
        if done.returncode != 0:
            words = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            wanted = f"a Python that runs {SCRIPTS[name]}.py"
            raise InputError(f"peer {name} ({python})", wanted, words[-1], "install it there")
        with np.load(answer) as arrived:
            return {key: arrived[key] for key in arrived.files}
