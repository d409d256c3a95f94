"""Part of suite `render`: the faces that this rasteriser and PyTorch3D's see, ten meshes under random cameras.

Row `pytorch3d/MESH`: `same_face_percent` of all pixels, `same_face_covered_percent` of those that either covers. The
peer gets vertices and the arguments of its own `PerspectiveCameras`, so the bridge between the conventions is measured
too. `seconds` is this package's time for all cameras; both times are for information: the peer's is naive on a CPU.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sharpvision.bench.suite import Case, Measurement, Options
from sharpvision.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from sharpvision.cameras import View
    from sharpvision.geometry import Mesh

FILES = ("armadillo_30k", "bunny_5k", "spot", "suzanne", "teapot")
MADE = ("icosphere", "torus", "capsule", "box", "terrain")
SIZE = (192, 256)
CAMERAS = 4
NEAR = 0.2


def cases(options: Options) -> list[Case]:
    """One case a mesh; none without `--peer pytorch3d=PYTHON`."""
    python = dict(options.peers).get("pytorch3d")
    if python is None:
        return []
    settings = {"size": list(SIZE), "cameras": CAMERAS, "dtype": "float32", "near": NEAR}
    return [Case("render", f"pytorch3d/{name}", "warp", settings, {"python": str(python)}) for name in FILES + MADE]


def run(case: Case, seed: int) -> Measurement:
    """Raises `InputError` where the peer's Python does not do it, with its last words."""
    import torch

    from sharpvision.rendering.backends import Warp

    mesh = mesh_named(case.case.split("/")[1])
    view = random_views(mesh, seed)
    warp = Warp()
    with torch.no_grad():
        warp.rasterize(mesh.vertices, mesh.faces, view, NEAR)
        started = time.perf_counter()
        ours = warp.rasterize(mesh.vertices, mesh.faces, view, NEAR).face
        seconds = time.perf_counter() - started
    theirs, peer_seconds, peer_threads = faces_by_peer(case.source["python"], mesh, view)
    same, covered = ours == theirs, (ours >= 0) | (theirs >= 0)
    metrics = {
        "same_face_percent": 100 * float(same.double().mean()),
        "same_face_covered_percent": 100 * float(same[covered].double().mean()),
        "covered_percent": 100 * float(covered.double().mean()),
        "peer_s": peer_seconds,
        "peer_threads": float(peer_threads),
    }
    return Measurement(metrics, seconds)


def mesh_named(name: str) -> Mesh:
    """A mesh by the name of its row, centred, in a sphere of radius 1, float32."""
    import numpy as np
    import torch
    import trimesh

    from sharpvision.data import data_folder
    from sharpvision.geometry import Mesh, primitives

    if name in MADE:
        if name == "terrain":
            x = torch.linspace(-3, 3, 60)
            mesh = primitives.terrain(0.2 * x.sin()[:, None] * (2 * x).cos())
        else:
            mesh = getattr(primitives, name)()
        vertices, faces = mesh.vertices, mesh.faces
    else:
        loaded = trimesh.load(data_folder("meshes") / f"{name}.obj", process=False, force="mesh")
        assert isinstance(loaded, trimesh.Trimesh)
        vertices = torch.from_numpy(np.array(loaded.vertices, dtype=np.float32))
        faces = torch.from_numpy(np.array(loaded.faces, dtype=np.int64))
    vertices = vertices - (vertices.amin(0) + vertices.amax(0)) / 2
    return Mesh(vertices / torch.linalg.vector_norm(vertices, dim=-1).max(), faces)


def random_views(mesh: Mesh, seed: int) -> View:
    """Cameras anywhere around, 30 to 70 degrees wide, the axis off the middle; the last so near that faces cross the
    near plane."""
    import torch

    from sharpvision.cameras import Pinhole, View

    g = torch.Generator().manual_seed(seed)
    height, width = SIZE
    eye = torch.nn.functional.normalize(torch.randn(CAMERAS, 3, generator=g), dim=-1)
    distance = 1.6 + 2 * torch.rand(CAMERAS, 1, generator=g)
    distance[-1] = 0.9
    looking = View.look_at(eye * distance, torch.zeros(CAMERAS, 3), torch.tensor([0.0, 1.0, 0.0]), 50.0, SIZE)
    angle = torch.deg2rad(30 + 40 * torch.rand(CAMERAS, generator=g))
    k = torch.zeros(CAMERAS, 3, 3)
    k[:, 0, 0] = width / 2 / torch.tan(angle / 2)
    k[:, 1, 1] = k[:, 0, 0] * (0.8 + 0.4 * torch.rand(CAMERAS, generator=g))
    k[:, :2, 2] = torch.tensor([width, height]) * (0.4 + 0.2 * torch.rand(CAMERAS, 2, generator=g))
    k[:, 2, 2] = 1.0
    return View(Pinhole(k), looking.world_to_camera, height, width)


def faces_by_peer(python: str, mesh: Mesh, view: View) -> tuple[Tensor, float, int]:
    """Face ids (C, H, W), seconds and threads of PyTorch3D in the environment of `python`."""
    import numpy as np
    import torch

    from sharpvision.bench import peers
    from sharpvision.cameras.conventions import Calibration, to_pytorch3d

    camera = to_pytorch3d(Calibration.of_view(view), (view.height, view.width))
    arrays = {name: getattr(camera, name).numpy() for name in ("R", "T", "focal_length", "principal_point")}
    with tempfile.TemporaryDirectory(prefix="sharpvision-peer-") as name:
        request, answer = Path(name) / "request.npz", Path(name) / "answer.npz"
        np.savez(request, vertices=mesh.vertices.numpy(), faces=mesh.faces.numpy(), size=np.array(SIZE), near=NEAR,
                 **arrays)  # fmt: skip
        script = str(Path(peers.__path__[0]) / "pytorch3d_raster.py")
        done = subprocess.run([python, script, str(request), str(answer)], capture_output=True, text=True)
        if done.returncode != 0:
            words = done.stderr.strip().splitlines()
            found = words[-1] if words else "no output"
            fix = "install the extra 'pytorch3d' there"
            raise InputError(f"peer pytorch3d ({python})", "a Python with PyTorch3D", found, fix)
        with np.load(answer) as arrived:
            return torch.from_numpy(arrived["face"]), float(arrived["seconds"]), int(arrived["threads"])
