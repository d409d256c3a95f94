"""What pydantic finds wrong with a scene file, as one line that names file, line and fix."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from sharpvision.core.errors import InputError
from sharpvision.data import scene_schema as schema
from sharpvision.data.scene_document import SceneDocument

_PLAIN = {
    "tuple_type": "a list", "model_type": "a mapping {..}", "dict_type": "a mapping {..}", "string_type": "text",
    "float_type": "a number", "int_type": "a whole number", "bool_type": "true or false",
    "bool_parsing": "true or false", "finite_number": "a finite number", "model_attributes_type": "a mapping {..}",
}  # fmt: skip
_FORMS = {schema.NAME: "a name of letters, digits, _ and -, a letter first", "^#[0-9A-Fa-f]{6}$": "#RRGGBB"}


def explained(document: SceneDocument, error: ValidationError) -> InputError:
    """The first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    location, kind, context = first["loc"], first["type"], first.get("ctx", {})
    key = str(location[-1]) if location else "the file"
    named = _named(document, location)
    if kind == "extra_forbidden":
        known = ", ".join(_keys(document, location[:-1]))
        return document.error(location, f"one of the keys {known}", f"the unknown key {key[:80]!r}",
                              "correct its spelling or remove it")  # fmt: skip
    if kind == "missing" and isinstance(location[-1], int):
        return document.error(location, "one more number in the list", "that it is too short", "add what is missing")
    if kind == "missing":
        return document.error(location, f"the key {key!r}{_in(document, location[:-1])}", "none", f"add '{key}: ..'")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        word, known = ("type", context.get("expected_tags", "")) if kind == "union_tag_invalid" else ("type", "")
        if location and location[0] == "shapes":
            word = "primitive"
        known = known.replace("'mesh', ", "") if word == "primitive" else known
        found = repr(context["tag"])[:80] if "tag" in context else f"no {word}"
        wanted = f"{word}: one of {known}" if known else f"'{word}: ..'{_in(document, location)}"
        return document.error((*location, word), wanted, found, "correct its spelling")
    if kind == "value_error":
        return document.error(location, str(context["error"]), "that it is otherwise", "correct the entry")
    message = first["msg"].removeprefix("Input should be ").removeprefix("String should ")
    if kind == "string_pattern_mismatch":
        message = _FORMS.get(context["pattern"], message)
    message = _PLAIN.get(kind, message) or message
    return document.error(location, f"{named}: {message}", _shown(first.get("input")), "correct the value")


def _keys(document: SceneDocument, location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a place, found by walking the schema along the content."""
    model: Any = schema.SceneEntry
    tables = {
        "camera": schema.CameraEntry, "look_at": schema.LookAt, "distortion": schema.Distortion,
        "render": schema.RenderEntry, "sensor": schema.SensorEntry, "rotation_deg": schema.AxisAngle,
        "shading": schema.Crease, "normal_map": schema.TextureEntry,
        "base_color": schema.TextureEntry, "metallic": schema.TextureEntry, "roughness": schema.TextureEntry,
        "albedo": schema.TextureEntry,
    }  # fmt: skip
    entries = {
        **{name: kind for kind in schema.SHAPES for name in [_tag(kind, "primitive")]}, "mesh": schema.MeshShape,
        **{_tag(kind, "type"): kind for kind in schema.MATERIALS + schema.LIGHTS},
    }  # fmt: skip
    for step in location[:1] + location[2:] if location[:1] in (("shapes",), ("materials",), ("lights",)) else location:
        model = tables.get(str(step), entries.get(str(step), model))
    return list(model.model_fields)


def _tag(model: Any, key: str) -> str:
    return str(model.model_fields[key].annotation.__args__[0])


def _named(document: SceneDocument, location: tuple[int | str, ...]) -> str:
    """The keys on the way to a value, without pydantic's names of branches, which are not in the file."""
    at: Any = document.content
    names = []
    for step in location:
        key: Any = step
        if (isinstance(at, dict) and step in at) or (isinstance(at, list) and isinstance(step, int) and step < len(at)):
            at = at[key]
            names.append(str(step)[:40])
    return ".".join(names) or "the file"


def _in(document: SceneDocument, location: tuple[int | str, ...]) -> str:
    return f" in {_named(document, location)}" if location else ""


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
