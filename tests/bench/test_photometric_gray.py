import cv2
import numpy as np
import pytest

from sharpvision.bench.photometric import Photometric
from sharpvision.bench.photometric_gray import fit_circle, gray_observations, outline_normals
from sharpvision.bench.suite import Options
from sharpvision.core.errors import InputError


class TestOutline:
    def test_a_circle_through_noisy_points(self):
        generator = np.random.default_rng(0)
        angle = generator.uniform(0, 2 * np.pi, 500)
        points = np.stack([30.25 + 12.5 * np.cos(angle), 40.75 + 12.5 * np.sin(angle)], 1)
        found = fit_circle(points + 0.2 * generator.standard_normal(points.shape))
        assert np.allclose(found[:3], (30.25, 40.75, 12.5), atol=0.05)
        assert found[3] == pytest.approx(0.2, rel=0.1)

    def test_normals_of_a_drawn_disc(self):
        y, x = np.indices((90, 90)) + 0.5
        mask = np.hypot(x - 46.3, y - 43.6) < 37.2
        normals = outline_normals(mask, "disc")
        known = (normals**2).sum(-1) > 0
        expected = np.stack([(x - 46.3) / 37.2, (y - 43.6) / 37.2], -1)
        assert np.allclose(normals[known][:, :2], expected[known], atol=0.01)
        assert np.allclose(np.linalg.norm(normals[known], axis=1), 1)
        assert np.hypot(*expected[known].T).max() == pytest.approx(0.9, abs=0.02)

    def test_a_mask_that_is_not_round_is_refused(self):
        mask = cv2.ellipse(np.zeros((80, 80), np.uint8), (40, 40), (35, 25), 0, 0, 360, 1, -1).astype(bool)
        with pytest.raises(InputError, match="the mask of a sphere"):
            outline_normals(mask, "ellipse")


class TestCase:
    def test_all_lights_and_no_ablation(self, data_folder):
        cases = Photometric().cases(Options(data=data_folder / "uw_psm", objects=("gray",), methods=("physics",)))
        assert [(case.case, case.settings) for case in cases] == [("gray", {"light_count": 12, "residual": True})]

    def test_is_part_of_the_default_run(self, data_folder, monkeypatch):
        monkeypatch.setenv("SHARPVISION_DATA", str(data_folder))
        names = {case.case for case in Photometric().cases(Options(methods=("robust",)))}
        assert names == {"ball", "cat", "reading", "gray"}

    def test_lights_come_from_the_chrome_sphere_and_the_response_from_the_object(self, data_folder):
        given = np.loadtxt(data_folder / "uw_psm" / "light_directions.txt") * [1, -1, -1]
        observations = gray_observations(data_folder / "uw_psm" / "gray")
        cosine = (observations.light_directions.numpy() * given).sum(1)
        assert np.degrees(np.arccos(cosine)).max() < 3
        assert any("response was estimated" in note for note in observations.notes)
        assert not (data_folder / "uw_psm" / "gray" / "lights.json").exists()
