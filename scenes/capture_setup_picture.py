"""`docs/capture_setup.webp`: the set-up seen from the side, path-traced, with its parts named.

`python -m scenes.capture_setup_picture [FILE] [SAMPLES]`. Millimetres; x right, y up, z from the object to the camera.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import mitsuba as mi
import numpy as np
from PIL import Image

from scenes.capture_rig import Array, placed, rgb, start
from scenes.figurine import figurine
from scenes.render_photometric import mesh_of
from sharpvision.core.srgb import srgb8

mpl.use("agg")
import matplotlib.pyplot as plt

WIDTH, HEIGHT, FOV_DEG = 1120, 640, 40.0
EYE, AIM = np.array([1850.0, 800.0, 1000.0]), np.array([0.0, 285.0, 370.0])
MIDDLE, CAMERA = np.array([0.0, 98.0, 0.0]), np.array([0.0, 200.0, 800.0])
RADIUS = 600.0  # of the dome of lamps
PLACES = tuple((28.0, a) for a in (15.0, 65.0, 115.0, 165.0)) + tuple(
    (54.0, a) for a in (-4.0, 29.0, 53.0, 77.0, 103.0, 130.0, 158.0, 184.0)
)
LIT = 10  # the place at which the lamp stands
BALL, CARD = np.array([150.0, 34.0, 40.0]), np.array([-150.0, 42.0, 50.0])


def places() -> Array:
    """Where the lamp is held (12, 3): two half rings around the line of sight, on a sphere around the object."""
    tilt, turn = np.array(PLACES).T
    return dome(tilt, turn)


def dome(tilt_deg: Any, turn_deg: Any) -> Array:
    """Points (..., 3) of the sphere, by the angle to the line of sight and the turn around it."""
    tilt, turn = np.broadcast_arrays(np.radians(tilt_deg), np.radians(turn_deg))
    out = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], axis=-1)
    return MIDDLE + RADIUS * out


def along(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
    """A step along the axes."""
    return np.array([x, y, z])


def plastic(value: Any, alpha: float = 0.25) -> dict[str, Any]:
    """A dull plastic."""
    return {"type": "roughplastic", "alpha": alpha, "diffuse_reflectance": rgb(value)}


def rod(start_at: Array, end_at: Array, radius: float, bsdf: dict[str, Any]) -> dict[str, Any]:
    """A rod between two points."""
    return {"type": "cylinder", "p0": list(map(float, start_at)), "p1": list(map(float, end_at)), "radius": radius,
            "bsdf": {"type": "twosided", "bsdf": bsdf}}  # fmt: skip


def box(centre: Array, size: tuple[float, float, float], bsdf: dict[str, Any]) -> dict[str, Any]:
    """A box along the axes."""
    transform = mi.ScalarTransform4f().translate(list(map(float, centre)))
    return {"type": "cube", "to_world": transform @ mi.ScalarTransform4f().scale([0.5 * s for s in size]),
            "bsdf": bsdf}  # fmt: skip


def globe(centre: Array, radius: float, radiance: Any) -> dict[str, Any]:
    """A glowing ball."""
    return {"type": "sphere", "center": list(map(float, centre)), "radius": radius,
            "emitter": {"type": "area", "radiance": rgb(radiance)}}  # fmt: skip


def marker(place: Array) -> dict[str, Any]:
    """A small ball at another place of the lamp."""
    return {"type": "sphere", "center": place.tolist(), "radius": 12.0,
            "bsdf": {"type": "diffuse", "reflectance": rgb((0.95, 0.72, 0.25))}}  # fmt: skip


def camera_on_tripod() -> dict[str, Any]:
    """Body, lens, and three legs."""
    black, steel = plastic(0.03), {"type": "diffuse", "reflectance": rgb(0.12)}
    back = CAMERA + along(z=60.0)
    found = {"body": box(back, (128.0, 88.0, 52.0), black),
             "hump": box(back + along(y=52.0), (46.0, 26.0, 40.0), black),
             "lens": rod(back, CAMERA - along(z=18.0), 36.0, black),
             "ring": rod(CAMERA - along(z=4.0), CAMERA + along(z=8.0), 39.0, steel),
             "glass": {"type": "disk", "to_world": mi.ScalarTransform4f().translate([0, 200, 784]) @
                       mi.ScalarTransform4f().rotate([0, 1, 0], 180) @ mi.ScalarTransform4f().scale(30),
                       "bsdf": {"type": "twosided", "bsdf": plastic((0.02, 0.03, 0.06), 0.05)}},
             "head": rod(back - along(y=44.0), back - along(y=74.0), 17.0, steel)}  # fmt: skip
    for k, (x, z) in enumerate(((-95.0, 60.0), (95.0, 60.0), (0.0, -110.0))):
        found[f"leg{k}"] = rod(back - along(y=70.0), np.array([x, 0.0, back[2] + z]), 8.0, steel)
    return found


def lamp(place: Array) -> dict[str, Any]:
    """A bulb in a small shade on a stand, where it is held for one photograph."""
    steel, inward = {"type": "diffuse", "reflectance": rgb(0.09)}, (MIDDLE - place) / np.linalg.norm(MIDDLE - place)
    red = {"type": "diffuse", "reflectance": rgb((0.42, 0.07, 0.05))}
    foot = np.array([place[0] - 24.0, 0.0, place[2] + 24.0])
    top = np.array([foot[0], place[1] - 10.0, foot[2]])
    return {"bulb": globe(place, 24.0, (230.0, 200.0, 155.0)), "stand": rod(foot, top, 6.0, steel),
            "arm": rod(top, place - 30.0 * inward, 6.0, steel), "foot": rod(foot, foot + along(y=9.0), 62.0, steel),
            "plate": {"type": "disk", "to_world": mi.ScalarTransform4f().translate(foot.tolist()) @
                      mi.ScalarTransform4f().translate([0, 9, 0]) @ mi.ScalarTransform4f().rotate([1, 0, 0], -90) @
                      mi.ScalarTransform4f().scale(62), "bsdf": {"type": "twosided", "bsdf": steel}},
            "shade": rod(place - 38.0 * inward, place - 6.0 * inward, 30.0, red)}  # fmt: skip


def scene() -> dict[str, Any]:
    """Table, backdrop, object, ball, card, camera, lamp and its other places, and the light of the picture itself."""
    model = placed(figurine(), 196.0, MIDDLE)
    up = mi.ScalarTransform4f().rotate([1, 0, 0], -90) @ mi.ScalarTransform4f().scale(6000)
    cloth = mi.ScalarTransform4f().translate([0, 230, -190]) @ mi.ScalarTransform4f().scale([430, 230, 1])
    mat = mi.ScalarTransform4f().translate([0, 1, 0]) @ mi.ScalarTransform4f().rotate([1, 0, 0], -90) @ \
        mi.ScalarTransform4f().scale([430, 190, 1])  # fmt: skip
    velvet = {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": rgb((0.022, 0.022, 0.027))}}
    lean = mi.ScalarTransform4f().translate(CARD.tolist()) @ mi.ScalarTransform4f().rotate([1, 0, 0], -14) @ \
        mi.ScalarTransform4f().scale([38, 40, 1])  # fmt: skip
    softbox = mi.ScalarTransform4f().look_at(origin=[900, 1900, 1500], target=[0, 100, 200], up=[0, 1, 0])
    parts = {"object": mesh_of(model), "table": {"type": "rectangle", "to_world": up,
             "bsdf": {"type": "diffuse", "reflectance": rgb((0.52, 0.45, 0.37))}},
             "wall": {"type": "rectangle", "to_world": mi.ScalarTransform4f().translate([-1700, 0, 0]) @
                      mi.ScalarTransform4f().rotate([0, 1, 0], 90) @ mi.ScalarTransform4f().scale(6000),
                      "bsdf": {"type": "diffuse", "reflectance": rgb((0.50, 0.50, 0.49))}},
             "backdrop": {"type": "rectangle", "to_world": cloth, "bsdf": velvet},
             "mat": {"type": "rectangle", "to_world": mat, "bsdf": velvet},
             "card": {"type": "rectangle", "to_world": lean,
                      "bsdf": {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": rgb(0.18)}}},
             "ball": {"type": "sphere", "center": BALL.tolist(), "radius": 34.0,
                      "bsdf": {"type": "conductor", "material": "Cr"}},
             "softbox": {"type": "rectangle", "to_world": softbox @ mi.ScalarTransform4f().scale([700, 700, 1]),
                         "emitter": {"type": "area", "radiance": rgb((1.5, 1.55, 1.65))}},
             "sky": {"type": "constant", "radiance": rgb((0.25, 0.26, 0.28))}}  # fmt: skip
    spots = places()
    others = {f"place{k}": marker(spot) for k, spot in enumerate(spots) if k != LIT}
    return {"type": "scene"} | parts | camera_on_tripod() | lamp(spots[LIT]) | others


def pixel(point: Array) -> Array:
    """Where a point (3,) is seen in the picture."""
    forward = (AIM - EYE) / np.linalg.norm(AIM - EYE)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    away = np.asarray(point) - EYE
    focal = 0.5 * WIDTH / np.tan(np.radians(0.5 * FOV_DEG))
    x, y = away @ right, away @ np.cross(right, forward)
    return np.array([0.5 * WIDTH, 0.5 * HEIGHT]) + focal * np.array([x, -y]) / (away @ forward)


LABELS = (
    ("object", MIDDLE + along(0.0, 60.0, 40.0), (-70, -130)), ("chrome ball", BALL + along(y=20.0), (90, -105)),
    ("gray card", CARD + along(y=20.0), (-150, 70)), ("black cloth", np.array([-330.0, 330.0, -190.0]), (-30, -55)),
    ("camera on a tripod,\nremote release", CAMERA + along(40.0, 60.0, 60.0), (40, -120)),
)  # fmt: skip


def annotated(picture: Array, path: Path) -> None:
    """The picture with names of its parts, and the numbers of the lamp's places."""
    figure = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(picture)
    axes.set_axis_off()
    style = {"boxstyle": "round,pad=0.35", "fc": "#fbfaf7", "ec": "none", "alpha": 0.92}
    for text, point, offset in LABELS:
        axes.annotate(text, pixel(point), pixel(point) + np.array(offset), fontsize=11.5, color="#22262b",
                      ha="center", va="center", bbox=style,
                      arrowprops={"arrowstyle": "-", "color": "#fbfaf7", "lw": 1.3})  # fmt: skip
    for tilt, first, last in ((28.0, 0.0, 180.0), (54.0, -8.0, 188.0)):
        seen = np.array([pixel(p) for p in dome(tilt, np.linspace(first, last, 60))])
        axes.plot(*seen.T, color="#ffd873", lw=1.1, ls=(0, (2, 3)), alpha=0.9)
    for k, spot in enumerate(places()):
        axes.annotate(str(k + 1), pixel(spot), pixel(spot) + np.array([0, -21 if k != LIT else -34]), fontsize=9.5,
                      color="#22262b", ha="center", va="center", weight="bold",
                      bbox={"boxstyle": "circle,pad=0.22", "fc": "#ffd873", "ec": "none"})  # fmt: skip
    axes.set(xlim=(-0.5, WIDTH - 0.5), ylim=(HEIGHT - 0.5, -0.5))
    axes.text(20, HEIGHT - 22, "1 to 12: where the lamp is held, one photograph each", fontsize=11.5, color="#22262b",
              bbox=style, va="center")  # fmt: skip
    figure.savefig(path.with_suffix(".png"))
    plt.close(figure)


