"""A scene's geometry, materials, lights and camera in the form that the page reads."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from sharpvision.cameras import Orthographic
from sharpvision.core.srgb import srgb8, srgb_from_linear
from sharpvision.data import SceneFile
from sharpvision.illumination import Ambient, Directional, Point, SphericalHarmonics
from sharpvision.materials import GGX, Lambert, MetallicRoughness
from sharpvision.materials.maps import Map, Texture, Uniform, VertexColor
from sharpvision.rendering.scene import Shape
from sharpvision.report.page_relight import Packed

MAX_LAMPS, MAX_TEXTURE = 8, 2048
Y00 = 0.28209479177387814


def pack_scene(file: SceneFile) -> Packed:
    """16-bit positions in the scene's box, 16-bit normals, colours and texture coordinates, corners as differences.

    Materials other than Lambert, GGX and metallic-roughness, and lights of other kinds than the four of scene files,
    are not in a page: `ValueError`. Of more than eight lights without extent the page has the first eight.
    """
    with torch.no_grad():
        parts = [_corners(shape) for shape in file.scene.shapes.values()]  # type: ignore[arg-type]
        pictures: list[dict[str, Any]] = []
        materials = [_material(shape.material, pictures) for shape in file.scene.shapes.values()]  # type: ignore[union-attr, arg-type]
        lights = _lights(file.scene.lights.values())
        camera = _camera(file)
        background = file.scene.background.reshape(-1, file.scene.background.shape[-1]).mean(0)
    widths = {"places": 3, "normals": 3, "colours": 3, "uv": 2}
    joined = {key: np.concatenate([np.zeros((0, n)), *(part[key] for part in parts)]) for key, n in widths.items()}
    low = joined["places"].min(0) if len(joined["places"]) else np.zeros(3)
    extent = float(max(np.ptp(joined["places"], axis=0).max() if len(joined["places"]) else 1.0, 1e-12))
    starts = np.cumsum([0, *(len(p["places"]) for p in parts)])
    faces = np.concatenate([np.zeros((0, 3), np.int64), *(p["faces"] + s for p, s in zip(parts, starts, strict=False))])
    shapes, first = [], 0
    for part, material in zip(parts, materials, strict=True):
        shapes.append({"first": first, "triangles": len(part["faces"]), "material": material, "frame": part["frame"]})
        first += len(part["faces"])
    corners = np.diff(faces.T, axis=1, prepend=0).astype("<i4")
    raw = b"".join([
        _planes((joined["places"] - low) / extent * 65535, "<u2"), _planes(joined["normals"] * 32767, "<i2"),
        _planes(joined["colours"] * 65535, "<u2"), _planes(joined["uv"] * 65535, "<u2"), corners.tobytes(),
    ])  # fmt: skip
    description = {
        "vertices": len(joined["places"]), "triangles": len(faces), "corner": low.tolist(), "extent": extent,
        "shapes": shapes, "pictures": pictures, "camera": camera, **lights,
        "linear_background": background.tolist(),
        "background": srgb_from_linear(background.clamp(0, 1).numpy()).tolist(),
    }  # fmt: skip
    return Packed(base64.b64encode(zlib.compress(raw, 9)).decode("ascii"), description)


def _planes(values: NDArray[Any], kind: str) -> bytes:
    return np.ascontiguousarray(np.rint(values.T).astype(kind)).tobytes()


def _corners(shape: Shape) -> dict[str, Any]:
    """Vertices split where place, normal or texture coordinate differ, as a graphics card wants them."""
    mesh = shape.mesh()
    faces = mesh.faces.numpy()
    groups = faces if mesh.normal_faces is None else mesh.normal_faces.numpy()
    texture = np.zeros_like(faces) if mesh.uv_faces is None else mesh.uv_faces.numpy()
    keys = np.stack([faces, groups, texture], -1).reshape(-1, 3)
    unique, index = np.unique(keys, axis=0, return_inverse=True)
    places = mesh.vertices.double().numpy()
    a, b, c = (places[faces[:, k]] for k in range(3))
    area = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    count = int(groups.max()) + 1 if groups.size else 0
    normals = np.stack([np.bincount(groups.reshape(-1), area[:, k], count) for k in range(3)], -1)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30)
    uv = np.zeros((1, 2)) if mesh.uv is None else mesh.uv.double().numpy()
    low, size = uv.min(0), np.maximum(np.ptp(uv, axis=0), 1e-12)
    colours = np.zeros_like(places) if mesh.vertex_colors is None else mesh.vertex_colors.clamp(0, 1).double().numpy()
    return {
        "places": places[unique[:, 0]], "normals": normals[unique[:, 1]], "colours": colours[unique[:, 0]],
        "uv": ((uv - low) / size)[unique[:, 2]], "faces": index.reshape(-1, 3),
        "frame": [*low.tolist(), *size.tolist()],
    }  # fmt: skip


def _material(material: nn.Module, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """What the shader is given: `kind` 0 Lambert, 1 GGX, 2 metallic-roughness; maps are numbers of pictures."""
    entry: dict[str, Any] = {"kind": 0, "colour": [0.5] * 3, "f0": [0.04] * 3, "metallic": 0.0, "roughness": 1.0,
                             "painted": False, "maps": [None] * 4}  # fmt: skip
    if isinstance(material, Lambert):
        _colour(entry, Uniform(material.albedo) if material.albedo_map is None else material.albedo_map, pictures)
    elif isinstance(material, GGX):
        entry |= {"kind": 1, "f0": material.f0.tolist(), "roughness": float(material.roughness)}
    elif isinstance(material, MetallicRoughness):
        entry["kind"] = 2
        _colour(entry, material.base_color, pictures)
        for place, name in ((1, "metallic"), (2, "roughness")):
            value = getattr(material, name)
            if isinstance(value, Texture):
                entry["maps"][place] = _picture(value, False, pictures)
            else:
                entry[name] = float(value.value)
        if isinstance(material.normal_map, Texture):
            entry["maps"][3] = _picture(material.normal_map, False, pictures)
    else:
        raise ValueError(f"a page knows no material {type(material).__name__}")
    return entry


def _colour(entry: dict[str, Any], value: Map, pictures: list[dict[str, Any]]) -> None:
    if isinstance(value, Texture):
        entry["maps"][0] = _picture(value, True, pictures)
    elif isinstance(value, VertexColor):
        entry["painted"] = True
    elif isinstance(value, Uniform):
        entry["colour"] = value.value.tolist()
    else:
        raise ValueError(f"a page knows no map {type(value).__name__}")


def _picture(texture: Texture, srgb: bool, pictures: list[dict[str, Any]]) -> int:
    """A texture as a PNG (of numbers, losslessly) or WebP (of colours); the same one is written once."""
    texels = texture.texels.numpy()
    if texels.shape[-1] == 1:
        texels = np.repeat(texels, 3, -1)
    image = Image.fromarray(srgb8(texels) if srgb else np.rint(255 * np.clip(texels, 0, 1)).astype(np.uint8))
    image.thumbnail((MAX_TEXTURE, MAX_TEXTURE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=not srgb, quality=90, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    made = {"uri": uri, "srgb": srgb, "wrap": texture.wrap}
    if made not in pictures:
        pictures.append(made)
    return pictures.index(made)


def _lights(lights: Any) -> dict[str, Any]:
    """Lamps, and all light from around as one series of spherical harmonics."""
    lamps, sky, order = [], np.zeros((25, 3)), -1
    for light in lights:
        if isinstance(light, Directional):
            lamps.append({"place": [*light.direction.tolist(), 0.0], "power": light.irradiance.tolist()})
        elif isinstance(light, Point):
            lamps.append({"place": [*light.position.tolist(), 1.0], "power": light.intensity.tolist()})
        elif isinstance(light, Ambient):
            sky[0] += light.level.numpy() / Y00
            order = max(order, 0)
        elif isinstance(light, SphericalHarmonics):
            sky[: len(light.coefficients)] += light.coefficients.numpy()
            order = max(order, light.order)
        else:
            raise ValueError(f"a page knows no light {type(light).__name__}")
    return {"lamps": lamps[:MAX_LAMPS], "sky": sky.tolist(), "order": order}


def _camera(file: SceneFile) -> dict[str, Any]:
    """Eye, target on the axis of sight, and focal length in pixels of the file's image; distortion is left out."""
    view = file.view
    pose = view.world_to_camera
    forward, eye = pose.rotation_matrix[2], view.position
    distance = float((file.target - eye) @ forward)
    size = float(torch.linalg.vector_norm(file.target - eye))
    distance = distance if distance > 1e-3 * size else max(size, 1e-3)
    lens: Any = view.camera
    parallel = isinstance(lens, Orthographic)
    focal = float(lens.scale) if parallel else float(lens.focal_px.mean())
    return {
        "eye": eye.tolist(), "target": (eye + distance * forward).tolist(), "up": file.up.tolist(), "focal": focal,
        "width": view.width, "height": view.height, "near": file.settings.near, "parallel": parallel,
    }  # fmt: skip
