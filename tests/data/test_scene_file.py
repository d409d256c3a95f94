"""Scene files: what they say is what the scene is; what is wrong is said with file, line and fix."""

from __future__ import annotations

import math
import re
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sharpvision.cameras import BrownConrady, Orthographic
from sharpvision.core.errors import InputError
from sharpvision.data import SceneFile, read_scene, scene_path
from sharpvision.data.scene_document import parse_document
from sharpvision.materials.maps import Texture

SCENE = """\
camera:
  look_at: {eye: [0.0, 1.0, 4.0], target: [0.0, 0.5, 0.0]}
  fov_deg: 60
  size: [64, 48]
materials:
  paint: {type: lambert, albedo: [0.7, 0.2, 0.1]}
shapes:
  ball: {primitive: icosphere, subdivisions: 1, material: paint}
lights:
  sun: {type: directional, direction: [0, 1, 1], irradiance: 2}
background: 0.5
"""


def read(folder: Path, text: str = SCENE) -> SceneFile:
    path = folder / "scene.yaml"
    path.write_text(textwrap.dedent(text))
    return read_scene(path)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{folder}/", "")


def with_material(entry: str, shape: str = "primitive: sphere, segments: 8, rings: 4") -> str:
    text = SCENE.replace("{type: lambert, albedo: [0.7, 0.2, 0.1]}", entry)
    return text.replace("primitive: icosphere, subdivisions: 1", shape)


def test_the_scene_is_what_the_file_says(tmp_path: Path) -> None:
    file = read(tmp_path)
    shape = file.scene.shapes["ball"]
    torch.testing.assert_close(shape.material.albedo, torch.tensor([0.7, 0.2, 0.1]))
    torch.testing.assert_close(file.scene.lights["sun"].direction, torch.tensor([0, 0.5**0.5, 0.5**0.5]))
    torch.testing.assert_close(file.scene.background.detach(), torch.full((3,), 0.5))
    torch.testing.assert_close(file.view.position, torch.tensor([0.0, 1.0, 4.0]))
    assert (file.view.width, file.view.height) == (64, 48)
    assert file.view.camera.focal_px[0].item() == pytest.approx(32 / math.tan(math.radians(30)), rel=1e-5)
    seen = file.view.camera.project(file.view.world_to_camera(file.target[None]))
    torch.testing.assert_close(seen.pixels[0], torch.tensor([32.0, 24.0]), atol=1e-3, rtol=0)


def test_a_pose_and_its_angles(tmp_path: Path) -> None:
    moved = "material: paint, translation: [1, 2, 3], scale: 2, rotation_deg: [10, 20, 30]"
    text = SCENE.replace("material: paint", moved)
    pose = read(tmp_path, text).scene.shapes["ball"].pose
    turn = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()  # SciPy: about fixed axes, x first
    np.testing.assert_allclose(pose.rotation_matrix.detach().numpy(), turn, atol=1e-6)
    torch.testing.assert_close(pose.translation.detach(), torch.tensor([1.0, 2.0, 3.0]))
    assert pose.scale.item() == pytest.approx(2)
    text = SCENE.replace("material: paint", "material: paint, rotation_deg: {axis: [0, 0, 2], angle: 90}")
    pose = read(tmp_path, text).scene.shapes["ball"].pose
    torch.testing.assert_close(pose(torch.tensor([[1.0, 0, 0]])), torch.tensor([[0.0, 1.0, 0.0]]), atol=1e-6, rtol=0)


def test_cameras_by_matrix_parallel_and_distorted(tmp_path: Path) -> None:
    pose = "world_to_camera: [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 5]]"
    camera = f"{pose}\n  k: [[90, 0, 30], [0, 91, 20], [0, 0, 1]]"
    view = read(tmp_path, re.sub(r"look_at.*\n  fov_deg: 60", camera, SCENE)).view
    torch.testing.assert_close(view.camera.focal_px.detach(), torch.tensor([90.0, 91.0]))
    torch.testing.assert_close(view.position, torch.tensor([0.0, 0.0, 5.0]))
    view = read(tmp_path, SCENE.replace("fov_deg: 60", "orthographic_width: 8")).view
    assert isinstance(view.camera, Orthographic)
    assert view.camera.scale.item() == pytest.approx(8)
    lens = "fov_deg: 60\n  distortion: {model: brown_conrady, coefficients: [-0.1, 0, 0, 0, 0]}"
    assert isinstance(read(tmp_path, SCENE.replace("fov_deg: 60", lens)).view.camera, BrownConrady)


