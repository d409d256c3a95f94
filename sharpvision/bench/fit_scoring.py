"""What the suite `fit` runs and how it is scored against the truth, which no fit is shown."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from sharpvision.bench.fit import START_MESHES, STARTS, timed
from sharpvision.bench.fit_scenes import (
    DISTANCE,
    FitScene,
    around,
    grey,
    joint_scene,
    light_scene,
    photographs_of,
    pose_scene,
    scene_of,
    shape_scene,
    texture_scene,
)
from sharpvision.core.pose import Pose
from sharpvision.core.rotations import rotation_matrix, rotation_vector
from sharpvision.geometry import Mesh, intersecting_faces, surface_distance
from sharpvision.geometry.primitives import icosphere
from sharpvision.reconstruct import fit_light, fit_pose, fit_scene, fit_shape, fit_texture
from sharpvision.reconstruct.inverse import shape_of
from sharpvision.reconstruct.texture import albedo_texture
from sharpvision.solvers import Solution, Status

Scores = tuple[dict[str, float], float]
POSE_SIZE = 128
RIGHT_DEG, RIGHT_PERCENT = 1.0, 1.0  # a pose nearer than this has converged


def pose(data: Path, seed: int) -> Scores:
    """One bunny from 20 degrees and 10 % off."""
    _warm_up()
    scene = pose_scene("bunny_5k", POSE_SIZE, torch.Generator().manual_seed(seed), data)
    solution, seconds = timed(lambda: fit_pose(scene.start, scene.photographs, "object"))
    degrees, percent = pose_error(scene, solution)
    return {"rotation_error_deg": degrees, "translation_error_percent": percent} | _status(solution), seconds


def pose_starts(data: Path, seed: int) -> Scores:
    """Random starts on five other meshes: how many end at the truth, and how many of the others are called right."""
    _warm_up()
    right, believed, total, seconds = 0, 0, 0, 0.0
    worst = 0.0
    for number, name in enumerate(START_MESHES):
        for start in range(STARTS):
            generator = torch.Generator().manual_seed(1000 * seed + 100 * number + start)
            scene = pose_scene(name, POSE_SIZE, generator, data)
            solution, took = timed(lambda: fit_pose(scene.start, scene.photographs, "object"))  # noqa: B023
            degrees, percent = pose_error(scene, solution)
            found, said = degrees < RIGHT_DEG and percent < RIGHT_PERCENT, solution.status is Status.CONVERGED
            right, believed, total = right + (found and said), believed + (said and not found), total + 1
            worst = max(worst, degrees) if found and said else worst
            seconds += took
    metrics = {"converged_percent": 100 * right / total, "false_converged": float(believed), "starts": float(total)}
    return metrics | {"worst_converged_error_deg": worst}, seconds


def light(data: Path, seed: int) -> Scores:
    """Nine coefficients of three channels: |found - true| / |true|."""
    _warm_up()
    scene = light_scene(source=data)
    solution, seconds = timed(lambda: fit_light(scene.start, scene.photographs, "sky"))
    true = scene.truth.unknowns("sky.coefficients")["lights.sky.coefficients"]
    error = float((solution.values["coefficients"] - true).norm() / true.norm())
    return {"sh_error_percent": 100 * error} | _status(solution), seconds


def texture(data: Path, seed: int) -> Scores:
    """PSNR over the texels that the photographs show by at least half a pixel's worth of samples."""
    _warm_up()
    scene = texture_scene(source=data)
    solution, seconds = timed(lambda: fit_texture(scene.start, scene.photographs, "object"))
    true = albedo_texture(shape_of(scene.truth, "object")).texels.detach()
    seen = solution.values["seen"] >= 0.5
    metrics = {"psnr_db": psnr_db(solution.values["texels"][seen], true[seen])}
    return metrics | {"seen_percent": 100 * float(seen.float().mean())} | _status(solution), seconds


def shape(data: Path, seed: int) -> Scores:
    """Distance between the surfaces, both ways, in percent of the true one's diagonal."""
    _warm_up()
    scene = shape_scene(source=data)
    solution, seconds = timed(lambda: fit_shape(scene.start, scene.photographs, "object"))
    found = Mesh(solution.values["vertices"], solution.values["faces"])
    true = shape_of(scene.truth, "object").mesh()
    mean, largest = (100 * d / _diagonal(true) for d in surface_distance(found, true, seed=seed))
    metrics = {"surface_distance_percent": mean, "largest_distance_percent": largest}
    metrics["self_intersections"] = float(intersecting_faces(found.vertices, found.faces))
    return metrics | {"faces": float(len(found.faces))} | _status(solution), seconds


def joint(data: Path, seed: int) -> Scores:
    """Pose, light, texture and shape at once, before and after; a view that no photograph shows is predicted."""
    _warm_up()
    scene = joint_scene(source=data)
    names = [
        "object.vertices", "object.pose.rotation", "object.pose.translation", "sky.coefficients",
        "object.material.albedo_map.texels_raw",
    ]  # fmt: skip
    solution, seconds = timed(lambda: fit_scene(scene.start, scene.photographs, *names))
    hidden = around(1, scene.photographs.view.height, elevation_deg=45.0)
    true_mesh, true_image = shape_of(scene.truth, "object").mesh(), photographs_of(scene.truth, hidden).images
    metrics = {}
    for when in ("start", "end"):
        if when == "end":
            scene.start.load_state_dict(scene.start.state_dict() | solution.values)
        distance = surface_distance(shape_of(scene.start, "object").mesh(), true_mesh, seed=seed).mean
        metrics[f"{when}_surface_distance_percent"] = 100 * distance / _diagonal(true_mesh)
        image = photographs_of(scene.start, hidden).images
        metrics[f"{when}_hidden_view_psnr_db"] = psnr_db(image, true_image)
    return metrics | _status(solution), seconds


def pose_error(scene: FitScene, solution: Solution) -> tuple[float, float]:
    """Angle in degrees, and the distance of the shape's origin in percent of the camera's distance."""
    true: Pose = shape_of(scene.truth, "object").pose
    turn = rotation_matrix(solution.values["rotation"]) @ true.rotation_matrix.detach().mT
    degrees = math.degrees(float(rotation_vector(turn).norm()))
    shift = float((solution.values["translation"] - true.translation.detach()).norm())
    return degrees, 100 * shift / DISTANCE


def psnr_db(found: Tensor, true: Tensor) -> float:
    """10 log10(1 / mean squared error): white is 1.

    >>> round(psnr_db(torch.tensor([0.5, 0.6]), torch.tensor([0.51, 0.59])), 2)
    40.0
    """
    return -10 * math.log10(max(float((found - true).double().square().mean()), 1e-20))


def _status(solution: Solution) -> dict[str, float]:
    figures = solution.figures
    return {
        "converged": float(solution.status is Status.CONVERGED), "steps": float(len(solution.history)),
        "unexplained_percent": 100 * figures["unexplained"],
    }  # fmt: skip


def _diagonal(mesh: Mesh) -> float:
    return float((mesh.vertices.amax(0) - mesh.vertices.amin(0)).norm())


def _warm_up() -> None:
    """Kernels compile on a small scene: value, reverse and forward derivatives."""
    scene = scene_of(icosphere(0.8, 2), grey(), Pose(translation=torch.zeros(3)))
    photographs = photographs_of(scene, around(1, 16), supersampling=1)
    fit_pose(scene, photographs, "object")
    fit_scene(scene, photographs, "object.vertices")
