"""Finds what a folder of photographs holds: photographs, lights, mask, ground truth."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sharpvision.core.errors import InputError
from sharpvision.data.datasets import source_of
from sharpvision.data.files import list_folder, read_text
from sharpvision.data.images import FORMATS, SUFFIXES
from sharpvision.data.lights import DIRECTIONS, INTENSITIES
from sharpvision.data.lights_file import NAME as LIGHTS_FILE

_LISTING = "filenames.txt"
_NO_PHOTOGRAPH = {"mask", "masks", "normal", "normals", "gt", "groundtruth", "depth", "albedo",
                  "dark", "gray", "grey", "flat"}  # fmt: skip
_TRUTH_SUFFIXES = {".mat", ".npz", ".npy", ".png", ".exr"}


@dataclass(frozen=True)
class Layout:
    """Files of one object; `photographs` and rows of the lights' files go together.

    The lights stand in `lights` (`lights.json`) or in `directions` and `intensities`, or nowhere; `dark` is a
    photograph with the lamp off.
    """

    name: str
    photographs: tuple[Path, ...]
    directions: Path | None
    intensities: Path | None
    mask: Path | None
    truth: Path | None
    notes: tuple[str, ...]
    lights: Path | None = None
    dark: Path | None = None


def find_layout(folder: Path, mask: Path | None = None, besides: tuple[Path, ...] = ()) -> Layout:
    """Sorts a folder's files: DiLiGenT's official layout, its crops, or any images, with lights or without.

    Photographs are those that `filenames.txt` lists, or else all images in natural order but for masks, normal maps,
    depth, albedo, dark frames, gray cards and flat fields (by the words of their names), `mask` and `besides`. Lights
    are `lights.json` or else `light_directions.txt` with `light_intensities.txt`, in the folder or else in its parent.
    Raises `InputError` where there are no photographs.
    """
    source = source_of(folder)
    if source and not os.path.lexists(folder):
        raise InputError(folder, "a folder of photographs", "nothing of that name", f"{source} and unpack it there")
    files = list_folder(folder, "a folder of photographs")
    listing = folder / _LISTING
    if listing in files:
        photographs = _listed(listing)
    else:
        others = {path.resolve() for path in (*besides, *(() if mask is None else (mask,)))}
        photographs = [p for p in files if is_photograph(p) and p.resolve() not in others]
    if not photographs:
        raise InputError(folder, f"photographs ({FORMATS})", _what_else(folder, files), "name the folder with them")
    _check_one_file_each(photographs)
    lights, directions, intensities, notes = _lights(folder, files)
    return Layout(
        name=folder.resolve().name.removesuffix("PNG") or "photographs",
        photographs=tuple(photographs),
        directions=directions,
        intensities=intensities,
        mask=mask if mask is not None else _first(files, {"mask"}, SUFFIXES),
        truth=_first(files, {"normal_gt"}, _TRUTH_SUFFIXES),
        notes=tuple(notes),
        lights=lights,
        dark=next((p for p in files if p.suffix.lower() in SUFFIXES and "dark" in _words(p)), None),
    )


def _lights(folder: Path, files: list[Path]) -> tuple[Path | None, Path | None, Path | None, list[str]]:
    """`lights.json`, or directions and intensities, of the folder or its parent; and notes."""
    parent = folder.resolve().parent
    for place in (folder, parent):
        there = (lambda path: path in files) if place == folder else Path.is_file
        beside = [f"lights were read from the parent folder ({place})"] if place != folder else []
        lights, directions, intensities = (place / name for name in (LIGHTS_FILE, DIRECTIONS, INTENSITIES))
        if there(lights):
            if there(directions):
                beside.append(f"lights were read from {LIGHTS_FILE}; {DIRECTIONS} was not read")
            return lights, None, None, beside
        if there(directions):
            if not there(intensities):
                beside.append(f"no {INTENSITIES}: all lights were taken as equally strong and white")
                return None, directions, None, beside
            return None, directions, intensities, beside
    return None, None, None, []


def _check_one_file_each(photographs: list[Path]) -> None:
    """`InputError` where a photograph is there twice, as cameras that keep RAW and JPEG leave it."""
    seen: dict[str, Path] = {}
    for path in photographs:
        if (twin := seen.setdefault(path.stem, path)) is not path:
            raise InputError(path.parent, "one file for each photograph", f"{twin.name} and {path.name}",
                             "keep one format in the folder")  # fmt: skip


def is_photograph(path: Path) -> bool:
    """Whether the name is that of a photograph, not of a mask or a map.

    >>> [is_photograph(Path(n)) for n in ("001.png", "cat_mask.png", "Normal_gt.png", "notes.txt", "normandy.jpg")]
    [True, False, False, False, True]
    """
    return path.suffix.lower() in SUFFIXES and not _words(path) & _NO_PHOTOGRAPH


def _words(path: Path) -> set[str]:
    return set(re.split(r"[^a-z]+", path.stem.lower()))


def _listed(listing: Path) -> list[Path]:
    """The photographs that `filenames.txt` names, each of which must be there."""
    paths = []
    for number, line in enumerate(read_text(listing, "names of photographs").splitlines(), 1):
        if name := line.strip():
            paths.append(listing.parent / name)
            if not paths[-1].is_file():
                raise InputError(f"{listing}, line {number}", "the name of a photograph in this folder",
                                 f"{name!r}, not there", "add it, or remove the line and its light")  # fmt: skip
    return paths


def _first(files: list[Path], stems: set[str], suffixes: frozenset[str] | set[str]) -> Path | None:
    """The first file of one of these stems and suffixes, in any case."""
    return next((p for p in files if p.stem.lower() in stems and p.suffix.lower() in suffixes), None)


def _what_else(folder: Path, files: list[Path]) -> str:
    """What a folder without photographs holds instead."""
    below = sorted(p.parent.name for p in folder.glob("*/light_directions.txt"))
    below = below or sorted({p.parent.name for p in folder.glob("*/*") if is_photograph(p)})
    if below:
        return f"none, but folders with photographs: {', '.join(below[:5])}"
    return f"none among {len(files)} files" if files else "an empty folder"
