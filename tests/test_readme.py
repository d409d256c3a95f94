"""What the README shows, runs: its snippets, its capture file, its example of a new material, its command lines."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sharpvision.cli.app import app
from sharpvision.data import CaptureFile

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"(?:<!-- (?P<name>\S+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
SNIPPETS = [match["code"] for match in BLOCK.finditer(README) if not match["name"]]
FILES = {match["name"]: match["code"] for match in BLOCK.finditer(README) if match["name"]}
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    sharpvision ")]


def run(arguments: list[str], folder: Path) -> None:
    """Python in a process of its own, so that nothing that a snippet registers stays; warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(folder)])}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_snippets_run_one_after_the_other(tmp_path: Path) -> None:
    assert len(SNIPPETS) >= 3
    (tmp_path / "snippets.py").write_text("\n".join(SNIPPETS))
    run(["-W", "error", "snippets.py"], tmp_path)
    assert json.loads((tmp_path / "figurine/result.json").read_text())["status"] == "converged"


def test_the_new_material_passes_its_contract(tmp_path: Path) -> None:
    assert len(FILES) == 2
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    run(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *FILES], tmp_path)


def test_the_capture_file_is_valid() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    content = json.loads(block)
    assert CaptureFile.model_validate(content).model_fields_set == set(content)


@pytest.mark.parametrize("line", COMMANDS)
def test_command_lines_name_commands_and_options_that_exist(line: str) -> None:
    words = shlex.split(line.split("  #")[0])[1:]
    command = typer.main.get_group(app).commands[words[0]]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_pictures_and_links_are_there() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert len(targets) >= 4
    assert [t for t in targets if not (ROOT / t).exists()] == []