def main(path: Path, samples: int) -> None:
    """Render, name, and write a WebP."""
    start()
    film = {"type": "hdrfilm", "width": WIDTH, "height": HEIGHT, "rfilter": {"type": "gaussian"}}
    look = mi.ScalarTransform4f().look_at(origin=EYE.tolist(), target=AIM.tolist(), up=[0, 1, 0])
    sensor = {"type": "perspective", "fov": FOV_DEG, "fov_axis": "x", "to_world": look, "film": film}
    world = mi.load_dict(scene() | {"integrator": {"type": "path", "max_depth": 4}, "sensor": sensor})
    radiance = np.array(mi.render(world, spp=samples, seed=3), dtype=np.float64)[..., :3]
    calm = cv2.medianBlur(radiance.astype(np.float32), 5)
    radiance = np.where(radiance > 1.35 * calm + 0.02, calm, radiance)  # sparks: paths that few others find
    shown = 1.0 - np.exp(-2.3 * radiance)  # a soft shoulder, so that the bulb does not burn a hole
    annotated(srgb8(shown), path)
    with Image.open(path.with_suffix(".png")) as picture:
        picture.convert("RGB").save(path, quality=86, method=6)
    path.with_suffix(".png").unlink()


if __name__ == "__main__":
    docs = Path(__file__).parents[1] / "docs"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else docs / "capture_setup.webp",
         int(sys.argv[2]) if len(sys.argv) > 2 else 80)  # fmt: skip
