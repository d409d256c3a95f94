"""Draws the picture of the README from an output folder of the demo: `python docs/make_picture.py out/demo`.

One photograph of the path-traced example, then what came out of all twenty: normals, albedo, the mesh from the side,
and
the object under a light that none of the photographs has, with the fitted reflectance and cast shadows.
"""

import sys
from importlib import resources
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import trimesh
from matplotlib.colors import to_rgb
from safetensors.torch import load_file

import sharpvision as sv
from sharpvision.kernels.height_field import cast_shadows
from sharpvision.kernels.reference.reflectance_basis import basis

PAGE = "#fbfbf9"
LIGHT = (-0.62, -0.42, -0.66)  # OpenCV camera frame: from the upper left, in front
TURN_DEG = 38.0
CELL = 480  # pixels a panel


def shown(linear: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """sRGB on the page's colour outside the object."""
    linear = np.clip(linear, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.where(inside[..., None], srgb, to_rgb(PAGE))


def relit(maps: dict[str, np.ndarray], parameters: dict[str, torch.Tensor]) -> np.ndarray:
    """V times the fitted weights' sum over the basis, under a distant light."""
    inside = maps["mask"]
    n = torch.from_numpy(maps["normals"] * np.float32([1, -1, -1]))  # files are y up, z to the viewer
    light = torch.nn.functional.normalize(torch.tensor(LIGHT), dim=0)
    rough = parameters["rough_diffuse"]
    weights = torch.stack([parameters["albedo"] - rough, rough, *parameters["lobe_weights"].unbind(-2)], -1)
    values = basis(n, light, torch.tensor([0.0, 0.0, -1.0]))
    radiance = (weights * values[..., None, :]).sum(-1).numpy()
    points = np.zeros((int(inside.sum()), 3), np.float32)
    visible = cast_shadows(maps["depth"], inside, light.numpy()[None], points)
    radiance[inside] *= visible
    return radiance


def clay(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Shading (S, S) of the mesh turned about the vertical axis, parallel rays, and where they hit."""
    mesh = mesh.copy()
    centre = mesh.bounds.mean(0)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(TURN_DEG), [0, 1, 0], centre))
    side = 0.52 * float(np.ptp(mesh.bounds[:, :2], axis=0).max())
    x, y = np.meshgrid(np.linspace(-side, side, 2 * CELL), np.linspace(side, -side, 2 * CELL))
    origins = np.stack([x, y, np.full_like(x, 2 * np.ptp(mesh.bounds[:, 2]))], -1).reshape(-1, 3) + mesh.bounds.mean(0)
    down = np.tile([0.0, 0.0, -1.0], (len(origins), 1))
    points, rays, faces = mesh.ray.intersects_location(origins, down, multiple_hits=False)
    barycentric = trimesh.triangles.points_to_barycentric(mesh.triangles[faces], points)
    normals = (mesh.vertex_normals[mesh.faces[faces]] * barycentric[..., None]).sum(1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = np.array([-0.45, 0.5, 0.74])
    shade, hit = np.zeros(len(origins)), np.zeros(len(origins), bool)
    shade[rays], hit[rays] = 0.12 + 0.6 * np.maximum(normals @ light, 0.0), True
    halves = (CELL, 2, CELL, 2)
    return shade.reshape(halves).mean((1, 3)), hit.reshape(halves).mean((1, 3))


def main(folder: Path, out: Path) -> None:
    """Five panels beside each other."""
    maps = dict(np.load(folder / "maps.npz"))
    parameters = load_file(folder / "parameters.safetensors")
    inside = maps["mask"]
    example = resources.files("scenes") / "photometric" / "figurine"
    observations = sv.data.read_photometric(str(example))
    photograph = observations.load().images[13].numpy()
    shade, hit = clay(trimesh.load(folder / "mesh.ply", process=False))
    grey = shown(np.repeat(shade[..., None] / np.maximum(hit, 1e-6)[..., None], 3, -1), np.ones_like(hit, bool))
    grey = hit[..., None] * grey + (1 - hit[..., None]) * to_rgb(PAGE)
    panels = {
        "one of 20 photographs": shown(photograph / np.quantile(photograph[inside], 0.99), inside),
        "normals": np.where(inside[..., None], 0.5 + 0.5 * maps["normals"], to_rgb(PAGE)),
        "albedo": shown(maps["albedo"], inside),
        "mesh, turned": grey,
        "under a new light": shown(relit(maps, parameters), inside),
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(15, 3.35), facecolor=PAGE)
    for axis, (title, image) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, interpolation="lanczos" if len(image) < CELL else "antialiased")
        axis.set_title(title, y=-0.1, fontsize=12, color="#333333")
        axis.axis("off")
    figure.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.09, wspace=0.02)
    figure.savefig(out, dpi=100, facecolor=PAGE, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("figurine.webp"))
