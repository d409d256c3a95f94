"""JSON files with a schema: read strictly, complained of in one line, changed key by key."""

from __future__ import annotations

import json
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sharpvision.core.errors import InputError
from sharpvision.data.files import read_text

Location = tuple[int | str, ...]
_PLAIN = {
    "missing": "one more entry", "tuple_type": "a list", "model_type": "an object {..}", "list_type": "a list",
    "model_attributes_type": "an object {..}", "string_type": "text", "bool_type": "true or false",
    "float_type": "a number", "int_type": "a whole number", "finite_number": "a finite number",
    "too_short": "more entries", "too_long": "fewer entries",
}  # fmt: skip
"""Types of pydantic's errors whose words are Python's, not JSON's."""


class Strict(BaseModel):
    """A table of a file: frozen, finite numbers only, and a key that the schema does not list is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)


def read_object(path: Path, expected: str, example: str) -> dict[str, Any]:
    """The file's JSON object; `InputError` names the line where it is none."""
    text = read_text(path, expected)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}", "JSON", f"{error.msg} at column {error.colno}",
                         "correct the line") from error  # fmt: skip
    except RecursionError as error:
        raise InputError(path, expected, "brackets nested too deeply", "correct the file") from error
    if not isinstance(content, dict):
        raise InputError(path, "a JSON object", type(content).__name__, f"write {example}")
    return content


def validated(
    model: type[Model], path: Path, content: dict[str, Any], table: Callable[[Location], type[Strict]],
    unions: dict[str, str] | None = None,
) -> Model:  # fmt: skip
    """The content as `model`; `InputError` for the first thing that pydantic finds wrong.

    `table(location)` is the model whose keys may stand at a location; `unions` says in words what a key takes where
    pydantic would speak of the branches of a union.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _in_one_line(path, dict(first), content, table, unions or {}) from error


def in_json(content: dict[str, Any]) -> bytes:
    """Strict JSON, one key a line, lists of numbers on one line.

    >>> print(in_json({"a": [1.0, 2], "b": {"c": None}}).decode(), end="")
    {
     "a": [1.0, 2],
     "b": {
      "c": null
     }
    }
    """
    return (_written(content, 1) + "\n").encode()


def _written(value: Any, depth: int) -> str:
    indent, outdent = " " * depth, " " * (depth - 1)
    if isinstance(value, dict) and value:
        rows = [f"{indent}{json.dumps(str(k))}: {_written(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{outdent}}}"
    if isinstance(value, list | tuple) and any(isinstance(entry, dict) for entry in value):
        rows = [indent + json.dumps(entry, ensure_ascii=False, allow_nan=False) for entry in value]
        return "[\n" + ",\n".join(rows) + f"\n{outdent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _in_one_line(
    path: Path, first: dict[str, Any], content: dict[str, Any], table: Callable[[Location], type[Strict]],
    unions: dict[str, str],
) -> InputError:  # fmt: skip
    location, kind, found = first["loc"], first["type"], first.get("input")
    union = next((number for number, step in enumerate(location) if step in unions), None)
    if union is not None:  # pydantic speaks of the first of its branches
        message = unions[str(location[union])]
        location = location[: union + 1]
        found = _value(content, location)
    where = f"{path}, {_named(content, location)}"
    if union is None and kind == "extra_forbidden":
        known = _nearest(str(location[-1]), list(table(location[:-1]).model_fields))
        return InputError(where, f"one of the keys {known}", f"the unknown key {str(location[-1])[:60]!r}",
                          "correct its spelling or remove it")  # fmt: skip
    if union is None:
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if kind == "value_error":
            return InputError(where, f"consistent entries ({message})", "that they are not", "correct them")
        if kind == "missing" and isinstance(location[-1], str):
            return InputError(where, f"the key {location[-1]!r}", "none", "add it")
        if kind in ("union_tag_invalid", "union_tag_not_found"):
            wanted = first["ctx"].get("expected_tags", "one that is known")
            return InputError(where, f"a type: {wanted}", str(first["ctx"].get("tag", "none"))[:60], "correct the type")
        message = _PLAIN.get(kind, message)
    text = json.dumps(found, default=repr)
    return InputError(where, message, text if len(text) <= 60 else text[:57] + "...", "correct the value")


def _nearest(word: str, keys: list[str], most: int = 8) -> str:
    """The keys, or where they are many those most like the word.

    >>> _nearest("bals", ["ball", "mask"], most=1)
    'ball, ..'
    """
    if len(keys) <= most:
        return ", ".join(keys)
    likely = sorted(keys, key=lambda key: -SequenceMatcher(None, word, key).ratio())
    return ", ".join([*likely[:most], ".."])


def _value(content: Any, location: Location) -> Any:
    for step in location:
        if (isinstance(content, dict) and step in content) or (isinstance(content, list) and isinstance(step, int)):
            content = content[step]  # type: ignore[index]
    return content


def _named(content: Any, location: Location) -> str:
    """The keys on the way to a value, without pydantic's names of branches, which are not in the file."""
    names = []
    for number, step in enumerate(location):
        inside = (isinstance(content, dict) and step in content) or (
            isinstance(content, list) and isinstance(step, int) and 0 <= step < len(content)
        )
        if inside:
            content = content[step]  # type: ignore[index]
        if inside or (number == len(location) - 1 and isinstance(step, int)):  # an entry that is missing has a number
            names.append(str(step)[:60])
    return ".".join(names) or "the file"
