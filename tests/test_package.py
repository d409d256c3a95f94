"""The package as a whole: what it exports, what it imports, and the limits of its files and functions."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import sharpvision

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("sharpvision", "demos") for path in (ROOT / folder).rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}
FUNCTIONS = [
    (f"{path.relative_to(ROOT)}:{node.name}", node)
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]

# What users write against; a name that goes away or moves is a breaking change, and is made here on purpose.
PUBLIC = {
    "core.errors": ["BackendUnavailable", "InputError", "SharpVisionError", "SolveFailed"],
    "core.registry": ["Registry"],
    "bench": ["SUITES", "BenchFailed", "Case", "Ledger", "Measurement", "Options", "Row", "Suite", "run_suite"],
    "cameras": [
        "BROWN_CONRADY", "BrownConrady", "CAMERAS", "Camera", "Distorted", "DistortionModel", "FISHEYE",
        "Fisheye", "Orthographic", "Pinhole", "Projection", "RATIONAL", "Rational", "Rays", "View", "distort",
        "distorts", "orthographic_project", "orthographic_unproject", "pinhole_project", "pinhole_unproject",
        "pixel_centres", "undistort",
    ],
    "cameras.conventions": [
        "Calibration", "PyTorch3DCamera", "camera_from_colmap", "camera_to_colmap", "decompose", "from_bop",
        "from_idr", "from_middlebury", "from_nerf", "from_opengl", "from_pytorch3d", "inverse_pose",
        "k_from_integer_centres", "k_to_integer_centres", "object_pose_from_bop", "opencv_from_opengl",
        "opencv_pose_from_opengl", "opengl_from_opencv", "opengl_pose_from_opencv", "pose_from_colmap",
        "pose_to_colmap", "to_bop", "to_idr", "to_middlebury", "to_nerf", "to_opengl", "to_pytorch3d",
    ],
    "data": [
        "CaptureFile", "MeshFile", "PhotometricObservations", "ReadOptions", "SceneFile", "Tile", "Validity",
        "bundled_scenes", "data_folder", "from_arrays", "read_capture_file", "read_mesh", "read_normals",
        "read_photometric", "read_scene", "scene_path", "write_film",
    ],
    "geometry": [
        "HeightField", "Mesh", "MeshEdges", "NormalField", "SurfaceDistance", "angular_error_deg", "area_vectors",
        "area_weighted_normals", "edges_of", "graph_laplacian", "intersecting_faces", "mean_angular_error_deg",
        "remesh", "self_intersections", "surface_distance",
    ],
    "illumination": [
        "Ambient", "COSINE_LOBE", "DISTRIBUTED_LIGHTS", "Directional", "DistributedLight", "Incidence", "LIGHTS",
        "Led", "Light", "Point", "SphericalHarmonics", "directional_incidence", "led_incidence", "point_incidence",
        "sh_basis", "sh_project",
    ],
    "materials": [
        "GGX", "Lambert", "LobeMixture", "LobeWeights", "Lobes", "MATERIALS", "Map", "Material",
        "MetallicRoughness", "OrenNayar", "ROUGH_DIFFUSE_VARIANCE", "SurfacePoints", "Texture", "Uniform",
        "VertexColor", "ggx_brdf", "ggx_facets", "lambert_brdf", "lobe_mixture_brdf", "lobes_brdf",
        "oren_nayar_brdf",
    ],
    "priors": [
        "PRIORS", "Energy", "HuberSmoothness", "Integrability", "TotalVariation", "curl", "huber_smoothness",
        "integrability_energy", "slopes", "total_variation",
    ],
    "reconstruct": [
        "Capture", "CaptureOptions", "FitFilm", "ImageModel", "IntegrationSettings", "LightSettings", "Photographs",
        "PoseSettings", "SceneFitSettings", "ShapeSettings", "ShapeStage", "TextureSettings", "fit_light", "fit_pose",
        "fit_scene", "fit_shape", "fit_texture", "integrate_normals", "photometric_stereo", "prepare_capture",
    ],
    "reconstruct.photometric.options": ["METHODS", "PhotometricOptions"],
    "rendering.backends": ["BACKENDS", "Backend", "Fragments", "PyTorch3D", "Warp"],
    "rendering.backends.pytorch3d_structures": ["cameras_of", "from_meshes", "meshes_of", "view_of"],
    "report": ["OutputFolder", "as_json", "result", "score", "write", "write_files", "written_to"],
    "residuals": ["ReflectanceResidual", "reflectance_features"],
    "sensor": [
        "LINEAR", "Photograph", "ResponseCurve", "SRGB", "Sensor", "SensorSettings", "expose", "noise_variance",
        "quantise", "saturated",
    ],
    "solvers": [
        "Alternation", "Block", "BlockDescentSettings", "BlockUpdate", "Bounds", "Cauchy", "FirstOrder", "GemanMcClure",
        "Huber", "LargeSteps", "LeastSquares", "LevenbergMarquardt", "Prior", "Problem", "PseudoHuber", "Residual",
        "RobustLoss", "SOLVERS", "ScalarSearch", "Solution", "Solver", "Status", "Step", "Stopping", "StudentT",
        "descend", "search", "solve",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in PUBLIC.items() for name in names])
def test_public_name_is_there(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(f"sharpvision.{module}"), name)


@pytest.mark.parametrize("folder", [name for name in sharpvision.__all__ if name != "__version__"])
def test_every_folder_imports_on_first_touch(folder: str) -> None:
    assert getattr(sharpvision, folder).__doc__


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_no_public_name_is_left_out_of_the_list(module: str) -> None:
    offered = getattr(importlib.import_module(f"sharpvision.{module}"), "__all__", PUBLIC[module])
    assert sorted(offered) == sorted(PUBLIC[module])


def test_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'utils'"):
        _ = sharpvision.utils


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert citation
    assert sharpvision.__version__ == project["version"] == citation[1] == version("sharpvision")


def test_import_is_light() -> None:
    assert _modules_after("import sharpvision") & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["photometric", "--help"], ["--version"]])
def test_help_needs_no_heavy_imports(arguments: list[str]) -> None:
    loaded = _modules_after(
        f"import sys; sys.argv = ['sharpvision', *{arguments}]\n"
        "from sharpvision.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as exit: assert not exit.code"
    )
    assert "typer" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_file_holds_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_function_is_of_readable_size(name: str, function: ast.FunctionDef) -> None:
    a = function.args
    parameters = len([p for p in a.posonlyargs + a.args + a.kwonlyargs if p.arg not in ("self", "cls")])
    # A factory of kernels is a list of functions, each of which is measured by itself.
    inner = [n for n in ast.walk(function) if isinstance(n, ast.FunctionDef) and n is not function]
    nested = {line for n in inner for line in range(n.lineno, _last_line(n) + 1)}
    assert len(set(range(function.lineno, _last_line(function) + 1)) - nested) <= 100
    # A command's parameters are its options, one to one; a kernel's are the memory that it reads and writes.
    free = name.startswith("sharpvision/cli/") or any(ast.unparse(d).startswith("wp.") for d in function.decorator_list)
    assert parameters <= 8 or free


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_and_promises(path: Path) -> None:
    parts = set(path.relative_to(ROOT).with_suffix("").parts)
    assert not {"utils", "util", "helpers", "helper", "common", "misc"} & parts
    assert not re.search(r"\b(TODO|FIXME|raise NotImplementedError)\b", path.read_text())
    assert ast.get_docstring(TREES[path])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_error_is_swallowed(path: Path) -> None:
    handlers = [node for node in ast.walk(TREES[path]) if isinstance(node, ast.ExceptHandler)]
    assert [h.lineno for h in handlers if h.type is None] == []
    broad = [h for h in handlers if getattr(h.type, "id", "") in ("Exception", "BaseException")]
    assert [h.lineno for h in broad if all(isinstance(statement, ast.Pass) for statement in h.body)] == []


def test_wheel_carries_types_and_scenes() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert (ROOT / "sharpvision" / "py.typed").is_file()
    assert "py.typed" in settings["package-data"]["sharpvision"]
    assert "scenes*" in settings["packages"]["find"]["include"]


def _last_line(function: ast.AST) -> int:
    last: int = function.end_lineno  # type: ignore[attr-defined]
    return last


HEAVY = {"torch", "numpy", "scipy", "cv2", "warp", "kornia", "matplotlib", "trimesh"}


def _modules_after(code: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter has loaded after `code`."""
    program = f"{code}\nimport sys; print('\\nLOADED', *{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split()[1:])
