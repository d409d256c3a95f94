"""Renders `scenes/photometric/figurine` with a path tracer: `python -m scenes.render_photometric [FOLDER]` (extra
`mitsuba`).

Global illumination (paths of up to six segments), near point lights, an orthographic camera, two materials (a matte
and a glossy plastic, Mitsuba's own), so that the example is not the solver's own model. Then a sensor: shot noise,
read noise, 16 bits. Outside a band of four pixels around the object the pictures are set to zero, which keeps them
small.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from scenes.figurine import GLAZE, Figurine, figurine

Array = NDArray[np.float64]

SIDE = 160  # pixels of the square picture
VIEW = 1.06  # half of what the camera sees, in scene units
INVERSE_DISTANCE = 0.05  # mask side over light distance
LIGHTS = 20
SAMPLES = 100
SHOT, READ = 2.0e-5, 0.003  # noise variance per unit of signal, and the deviation in the dark; the range is 1
SEED = 10


def light_directions() -> Array:
    """Directions (N, 3), x right, y up, z to the viewer: three rings around the view, each turned against the last."""
    rings = ((18.0, 4), (36.0, 7), (54.0, 9))
    found = []
    for tilt, count in rings:
        turn = 2.0 * np.pi * (np.arange(count) + tilt / 90.0) / count
        sine, cosine = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
        found.append(np.stack([sine * np.cos(turn), sine * np.sin(turn), np.full(count, cosine)], axis=-1))
    return np.concatenate(found)


def mesh_of(model: Figurine, finish: dict | None = None) -> mi.Mesh:
    """The figurine as a Mitsuba mesh that carries its colour of clay and its share of glaze, with smooth normals.

    `finish` takes the place of matte clay and glossy plastic, and may use the attributes vertex_color and vertex_gloss.
    """
    plastic = {"type": "roughplastic", "distribution": "ggx", "alpha": 0.15,
               "diffuse_reflectance": {"type": "rgb", "value": list(GLAZE)}}  # fmt: skip
    matte = {"type": "diffuse", "reflectance": {"type": "mesh_attribute", "name": "vertex_color"}}
    blend = {"type": "blendbsdf", "weight": {"type": "mesh_attribute", "name": "vertex_gloss"},
             "matte": matte, "glossy": plastic}  # fmt: skip
    properties = mi.Properties()
    properties["finish"] = mi.load_dict(finish or blend)
    vertices, faces = np.asarray(model.mesh.vertices), np.asarray(model.mesh.faces)
    mesh = mi.Mesh("figurine", len(vertices), len(faces), has_vertex_normals=True, props=properties)
    mesh.add_attribute("vertex_color", 3, model.colour.astype(np.float32).ravel())
    mesh.add_attribute("vertex_gloss", 1, model.gloss.astype(np.float32).ravel())
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = vertices.astype(np.float32).ravel()
    parameters["vertex_normals"] = np.asarray(model.mesh.vertex_normals).astype(np.float32).ravel()
    parameters["faces"] = faces.astype(np.uint32).ravel()
    parameters.update()
    return mesh


def photograph(mesh: mi.Mesh, integrator: dict, light: dict | None, seed: int) -> Array:
    """One picture (H, W, channels) of the mesh, linear and without noise of a sensor."""
    look = mi.ScalarTransform4f().look_at(origin=[0, 0, 5], target=[0, 0, 0], up=[0, 1, 0])
    film = {"type": "hdrfilm", "width": SIDE, "height": SIDE, "rfilter": {"type": "box"}, "component_format": "float32"}
    sensor = {"type": "orthographic", "to_world": look @ mi.ScalarTransform4f().scale([VIEW, VIEW, 1]), "film": film,
              "sampler": {"type": "stratified", "sample_count": SAMPLES}}  # fmt: skip
    scene = {"type": "scene", "integrator": integrator, "sensor": sensor, "mesh": mesh}
    if light is not None:
        scene["light"] = light
    return np.array(mi.render(mi.load_dict(scene), spp=SAMPLES, seed=seed), dtype=np.float64)


def expose(radiance: Array, band: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The sensor: radiance (N, H, W, 3) -> 16-bit levels; the 99.9th percentile lands at 0.85 of the range."""
    signal = radiance * (0.85 / np.percentile(radiance[:, band], 99.9))
    rng = np.random.default_rng(SEED)
    noisy = signal + np.sqrt(SHOT * np.maximum(signal, 0.0) + READ**2) * rng.standard_normal(signal.shape)
    return np.round(np.clip(np.where(band[..., None], noisy, 0.0), 0.0, 1.0) * 65535.0).astype(np.uint16)


def main(folder: Path) -> None:
    """Render all lights and write the capture."""
    mi.set_variant("scalar_rgb")
    folder.mkdir(parents=True, exist_ok=True)
    mesh = mesh_of(figurine())
    aovs = photograph(mesh, {"type": "aov", "aovs": "normal:sh_normal,point:position"}, None, SEED)
    normal, height = aovs[..., -6:-3], aovs[..., -1]
    length = np.linalg.norm(normal, axis=-1)
    mask = length > 0.5
    normal = np.where(mask[..., None], normal / np.maximum(length, 1e-9)[..., None], 0.0)
    rows, columns = np.nonzero(mask)
    unit = 2.0 * VIEW / SIDE  # scene units a pixel
    side = max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    middle = np.array([columns.min() + columns.max() + 1 - SIDE, SIDE - rows.min() - rows.max() - 1, 0.0]) * 0.5 * unit
    middle[2] = (height[mask] / np.maximum(length[mask], 1e-9)).mean()
    directions, distance = light_directions(), side * unit / INVERSE_DISTANCE
    intensities = np.random.default_rng(SEED).uniform(0.85, 1.15, (LIGHTS, 1)) * np.array([1.0, 0.96, 0.88])
    pictures = []
    for number, (direction, intensity) in enumerate(zip(directions, intensities, strict=True)):
        light = {"type": "point", "position": (middle + distance * direction).tolist(),
                 "intensity": {"type": "rgb", "value": (distance**2 * intensity).tolist()}}  # fmt: skip
        pictures.append(photograph(mesh, {"type": "path", "max_depth": 6}, light, SEED + number)[..., :3])
    band = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    for number, levels in enumerate(expose(np.stack(pictures), band)):
        cv2.imwrite(str(folder / f"{number + 1:03d}.png"), levels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(str(folder / "mask.png"), mask.astype(np.uint8) * 255)
    np.savez_compressed(folder / "normal_gt.npz", normal=normal.astype(np.float16).astype(np.float32))
    np.savetxt(folder / "light_directions.txt", directions, fmt="%.8f")
    np.savetxt(folder / "light_intensities.txt", intensities, fmt="%.6f")
    capture = {"response": "linear", "bits": 16, "lights_frame": "x right, y up, z to the camera"}
    (folder / "capture.json").write_text(json.dumps(capture | {"camera": {"model": "orthographic"}}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "photometric" / "figurine")
