"""Scene files: `read_scene` gives what `render` takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sharpvision.cameras import Camera, Distorted, Orthographic, Pinhole, View
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.core.vectors import unit
from sharpvision.rendering.scene import Scene, Shape
from sharpvision.rendering.settings import RenderSettings

if TYPE_CHECKING:
    from sharpvision.sensor import Sensor


@dataclass(frozen=True, eq=False)
class SceneFile:
    """What a scene file says: render it by `sv.rendering.render(file.scene, file.view, file.settings)`.

    `up` (3,) the world's up direction; `target` (3,) what a turntable turns about; `length_unit` of all lengths
    (`unit`: not said); `sensor` and `seed`, where the file has a sensor, turn the radiance into a photograph; `notes`
    say what a user may want to know of the meshes.
    """

    path: Path
    scene: Scene
    view: View
    settings: RenderSettings
    up: Tensor
    target: Tensor
    length_unit: str = "unit"
    sensor: Sensor | None = None
    seed: int | None = None
    notes: list[str] = field(default_factory=list)

    def resized(self, width: int, height: int) -> SceneFile:
        """The same with an image of another size: the horizontal field of view stays, what is above and below changes.

        A principal point keeps its place relative to the middle, in shares of the width.
        """
        view, camera = self.view, self.view.camera
        share = width / view.width
        old = torch.tensor([view.width / 2, view.height / 2])
        new = torch.tensor([width / 2, height / 2])
        sized: Camera
        with torch.no_grad():
            if isinstance(camera, Orthographic):
                sized = Orthographic(camera.scale * share, (camera.offset - old) * share + new)
            elif isinstance(camera, Distorted):
                sized = type(camera)(_scaled(camera.k, share, old, new), camera.distortion)
            elif isinstance(camera, Pinhole):
                sized = Pinhole(_scaled(camera.k, share, old, new))
            else:
                raise InputError(self.path, "a camera that can be resized", type(camera).__name__, "keep its size")
            return replace(self, view=View(sized, view.world_to_camera, height, width))

    def turned(self, angle: float) -> View:
        """The view after the camera went round `target` about `up` by `angle` radians, counter-clockwise from above."""
        with torch.no_grad():
            turn = Pose(rotation=-angle * self.up)  # the scene turns the other way
            about = turn.rotation_matrix
            matrix = torch.eye(4)
            matrix[:3, :3], matrix[:3, 3] = about, self.target - about @ self.target
            pose = Pose.from_matrix(self.view.world_to_camera.matrix @ matrix)
        return View(self.view.camera, pose, self.view.height, self.view.width)


def scene_path(name: str | Path) -> Path:
    """The path of a scene: `name` itself where there is such a file, else the scene of that name that comes along.

    Raises `InputError` that lists those names where there is neither.

    >>> scene_path("01_sphere").name
    '01_sphere.yaml'
    """
    path = Path(name)
    try:
        if path.exists() or path.suffix or len(path.parts) > 1:
            return path
    except (OSError, ValueError):
        return path
    known = bundled_scenes()
    for scene in known:
        if str(name) in (scene.stem, scene.stem.split("_", 1)[-1]):
            return scene
    raise InputError(path, f"a scene file, or one of {', '.join(s.stem for s in known)}", "nothing of that name",
                     "check the spelling")  # fmt: skip


def bundled_scenes() -> list[Path]:
    """The scene files that come along, in the order of their difficulty."""
    import scenes

    return sorted((Path(scenes.__file__).parent / "rendering").glob("*.yaml"))


def read_scene(path: str | Path) -> SceneFile:
    """Reads a scene file (YAML), or the scene of that name that comes along; the keys stand in `docs/scene_files.md`.

    Meshes and textures are looked up in the file's own folder and nowhere else. Raises `InputError`, whose `where` is
    FILE:LINE, for anything that is unknown, missing, doubled, of a wrong type or unit, or out of range.

    >>> file = read_scene("01_sphere")
    >>> list(file.scene.shapes), file.view.width
    (['ball'], 512)
    """
    from sharpvision.data.scene_reader import SceneReader

    return SceneReader(scene_path(path)).read()


def middle_of(scene: Scene) -> Tensor:
    """Centre of the box round all shapes; the origin where there are none."""
    with torch.no_grad():
        shapes: list[Shape] = list(scene.shapes.values())  # type: ignore[arg-type]
        whole = torch.cat([torch.zeros(0, 3), *(shape.mesh().vertices for shape in shapes)])
        if not len(whole):
            return torch.zeros(3)
        return (whole.amin(0) + whole.amax(0)) / 2


def focal_of(fov_deg: float, width: int) -> float:
    """Focal length in pixels of a horizontal field of view."""
    return width / 2 / math.tan(math.radians(fov_deg) / 2)


def unit_up(up: tuple[float, float, float]) -> Tensor:
    """The up direction, unit; `ValueError` for zero."""
    direction = unit(torch.tensor(up))
    if not bool(direction.any()):
        raise ValueError("an up direction that is not zero")
    return direction


def _scaled(k: Tensor, share: float, old: Tensor, new: Tensor) -> Tensor:
    sized = k.clone()
    sized[:2, :2] *= share
    sized[:2, 2] = (k[:2, 2] - old) * share + new
    return sized
