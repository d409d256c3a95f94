"""Scenes with their truth for the suite `fit`: meshes, lights, views, and photographs that are not mere renderings.

A photograph is rendered four times as large, each pixel with four samples, averaged down, and given noise, so that no
fit can profit from repeating the renderer's own sampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import trimesh
from torch import Tensor

from sharpvision.cameras import Pinhole, View
from sharpvision.core.pose import Pose
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.data import data_folder
from sharpvision.geometry import Mesh
from sharpvision.geometry.primitives import box, capsule, cone, icosphere, torus
from sharpvision.illumination import SphericalHarmonics
from sharpvision.materials import Lambert, Material, Texture
from sharpvision.reconstruct.photographs import Photographs
from sharpvision.rendering import RenderSettings, Scene, Shape, render

NOISE = 0.005  # standard deviation of a pixel, where white is about 1
DISTANCE = 3.0  # of the camera from the object, whose bounding sphere has radius 1
FIELD_OF_VIEW_DEG = 45.0


@dataclass(frozen=True, eq=False)
class FitScene:
    """A scene as it is, as the fit is given it, and its photographs."""

    truth: Scene
    start: Scene
    photographs: Photographs


def mesh_named(name: str, source: Path | None = None) -> Mesh:
    """A mesh of the folder of meshes, or `assembly`, made here; centred, with a bounding sphere of radius 1.

    Vertices at one place are one; faces are counter-clockwise from outside.
    """
    if name == "assembly":
        return _unit(_assembly())
    folder = data_folder("meshes") if source is None else source
    loaded = trimesh.load(folder / f"{name}.obj", process=False, force="mesh")
    assert isinstance(loaded, trimesh.Trimesh)
    vertices, index = np.unique(loaded.vertices, axis=0, return_inverse=True)
    faces = torch.from_numpy(index.reshape(-1)[loaded.faces].astype(np.int64))
    if loaded.volume < 0:
        faces = faces.flip(1)
    mesh = Mesh(torch.from_numpy(vertices.astype(np.float32)), faces)
    uv = getattr(loaded.visual, "uv", None)
    if uv is not None:
        uv_faces = torch.from_numpy(np.asarray(loaded.faces, np.int64))
        mesh = replace(mesh, uv=torch.from_numpy(np.array(uv, np.float32)), uv_faces=uv_faces)
    return _unit(mesh)


def _assembly() -> Mesh:
    """A torus, a box, a cone and a capsule put together without any symmetry."""
    parts = [
        (torus(0.7, 0.2, 48, 24), (0.0, 0.0, 0.0), (0.3, 0.0, 0.0)),
        (box((0.9, 0.3, 0.5), 6), (0.6, 0.5, 0.1), (0.0, 0.4, 0.5)),
        (cone(0.35, 0.9, 32, 6), (-0.6, 0.6, 0.2), (0.2, 0.0, 0.4)),
        (capsule(0.2, 0.7, 24, 8), (-0.1, -0.7, 0.4), (0.9, 0.3, 0.0)),
    ]
    vertices, faces, count = [], [], 0
    for mesh, place, turn in parts:
        vertices.append(mesh.vertices @ rotation_matrix(torch.tensor(turn)).mT + torch.tensor(place))
        faces.append(mesh.faces + count)
        count += len(mesh.vertices)
    return Mesh(torch.cat(vertices), torch.cat(faces))


def _unit(mesh: Mesh) -> Mesh:
    centred = mesh.vertices - 0.5 * (mesh.vertices.amax(0) + mesh.vertices.amin(0))
    return replace(mesh, vertices=centred / centred.norm(dim=-1).max())


def sky(seed: int = 0) -> Tensor:
    """SH coefficients (9, 3) of a bright side and a bluish rest, irradiance positive for all normals."""
    generator = torch.Generator().manual_seed(seed)
    coefficients = torch.zeros(9, 3)
    coefficients[0] = torch.tensor([2.4, 2.5, 2.7])
    coefficients[1:4] = torch.tensor([[0.8], [0.5], [0.9]]) * torch.tensor([[1.0, 0.9, 0.8]])
    return coefficients + 0.15 * torch.randn(9, 3, generator=generator) * (torch.arange(9) > 0)[:, None]


def around(count: int, size: int, elevation_deg: float = 20.0) -> View:
    """Views evenly about the vertical axis, alternately from above and below; one without a batch axis."""
    angle = torch.arange(count) * (2 * math.pi / count) + 0.4
    height = math.radians(elevation_deg) * (1 - 2 * (torch.arange(count) % 2))
    eye = DISTANCE * torch.stack([height.cos() * angle.sin(), height.sin(), height.cos() * angle.cos()], -1)
    eye = eye[0] if count == 1 else eye
    return View.look_at(eye, torch.zeros(3), torch.tensor([0.0, 1.0, 0.0]), FIELD_OF_VIEW_DEG, (size, size))


def scene_of(mesh: Mesh, material: Material, pose: Pose | None = None, coefficients: Tensor | None = None) -> Scene:
    """One shape, `object`, under one light, `sky`, before black."""
    light = SphericalHarmonics(sky() if coefficients is None else coefficients)
    return Scene({"object": Shape(mesh, material, pose)}, {"sky": light})


def photographs_of(scene: Scene, view: View, seed: int = 0, supersampling: int = 4) -> Photographs:
    """See the module."""
    settings = RenderSettings(mode="accurate", buffers=("image",), tile_pixels=1_048_576)
    large = _enlarged(view, supersampling)
    with torch.no_grad():
        image = render(scene, large, settings).image
    assert image is not None
    mean = Photographs(large, image).reduced(max(view.height, view.width)).images
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    return Photographs(view, mean + NOISE * noise)


def _enlarged(view: View, factor: int) -> View:
    assert isinstance(view.camera, Pinhole)
    k = view.camera.k.detach().clone()
    k[..., :2, :] *= factor
    return View(Pinhole(k), view.world_to_camera, view.height * factor, view.width * factor)


def grey(albedo: float = 0.6) -> Lambert:
    """An evenly grey matte material."""
    return Lambert(torch.full((3,), albedo))


def moved(pose: Pose, angle_deg: float, share: float, generator: torch.Generator) -> Pose:
    """A pose turned by an angle about a random axis through the origin of the shape, and shifted by a share of the
    camera's distance in a random direction."""
    axis, direction = torch.nn.functional.normalize(torch.randn(2, 3, generator=generator), dim=-1)
    with torch.no_grad():
        turn = rotation_matrix(math.radians(angle_deg) * axis) @ pose.rotation_matrix
        return Pose(rotation_vector(turn), pose.translation + share * DISTANCE * direction, pose.scale)