def test_textures_say_what_their_codes_mean(tmp_path: Path) -> None:
    picture = np.full((4, 6, 3), 188, np.uint8)
    picture[0] = [255, 0, 0]  # OpenCV's order: blue
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    for encoding, value in (("", 0.5), (", encoding: srgb", 0.5), (", encoding: linear", 188 / 255)):
        file = read(tmp_path, with_material(f"{{type: lambert, albedo: {{texture: a.png, wrap: mirror{encoding}}}}}"))
        texture = file.scene.shapes["ball"].material.albedo_map
        assert isinstance(texture, Texture)
        assert texture.wrap == "mirror"
        torch.testing.assert_close(texture.texels[-1, 0], torch.full((3,), value), atol=3e-3, rtol=0)
        torch.testing.assert_close(texture.texels[0, 0], torch.tensor([0.0, 0.0, 1.0]), atol=1e-4, rtol=0)
    entry = "{type: metallic_roughness, roughness: {texture: a.png, channel: b}, normal_map: {texture: a.png}}"
    material = read(tmp_path, with_material(entry)).scene.shapes["ball"].material
    assert material.roughness.texels.shape == (4, 6, 1)
    torch.testing.assert_close(material.roughness.texels[-1, 0, 0].item(), 188 / 255, atol=1e-4, rtol=0)


def test_units_terrain_shading_and_room(tmp_path: Path) -> None:
    (tmp_path / "m.obj").write_text("v 0 0 0\nv 1000 0 0\nv 0 1000 0\nv 0 0 1000\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    entry = "mesh: m.obj, mesh_unit: mm, shading: {crease_deg: 30}"
    text = SCENE.replace("primitive: icosphere, subdivisions: 1", entry)
    file = read(tmp_path, "length_unit: m\n" + text)
    mesh = file.scene.shapes["ball"].mesh()
    torch.testing.assert_close(mesh.vertices.amax(), torch.tensor(1.0))
    assert len(mesh.normal_faces.unique()) == 12
    assert "mesh_unit" in refused(tmp_path, text)  # the scene does not say its own
    cv2.imwrite(str(tmp_path / "h.png"), np.array([[0, 65535], [0, 65535]], np.uint16))
    text = with_material("{type: lambert}", "primitive: terrain, heights: h.png, height: 3, inside_out: true")
    mesh = read(tmp_path, text).scene.shapes["ball"].mesh()
    assert mesh.vertices[:, 1].tolist() == pytest.approx([0, 3, 0, 3])
    assert (mesh.face_normals()[:, 1] < 0).all()


def test_resized_and_turned(tmp_path: Path) -> None:
    file = read(tmp_path)
    wide = file.resized(128, 32)
    assert wide.view.camera.focal_px[0].item() == pytest.approx(2 * file.view.camera.focal_px[0].item(), rel=1e-5)
    point = file.view.world_to_camera(torch.tensor([[0.3, 0.4, 0.1]]))
    before, after = (v.camera.project(point).pixels[0] for v in (file.view, wide.view))
    torch.testing.assert_close((after - torch.tensor([64.0, 16.0])) / 2, before - torch.tensor([32.0, 24.0]))
    torch.testing.assert_close(file.turned(0.0).world_to_camera.matrix, file.view.world_to_camera.matrix)
    # A quarter turn, counter-clockwise as seen from above, takes a camera in front (z) to the right (x).
    torch.testing.assert_close(file.turned(math.pi / 2).position, torch.tensor([4.0, 1.0, 0.0]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ("fov_deg: 60", "fov: 60", 3, "the unknown key 'fov'"),
        ("fov_deg: 60", "fov_deg: 190", 3, "camera.fov_deg: less than 179, found 190"),
        ("fov_deg: 60", "fov_deg: '60'", 3, "a number"),
        ("fov_deg: 60", "fov_deg: .nan", 3, "fov_deg"),
        ("  fov_deg: 60\n", "", 1, "one of fov_deg, k and orthographic_width"),
        ("size: [64, 48]", "size: [64]", 4, "too short"),
        ("size: [64, 48]", "size: [64, 0]", 4, "greater than or equal to 1"),
        ("size: [64, 48]", "size: [64, 48]\n  size: [1, 1]", 5, "each key once"),
        ("eye: [0.0, 1.0, 4.0]", "eye: [0.0, 0.5, 0.0]", 1, "must not stand at its target"),
        ("type: lambert", "type: lambertian", 6, "one of 'lambert', 'ggx', 'metallic_roughness'"),
        ("[0.7, 0.2, 0.1]", "[0.7, 0.2, 1.1]", 6, "less than or equal to 1"),
        ("[0.7, 0.2, 0.1]", "red", 6, "#RRGGBB"),
        ("[0.7, 0.2, 0.1]", "{texture: /etc/hostname}", 6, "inside the scene's folder"),
        ("[0.7, 0.2, 0.1]", "{texture: ../a.png}", 6, "inside the scene's folder"),
        ("[0.7, 0.2, 0.1]", "{texture: none.png}", 6, "check the spelling"),
        ("[0.7, 0.2, 0.1]", '{texture: "a\\0b"}', 6, "a file name"),
        ("[0.7, 0.2, 0.1]", "vertex_color", 8, "vertex colours"),
        ("primitive: icosphere", "primitive: icosahedron", 8, "primitive: one of 'sphere'"),
        ("subdivisions: 1", "subdivisions: 1.5", 8, "a whole number"),
        ("subdivisions: 1", "radius: -1", 8, "shapes.ball.radius: greater than 0, found -1"),
        ("material: paint", "material: pint", 8, "one of the materials (paint)"),
        (", material: paint", "", 8, "the key 'material'"),
        ("primitive: icosphere, subdivisions: 1", "mesh: link.obj", 8, "inside the scene's folder"),
        ("  ball:", "  keys:", 8, "a name that torch does not use itself"),
        ("  ball:", "  'a.b':", 8, "letters, digits"),
        ("direction: [0, 1, 1]", "direction: [0, 0, 0]", 10, "must not be zero"),
        ("type: directional, ", "", 10, "type"),
        ("irradiance: 2", "irradiance: -2", 10, "greater than or equal to 0"),
        ("background: 0.5", "length_unit: parsec", 11, "'mm'"),
        ("background: 0.5", "background: !!python/name:os.system", 11, "no tags"),
        ("background: 0.5", "background: &a 1", 11, "no anchors"),
        ("background: 0.5", "background: [1, 2", 12, "YAML"),
        ("background: 0.5", "background: " + "[" * 40 + "]" * 40, 11, "at most 32 levels"),
        ("background: 0.5", "sensor: {seed: -1}", 11, "sensor.seed"),
        ("background: 0.5", "up: [0, 0, 0]", 11, "an up direction that is not zero"),
    ],
)
def test_errors_name_file_line_and_fix(tmp_path: Path, before: str, after: str, line: int, says: str) -> None:
    (tmp_path / "scene").mkdir()
    (tmp_path / "outside.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "scene" / "link.obj").symlink_to(tmp_path / "outside.obj")
    assert before in SCENE
    message = refused(tmp_path / "scene", SCENE.replace(before, after))
    assert message.startswith(f"scene.yaml:{line}: expected ")
    assert says in message
    assert ", found " in message
    assert "; " in message


def test_a_texture_needs_coordinates(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((2, 2, 3), np.uint8))
    message = refused(tmp_path, with_material("{type: lambert, albedo: {texture: a.png}}", "primitive: icosphere"))
    assert message.startswith("scene.yaml:8: expected a mesh with texture coordinates")


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "- 1\n", "12\n", "\ufeff", "a: b: c", "? [x]\n: 1", 'a: "\\UFFFFFFFF"', "%YAML 9.9\n---\na: 1"],
)
def test_what_is_no_scene_at_all(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text).startswith("scene.yaml")


