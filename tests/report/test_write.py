"""The files of an output folder hold what the design says, in the frame of files."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import trimesh
from safetensors import safe_open
from synthetic_solution import hemisphere, sphere_solution

import sharpvision as sv
from sharpvision.core.errors import InputError
from sharpvision.core.srgb import srgb8
from sharpvision.report.maps import coloured, photometric_maps, png
from sharpvision.report.result import as_json, plain, result, score
from sharpvision.report.surface import surface_mesh
from sharpvision.solvers import Solution, Status

FILES = {
    "result.json", "maps.npz", "normals.png", "albedo.png", "depth.png", "std.png", "error.png", "validity.png",
    "mask.png", "mesh.glb", "mesh.ply", "parameters.safetensors", "report.html",
}  # fmt: skip


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sv.report.write(sphere_solution(), tmp_path_factory.mktemp("write") / "out")


def test_all_files_are_there_and_nothing_else(out: Path) -> None:
    assert {file.name for file in out.iterdir()} == FILES
    assert [entry.name for entry in out.parent.iterdir()] == ["out"]


def test_result_is_strict_json_with_the_keys_of_the_design(out: Path) -> None:
    record = strict((out / "result.json").read_text())
    wanted = {"schema_version", "method", "status", "message", "frame", "units", "seconds", "versions", "figures"}
    assert wanted | {"explained", "notes", "settings"} <= record.keys()
    assert (record["schema_version"], record["status"], record["method"]) == (1, "converged", "physics")
    assert record["figures"]["light_distance_mask_sides"] == "infinite"
    assert record["figures"]["mean_angular_error_deg"] == pytest.approx(0.0, abs=1e-3)
    assert record["versions"]["torch"] == torch.__version__


def test_maps_are_in_the_frame_of_files(out: Path) -> None:
    normals, depth, mask = (t.numpy() for t in hemisphere(24))
    with np.load(out / "maps.npz", allow_pickle=False) as maps:
        assert str(maps["frame"]) == "x right, y up, z to the viewer"
        assert "degrees" in strict(str(maps["units"]))["std"]
        np.testing.assert_array_equal(maps["normals"], normals * [1, -1, -1])
        assert maps["normals"][..., 2][mask].min() > 0
        np.testing.assert_array_equal(maps["depth"], depth)
        np.testing.assert_array_equal(maps["mask"], mask)
        assert np.isnan(maps["std"][~mask]).all()
        assert (maps["std"][mask] == 1.5).all()
        assert maps["validity"][12, 12] == 0.75
        assert maps["saturated"].sum() == 1


def test_pictures_decode_to_the_maps(out: Path) -> None:
    normals, _, mask = (t.numpy() for t in hemisphere(24))
    picture = cv2.imread(str(out / "normals.png"), cv2.IMREAD_UNCHANGED)
    assert picture.dtype == np.uint16
    decoded = picture[..., ::-1].astype(np.float64) / 65535 * 2 - 1
    np.testing.assert_allclose(decoded[mask], (normals * [1, -1, -1])[mask], atol=2 / 65535)
    assert (picture[~mask] == 0).all()
    albedo = cv2.imread(str(out / "albedo.png"), cv2.IMREAD_UNCHANGED)
    assert (albedo[mask] == 188).all()  # sRGB of 0.5
    depth = cv2.imread(str(out / "depth.png"), cv2.IMREAD_UNCHANGED)
    assert (depth[..., 3] > 0).tolist() == mask.tolist()
    assert depth[12, 12, :3].sum() > depth[12, 3, :3].sum(), "near is bright"


def test_parameters_hold_what_was_fitted(out: Path) -> None:
    with safe_open(out / "parameters.safetensors", "pt") as file:
        assert set(file.keys()) == {"albedo", "lobe_roughness"}
        assert file.metadata()["frame"].startswith("OpenCV camera")
        torch.testing.assert_close(file.get_tensor("lobe_roughness"), torch.tensor([0.1, 0.4]))


@pytest.mark.parametrize("form", ["glb", "ply"])
def test_mesh_reads_back_facing_the_viewer(out: Path, form: str) -> None:
    loaded = trimesh.load(out / f"mesh.{form}", process=False)
    mesh = next(iter(loaded.geometry.values())) if form == "glb" else loaded
    normals, depth, mask = hemisphere(24)
    assert len(mesh.vertices) == int(mask.sum())
    np.testing.assert_allclose(mesh.vertex_normals, normals[mask].numpy() * [1, -1, -1], atol=1e-5)
    assert (mesh.face_normals[:, 2] > 0).all()
    np.testing.assert_allclose(mesh.vertices[:, 2], -depth[mask].numpy(), rtol=1e-6)
    np.testing.assert_allclose(mesh.bounds[:, 1], [-(24 - 2 + 0.5), -(1 + 0.5)], atol=1.01)  # y up: below zero
    colours = mesh.visual.vertex_attributes["color"] if form == "glb" else mesh.visual.vertex_colors
    assert np.asarray(colours)[0, 0] == (128 if form == "glb" else 188)  # glTF's are linear, PLY's in sRGB


def test_glb_is_no_metal(out: Path) -> None:
    data = (out / "mesh.glb").read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    tree = json.loads(data[20 : 20 + length])
    material = tree["materials"][tree["meshes"][0]["primitives"][0]["material"]]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.0


def test_page_is_small_and_names_no_other_place(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert len(page) <= 15 * 2**20
    assert 'src="http' not in page


def test_a_bare_solution_is_written_too(tmp_path: Path) -> None:
    normals, _, _ = hemisphere(8)
    bare = Solution("least_squares", Status.ILL_POSED, "two lights", {"normals": normals})
    out = sv.report.write(bare, tmp_path / "out")
    assert {"result.json", "maps.npz", "normals.png", "mask.png", "report.html"} <= {f.name for f in out.iterdir()}
    assert not (out / "mesh.glb").exists()
    assert strict((out / "result.json").read_text())["status"] == "ill_posed"


def test_an_empty_mask_is_written_too(tmp_path: Path) -> None:
    solution = sphere_solution()
    solution.observations = replace(solution.observations, mask=torch.zeros(24, 24, dtype=torch.bool))
    solution.values = {name: torch.zeros_like(value) for name, value in solution.values.items()}
    solution.values["depth"] = torch.full((24, 24), torch.nan)
    out = sv.report.write(solution, tmp_path / "out")
    assert not (out / "mesh.glb").exists()
    assert "mean_angular_error_deg" not in strict((out / "result.json").read_text())["figures"]


def test_write_refuses_and_overwrites(tmp_path: Path) -> None:
    out = sv.report.write(sphere_solution(8), tmp_path / "out")
    with pytest.raises(InputError, match="--overwrite"):
        sv.report.write(sphere_solution(8), out)
    sv.report.write(sphere_solution(8, message="again"), out, overwrite=True)
    assert strict((out / "result.json").read_text())["message"] == "again"


def test_score_against_closed_forms() -> None:
    """Normals turned by known angles; truth of length zero does not count, a pixel without a normal counts as 90."""
    angles = torch.deg2rad(torch.tensor([[0.0, 10.0, 20.0, 30.0, 77.0, 0.0]]))
    normals = torch.stack([angles.sin(), torch.zeros_like(angles), -angles.cos()], -1)
    truth = torch.tensor([0.0, 0.0, -1.0]).expand(1, 6, 3).clone()
    truth[0, 4] = 0.0
    normals[0, 5] = 0.0
    solution = sphere_solution(8)
    solution.values = {"normals": normals}
    solution.observations = replace(solution.observations, mask=torch.ones(1, 6, dtype=torch.bool), ground_truth=truth)
    figures = score(solution)
    assert figures["scored_pixels"] == 5
    assert figures["mean_angular_error_deg"] == pytest.approx((0 + 10 + 20 + 30 + 90) / 5, abs=1e-4)
    assert figures["median_angular_error_deg"] == pytest.approx(20, abs=1e-4)
    assert figures["p90_angular_error_deg"] == pytest.approx(np.percentile([0, 10, 20, 30, 90], 90), abs=1e-4)
    assert score(sphere_solution(8, truth=False)) == {}


def test_plain_keeps_json_strict() -> None:
    wild = {
        "nan": float("nan"), "inf": [float("inf"), -float("inf")], "tensor": torch.tensor([[1.0, torch.nan]]),
        "numpy": np.float32(2.0), "path": Path("a"), "status": Status.DIVERGED, "none": None, "set": {1}, "flag": True,
    }  # fmt: skip
    assert strict(as_json(wild)) == {
        "nan": None, "inf": ["infinite", "-infinite"], "tensor": [[1.0, None]], "numpy": 2.0, "path": "a",
        "status": "diverged", "none": None, "set": [1], "flag": True,
    }  # fmt: skip
    assert plain(torch.tensor(3)) == 3


def test_notes_of_the_observations_come_along_once() -> None:
    solution = sphere_solution(8)
    solution.observations = replace(solution.observations, notes=("no mask", "made up"))
    assert result(solution)["notes"] == ["no mask", "made up"]


@pytest.mark.parametrize("focal", [None, 40.0])
@pytest.mark.parametrize("max_vertices", [10**6, 150, 40])
def test_a_plane_stays_a_plane_at_any_stride(focal: float | None, max_vertices: int) -> None:
    """Vertices of every stride lie on the surface and on the rays of the pixels that they come from."""
    solution = sphere_solution(24)
    v, u = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(24) + 0.5, indexing="ij")
    centre = (11.0, 13.0)
    if focal is None:
        depth = 100 + 0.3 * u - 0.2 * v
    else:
        x, y = (u - centre[0]) / focal, (v - centre[1]) / focal
        depth = 100 / (1 - 0.3 * x + 0.2 * y)
        solution.figures["depth_model"] = "perspective"
    solution.values["depth"] = depth.double()
    solution.observations = replace(
        solution.observations, focal_px=focal, principal_point=centre, mask=torch.ones(24, 24, dtype=torch.bool)
    )
    mesh = surface_mesh(solution, max_vertices)
    assert mesh is not None
    assert 4 <= len(mesh.vertices) <= max_vertices
    p = mesh.vertices
    np.testing.assert_allclose(p[:, 2], 100 + 0.3 * p[:, 0] - 0.2 * p[:, 1], rtol=1e-6)
    columns = p[:, 0] if focal is None else focal * p[:, 0] / p[:, 2] + centre[0]
    assert float(columns.min()) == pytest.approx(0.5, abs=1e-4)
    np.testing.assert_allclose(columns % 1.0, 0.5, atol=1e-4)
    assert mesh.vertex_normals is not None


def test_mesh_is_cut_where_the_depth_jumps() -> None:
    solution = sphere_solution(8)
    solution.values["depth"] = torch.zeros(8, 8)
    solution.values["depth"][:, 4:] = 50.0
    solution.observations = replace(solution.observations, mask=torch.ones(8, 8, dtype=torch.bool))
    mesh = surface_mesh(solution)
    assert mesh is not None
    assert len(mesh.faces) == 2 * 2 * 7 * 3
    assert set(mesh.vertices[mesh.faces][..., 2].std(1).tolist()) == {0.0}


def test_colours_at_the_ends_and_where_nothing_is_known() -> None:
    values = np.array([[0.0, 1.0, np.nan]])
    picture = coloured(values, np.array([[True, True, True]]), "gray", 0.0, 1.0)
    assert picture.tolist() == [[[0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]]]
    nothing = coloured(values, np.zeros((1, 3), dtype=bool), "gray")
    assert (nothing == 0).all()
    flat = coloured(np.full((1, 3), 5.0), np.ones((1, 3), dtype=bool), "gray")
    assert (flat[..., 3] == 255).all()


def test_png_round_trip_of_each_kind() -> None:
    rng = np.random.default_rng(0)
    for shape, kind in (((4, 5), np.uint8), ((4, 5, 3), np.uint16), ((4, 5, 4), np.uint8)):
        picture = rng.integers(0, 200, shape).astype(kind)
        decoded = cv2.imdecode(np.frombuffer(png(picture), np.uint8), cv2.IMREAD_UNCHANGED)
        if picture.ndim == 3:
            decoded = decoded[..., [2, 1, 0, 3][: shape[-1]]]
        np.testing.assert_array_equal(decoded, picture)


def test_srgb_against_kornia() -> None:
    from kornia.color import linear_rgb_to_rgb

    linear = torch.rand(3, 16, 16)
    wanted = (linear_rgb_to_rgb(linear[None])[0] * 255).numpy()
    np.testing.assert_allclose(srgb8(linear.numpy()), wanted, atol=0.51)


def test_maps_without_observations_know_their_mask() -> None:
    normals, _, mask = hemisphere(8)
    maps = photometric_maps(Solution("m", Status.CONVERGED, "", {"normals": normals}))
    np.testing.assert_array_equal(maps["mask"], mask.numpy())