def pose_scene(name: str, size: int, generator: torch.Generator, source: Path | None = None) -> FitScene:
    """A known mesh at a random pose in one photograph; the start is 20 degrees and 10 % of the distance off."""
    mesh = mesh_named(name, source)
    true = Pose(math.pi * (2 * torch.rand(3, generator=generator) - 1) / 2, torch.zeros(3))
    truth = scene_of(mesh, grey(), true)
    photographs = photographs_of(truth, around(1, size))
    return FitScene(truth, scene_of(mesh, grey(), moved(true, 20.0, 0.1, generator)), photographs)


def painted(size: int) -> Tensor:
    """A texture (size, size, 3) of soft patches, dots and stripes, between 0.1 and 0.9."""
    y, x = torch.meshgrid(*[(torch.arange(size) + 0.5) / size] * 2, indexing="ij")
    waves: list[Callable[[], Tensor]] = [
        lambda: (23 * x + 5 * (9 * y).sin()).sin(), lambda: (31 * y + 4 * (7 * x).cos()).sin(),
        lambda: ((17 * (x + y)).sin() * (19 * (x - y)).cos()),
    ]  # fmt: skip
    return torch.stack([0.5 + 0.4 * torch.tanh(2 * wave()) for wave in waves], -1)


def texture_scene(views: int = 8, size: int = 192, texels: int = 128, source: Path | None = None) -> FitScene:
    """A painted cow from all sides; the start is evenly grey."""
    mesh = mesh_named("spot", source)
    truth = scene_of(mesh, Lambert(Texture(painted(texels))))
    start = scene_of(mesh, Lambert(Texture(torch.full((texels, texels, 3), 0.5))))
    return FitScene(truth, start, photographs_of(truth, around(views, size)))


def _upright(mesh: Mesh) -> Mesh:
    """A mesh whose z axis was up, with y up."""
    x, y, z = mesh.vertices.unbind(1)
    return replace(mesh, vertices=torch.stack([x, z, -y], 1))


def light_scene(size: int = 256, source: Path | None = None) -> FitScene:
    """Spherical harmonics of order 2 on a known bunny in one photograph; the start is dim and even."""
    mesh = mesh_named("bunny_5k", source)
    even = torch.zeros(9, 3)
    even[0] = 1.0
    truth = scene_of(mesh, grey())
    return FitScene(truth, scene_of(mesh, grey(), coefficients=even), photographs_of(truth, around(1, size)))


def shape_scene(views: int = 4, size: int = 128, source: Path | None = None) -> FitScene:
    """A bunny in four photographs under known light; the start is a sphere."""
    truth = scene_of(_upright(mesh_named("bunny_5k", source)), grey())
    start = scene_of(icosphere(0.6, 4), grey())
    return FitScene(truth, start, photographs_of(truth, around(views, size)))


def joint_scene(views: int = 6, size: int = 128, texels: int = 96, source: Path | None = None) -> FitScene:
    """A painted cow of which nothing is known: the start has a grey, smoothed-out mesh, five degrees and 3 % of the
    distance off, under even light."""
    mesh = mesh_named("spot", source)
    generator = torch.Generator().manual_seed(0)
    truth = scene_of(mesh, Lambert(Texture(painted(texels))))
    rough = trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)
    trimesh.smoothing.filter_taubin(rough, iterations=60)
    smooth = replace(mesh, vertices=torch.from_numpy(np.array(rough.vertices, np.float32)))
    even = torch.zeros(9, 3)
    even[0] = 2.0
    grey_texture = Lambert(Texture(torch.full((texels, texels, 3), 0.5)))
    off = moved(Pose(translation=torch.zeros(3)), 5.0, 0.03, generator)
    start = scene_of(smooth, grey_texture, off, even)
    return FitScene(truth, start, photographs_of(truth, around(views, size)))