def test_large_files_and_things_that_are_no_files(tmp_path: Path) -> None:
    assert "at most 1000000 bytes" in refused(tmp_path, "#" + "x" * 1_000_001)
    with pytest.raises(InputError, match="found a folder"):
        read_scene(tmp_path)
    with pytest.raises(InputError, match="nothing of that name"):
        read_scene(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="01_sphere"):
        scene_path("no-such-scene")


def test_scalars_are_those_of_yaml_1_2() -> None:
    found = parse_document(Path("x"), "a: [1e-3, yes, 010, 1:30, 2026-11-25, '1', .5, -.inf]").content["a"]
    assert found == [0.001, "yes", 10, "1:30", "2026-11-25", "1", 0.5, -math.inf]


KEYS = ["camera", "shapes", "materials", "lights", "type", "primitive", "mesh", "look_at", "eye", "fov_deg", "albedo",
        "texture", "lambert", "sphere", "x", "1", "<<", "render", "size"]  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(KEYS) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


def scene_or_error(folder: Path, data: bytes) -> SceneFile | InputError:
    path = folder / "fuzz.yaml"
    path.write_bytes(data)
    try:
        return read_scene(path)
    except InputError as error:
        return error


SUN = "{type: directional, direction: [0, 1, 1], irradiance: 2}"
PLACES = ["fov_deg: 60", "[0.7, 0.2, 0.1]", SUN, "icosphere", "0.5"]
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_scene_or_an_error(tmp_path: Path, data: bytes) -> None:
    assert isinstance(scene_or_error(tmp_path, data), InputError)


@FUZZ
@given(tree=TREES, place=st.sampled_from(PLACES))
def test_any_value_anywhere_is_a_scene_or_an_error(tmp_path: Path, tree: object, place: str) -> None:
    import yaml

    value = yaml.safe_dump(tree, default_flow_style=True, width=10**9).removesuffix("\n").removesuffix("...").strip()
    found = scene_or_error(tmp_path, SCENE.replace(place, value).encode())
    assert isinstance(found, SceneFile) or "\n" not in str(found)


def test_what_the_manual_shows_is_allowed() -> None:
    from sharpvision.data.scene_schema import SceneEntry

    manual = (Path(__file__).parents[2] / "docs" / "scene_files.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", manual, re.S)
    entry = SceneEntry.model_validate(parse_document(Path("x"), shown).content)
    assert set(SceneEntry.model_fields) <= entry.model_fields_set
