"""A data set that is not there: where to get it and where to put it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpvision.core.errors import InputError
from sharpvision.data import data_folder as locate


def test_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPVISION_DATA", str(tmp_path))
    (tmp_path / "diligent").mkdir()
    assert locate("diligent") == tmp_path / "diligent"


def test_variable_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARPVISION_DATA", raising=False)
    with pytest.raises(InputError, match=r"data set diligent: .* https://.* export SHARPVISION_DATA="):
        locate("diligent")


def test_folder_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPVISION_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"/uw_psm: expected the data set uw_psm, .* psmImages\.zip .* unpack it as /"):
        locate("uw_psm")
