"""Draws the contact sheet of the README: all scenes that come along, `python docs/make_contact_sheet.py [OUT]`."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import sharpvision as sv
from sharpvision.core.srgb import srgb8

CELL, COLUMNS, GAP, CAPTION = 300, 4, 10, 26
PAGE, INK = (251, 251, 249), (60, 60, 60)


def picture(path: Path) -> Image.Image:
    """A scene, square, four samples a pixel."""
    file = sv.data.read_scene(path).resized(CELL, CELL)
    with torch.no_grad():
        settings = replace(file.settings, mode="accurate", buffers=("image",))
        image = sv.rendering.render(file.scene, file.view, settings)["image"]
        if file.sensor is not None:
            image = file.sensor(image, file.seed).image
    return Image.fromarray(srgb8(np.asarray(image)))


def main(out: Path) -> None:
    """The scenes in the order of their difficulty."""
    paths = sv.data.bundled_scenes()
    rows = -(-len(paths) // COLUMNS)
    size = (COLUMNS * (CELL + GAP) + GAP, rows * (CELL + CAPTION + GAP) + GAP)
    sheet = Image.new("RGB", size, PAGE)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, path in enumerate(paths):
        x = GAP + index % COLUMNS * (CELL + GAP)
        y = GAP + index // COLUMNS * (CELL + CAPTION + GAP)
        sheet.paste(picture(path), (x, y))
        draw.text((x + CELL / 2, y + CELL + 4), path.stem.split("_", 1)[1].replace("_", " "), INK, font, anchor="ma")
    sheet.save(out, quality=88, method=6) if out.suffix == ".webp" else sheet.save(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("scenes.webp"))
