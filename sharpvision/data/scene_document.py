"""YAML as plain data that remembers its lines; only what a scene file needs, and nothing that can run or explode.

Of YAML it takes mappings with plain keys, lists, numbers, true, false, null and text, with the scalars of YAML 1.2
(`1e-3` is a number, `yes` is text). Anchors, aliases, tags and several documents are refused, and what is too large or
too deep.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sharpvision.core.errors import InputError
from sharpvision.data.files import read_text, unreadable

MAX_BYTES, MAX_DEPTH, MAX_ENTRIES = 1_000_000, 32, 100_000
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
          "null": None, "Null": None, "NULL": None, "~": None, "": None}  # fmt: skip
Location = Sequence[int | str]


@dataclass
class _Open:
    """A list or mapping that is being read."""

    value: list[Any] | dict[str, Any]
    line: int
    children: dict[int | str, _Lines] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class _Lines:
    """The line on which a value starts, or its key where it has one, and those of what is in it."""

    line: int
    children: dict[int | str, _Lines]


@dataclass(frozen=True)
class SceneDocument:
    """The content of a scene file, and where each part of it stands."""

    path: Path
    content: dict[str, Any]
    lines: _Lines

    def where(self, location: Location) -> str:
        """FILE:LINE of a value; of what holds it where it is not there. Unknown steps of `location` are passed over."""
        at = self.lines
        for step in location:
            at = at.children.get(step, at)
        return f"{self.path}:{at.line}"

    def error(self, location: Location, expected: str, found: str, fix: str) -> InputError:
        """An `InputError` that points to a value's line."""
        return InputError(self.where(location), expected, found, fix)


def read_document(path: Path) -> SceneDocument:
    """Reads a YAML file whose top is a mapping; `InputError` with the line for anything else."""
    expected = "a scene file (YAML)"
    try:
        size = path.stat().st_size
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(path, expected, "no ordinary file", "name a .yaml file")
    except (OSError, ValueError) as error:
        raise unreadable(path, expected, error if isinstance(error, OSError) else OSError(str(error))) from error
    if size > MAX_BYTES:
        raise InputError(path, f"at most {MAX_BYTES} bytes", f"{size}", "put meshes into files of their own")
    return parse_document(path, read_text(path, expected))


def parse_document(path: Path, text: str) -> SceneDocument:
    """The same from text."""
    try:
        return _Reader(path).read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = path if mark is None else f"{path}:{mark.line + 1}"
        found = _short(error.problem or error.context or "an error").removeprefix("found ")
        raise InputError(where, "YAML", found, "correct the line") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"{path}:{line}", "printable text", f"character {error.character!r}", "remove it") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML's scanner, on numbers that are out of range
        raise InputError(path, "YAML", _short(str(error)), "correct the file") from error


class _Reader:
    """Builds plain data out of PyYAML's events, which come without recursion."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[_Open] = []
        self.top: SceneDocument | None = None
        self.entries = self.documents = 0

    def read(self, text: str) -> SceneDocument:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = (0 if event.start_mark is None else event.start_mark.line) + 1
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    raise self._refuse(line, "one document", "another after '---'", "keep one scene a file")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                done = self.stack.pop()
                self._put(done.value, _Lines(done.line, done.children))
        if self.top is None:
            raise self._refuse(1, "a scene file", "nothing but blanks and comments", "see the scenes that come along")
        return self.top

    def _node(self, event: Any, line: int) -> None:
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise self._refuse(line, f"at most {MAX_ENTRIES} entries", "more", "put meshes into files of their own")
        if event.anchor is not None:
            raise self._refuse(line, "no anchors and aliases", f"{_short(event.anchor)!r}", "write the value again")
        if event.tag is not None and event.tag != "!":
            raise self._refuse(line, "no tags", _short(event.tag), "remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
            return
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise self._refuse(line, "keys that are words", "a list or mapping", "use a plain name")
        if len(self.stack) >= MAX_DEPTH:
            raise self._refuse(line, f"at most {MAX_DEPTH} levels", "more", "remove brackets")
        opened = _Open({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        if self.stack and self.stack[-1].key is not None:
            opened.line = self.stack[-1].children[self.stack[-1].key].line
        self.stack.append(opened)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if any("\ud800" <= c <= "\udfff" for c in event.value):
            raise self._refuse(line, "text", "half a surrogate pair", "remove the escape")
        holder = self.stack[-1] if self.stack else None
        if holder is not None and isinstance(holder.value, dict) and holder.key is None:
            if event.value in holder.value:
                earlier = holder.children[event.value].line
                raise self._refuse(line, "each key once", f"{_short(event.value)!r} again (first on line {earlier})",
                                   "remove one of the two")  # fmt: skip
            holder.key = event.value
            holder.children[event.value] = _Lines(line, {})
            holder.value[event.value] = None
            return
        self._put(event.value if event.style else _plain(event.value), _Lines(line, {}))

    def _put(self, value: Any, lines: _Lines) -> None:
        if not self.stack:
            if not isinstance(value, dict):
                raise self._refuse(lines.line, "a mapping (camera: .., shapes: ..)", type(value).__name__,
                                   "see the scenes that come along")  # fmt: skip
            self.top = SceneDocument(self.path, value, lines)
            return
        holder = self.stack[-1]
        if isinstance(holder.value, list):
            holder.children[len(holder.value)] = lines
            holder.value.append(value)
            return
        assert holder.key is not None
        key_line = holder.children[holder.key].line
        holder.children[holder.key] = _Lines(key_line, lines.children)
        holder.value[holder.key], holder.key = value, None

    def _refuse(self, line: int, expected: str, found: str, fix: str) -> InputError:
        return InputError(f"{self.path}:{line}", expected, found, fix)


def _plain(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2.

    >>> [_plain(text) for text in ("1e-3", "12", "yes", "true", "~", "0o17", ".5")]
    [0.001, 12, 'yes', True, None, '0o17', 0.5]
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".nan", "nan")
                     .replace(".NaN", "nan").replace(".NAN", "nan"))  # fmt: skip
    return text


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:77] + "..."
