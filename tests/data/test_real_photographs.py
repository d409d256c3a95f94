"""The readers on real photographs (SHARPVISION_DATA)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sharpvision.data import ReadOptions, Validity, read_photometric


@pytest.mark.parametrize(("name", "shape", "pixels"), [
    ("ball", (158, 158), 15791), ("cat", (307, 282), 45200), ("reading", (232, 219), 27654),
])  # fmt: skip
def test_diligent(data_folder: Path, name: str, shape: tuple[int, int], pixels: int) -> None:
    found = read_photometric(data_folder / "diligent" / name, ReadOptions(light_count=8))
    assert (found.name, found.shape, found.light_count, int(found.mask.sum())) == (name, shape, 8, pixels)
    assert found.ground_truth is not None
    length = found.ground_truth.norm(dim=-1)
    assert (length[~found.mask] == 0).all()
    known = length[found.mask] > 0
    torch.testing.assert_close(length[found.mask][known], torch.ones(int(known.sum())), atol=1e-5, rtol=0)
    assert float((found.ground_truth[found.mask][:, 2] < 0).float().mean()) > 0.99
    assert (found.light_directions[:, 2] < 0).all()
    assert found.notes == ()


def test_the_ball_is_lit_from_where_the_file_says(data_folder: Path) -> None:
    found = read_photometric(data_folder / "diligent" / "ball")
    assert found.light_count == 96
    tile = found.load()
    raw = cv2.imread(str(data_folder / "diligent" / "ball" / "042.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_allclose(tile.images[41].numpy(), raw / 65535, rtol=1e-6)
    valid = (tile.validity == Validity.VALID) & found.mask
    assert found.ground_truth is not None
    shading = torch.einsum("hwc,nc->nhw", found.ground_truth.double(), found.light_directions).clamp(min=0)
    gray = (tile.images / found.light_intensities[:, None, None].float()).mean(-1)
    for light in range(0, 96, 19):
        pair = torch.stack([shading[light][valid[light]], gray[light][valid[light]].double()])
        assert float(torch.corrcoef(pair)[0, 1]) > 0.8  # a wrong sign of any axis gives less than 0.6


def test_university_of_washington(data_folder: Path) -> None:
    found = read_photometric(data_folder / "uw_psm" / "owl")
    assert found.light_count == 12
    assert found.quantisation == pytest.approx(1 / 255)
    assert any("parent folder" in note for note in found.notes)
    assert any("response is unknown" in note for note in found.notes)


def test_data_sets_by_name(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sharpvision.data import data_folder as locate

    assert locate("diligent") == data_folder / "diligent"
