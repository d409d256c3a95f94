"""`sharpvision integrate`: what it writes, what it refuses, and that a refusal leaves nothing behind."""

import json

import numpy as np
import pytest
import trimesh
import typer
from typer.testing import CliRunner

from sharpvision.cli.integrate import integrate

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(integrate)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def read(file):
    with np.load(file) as content:
        return dict(content)


@pytest.fixture
def bump(tmp_path):
    """Normals (in the frame of files) of a paraboloid, and its depth."""
    v, u = np.mgrid[:20, :30] + 0.5
    height = -0.01 * ((u - 15) ** 2 + (v - 10) ** 2)
    normals = np.stack([0.02 * (u - 15), -0.02 * (v - 10), np.ones_like(u)], -1)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    file = tmp_path / "normals.npz"
    np.savez(file, normals=normals.astype(np.float32))
    return file, -height


@pytest.mark.parametrize("method", ["least_squares", "bilateral"])
def test_it_writes_depth_picture_mesh_and_result(bump, tmp_path, method):
    file, depth = bump
    out = tmp_path / "out"
    outcome = run(file, "--out", out, "--method", method, "--json")
    assert outcome.exit_code == 0, outcome.output
    record = json.loads(outcome.stdout)
    assert record["status"] == "converged"
    assert record["figures"]["depth_model"] == "orthographic"
    assert any("orthographic" in note for note in record["notes"])
    assert sorted(path.name for path in out.iterdir()) == [
        "depth.png", "maps.npz", "mesh.glb", "mesh.ply", "result.json",
    ]  # fmt: skip
    maps = read(out / "maps.npz")
    np.testing.assert_allclose(maps["depth"], depth - depth.mean(), atol=0.02)
    assert maps["mask"].all()
    assert "y up" in str(maps["frame"])
    for name in ("mesh.ply", "mesh.glb"):
        mesh = trimesh.load(out / name, force="mesh")
        assert len(mesh.vertices) == 600
        np.testing.assert_allclose(mesh.vertices[:, 2], -maps["depth"].ravel(), atol=1e-4)


def test_focal_length_makes_it_perspective_and_the_mask_restricts_it(bump, tmp_path):
    import cv2

    mask = np.zeros((20, 30), np.uint8)
    mask[3:15, 4:20] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    outcome = run(bump[0], "--out", tmp_path / "out", "--focal", "50", "--mask", tmp_path / "mask.png")
    assert outcome.exit_code == 0, outcome.output
    maps = read(tmp_path / "out" / "maps.npz")
    assert maps["mask"].sum() == 12 * 16
    assert np.log(maps["depth"][maps["mask"]]).mean() == pytest.approx(0.0, abs=1e-5)
    assert "relative" in outcome.stdout


def test_the_capture_file_beside_the_normals_names_the_camera(bump, tmp_path):
    camera = {"model": "pinhole", "focal_px": 80, "principal_point": [12, 9]}
    (tmp_path / "capture.json").write_text(json.dumps({"camera": camera}))
    outcome = run(bump[0], "--out", tmp_path / "out", "--json")
    record = json.loads(outcome.stdout)
    assert record["settings"]["focal_px"] == 80
    assert record["settings"]["principal_point"] == [12, 9]


def test_an_existing_folder_is_kept_unless_it_may_be_overwritten(bump, tmp_path):
    out = tmp_path / "out"
    assert run(bump[0], "--out", out).exit_code == 0
    before = (out / "result.json").read_bytes()
    refused = run(bump[0], "--out", out)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: ")
    assert (out / "result.json").read_bytes() == before
    assert run(bump[0], "--out", out, "--overwrite", "--method", "bilateral").exit_code == 0
    assert json.loads((out / "result.json").read_text())["method"] == "bilateral"


def test_bad_input_is_one_line_and_leaves_nothing(tmp_path):
    np.savez(tmp_path / "flat.npz", normals=np.zeros((4, 5, 3)))
    for file in (tmp_path / "missing.npz", tmp_path / "flat.npz"):
        outcome = run(file, "--out", tmp_path / "out")
        assert outcome.exit_code == 2
        assert outcome.stderr.count("\n") == 1
        assert str(file) in outcome.stderr
        assert not (tmp_path / "out").exists()


def test_strict_tells_a_step_limit_by_its_exit_code(bump, tmp_path):
    assert run(bump[0], "--out", tmp_path / "a", "--method", "bilateral", "--max-steps", "1", "--strict").exit_code == 3
    assert run(bump[0], "--out", tmp_path / "b", "--method", "bilateral", "--max-steps", "1").exit_code == 0
