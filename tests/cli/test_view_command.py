"""`sharpvision view` writes a page, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sharpvision.cli.app import app


def test_view_writes_a_page_and_refuses_what_it_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["view", "hard_edges"]).exit_code == 0
    page = (tmp_path / "view.html").read_text()
    assert page.endswith("</html>\n") or page.endswith("</html>")
    assert "06_hard_edges" in page
    again = CliRunner().invoke(app, ["view", "hard_edges"])
    assert again.exit_code == 2
    assert "nothing there yet" in again.stderr
    assert CliRunner().invoke(app, ["view", "hard_edges", "-o", "a.png"]).exit_code == 2
    assert CliRunner().invoke(app, ["view", "none", "-o", "a.html"]).exit_code == 2
    assert os.listdir() == ["view.html"]
