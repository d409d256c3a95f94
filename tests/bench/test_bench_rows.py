"""Cases, rows and files of the benchmarks: what the acceptance check reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from sharpvision.bench import Case, Options, runner, suite
from sharpvision.bench.ledger import ledger_of
from sharpvision.bench.photometric import Photometric, find_objects, light_counts
from sharpvision.bench.photometric_rendered import PhotometricRendered
from sharpvision.bench.photometric_scale import PhotometricScale
from sharpvision.bench.photometric_scoring import angular_errors_deg
from sharpvision.bench.photometric_uncertainty import PhotometricUncertainty, coverage_percent
from sharpvision.core.errors import InputError
from sharpvision.solvers.solution import Solution, Status

ANSWER = {"metrics": {}, "seconds": 1.0, "seconds_total": 2.0, "peak_mib": 3.0, "ledger": {}, "threads": 1}


def row(case, method, settings, metrics, seconds=1.0):
    return {
        "suite": "s", "case": case, "method": method, "settings": settings, "metrics": metrics, "seconds": seconds,
        "seconds_total": 2.0, "peak_mib": 100.0, "ledger": {"learned_parameters": 5}, "environment": {},
    }  # fmt: skip


def names(cases):
    return [json.dumps([c.suite, c.case, c.method, c.settings], sort_keys=True) for c in cases]


@pytest.fixture
def objects(tmp_path):
    """Two objects in the layouts of the crops and of the official set, and one folder that is no object."""
    for folder, count in (("ball", 12), ("catPNG", 5)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number + 1:03d}.png").touch()
        np.savetxt(tmp_path / folder / "light_directions.txt", np.ones((count, 3)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "catPNG" / "filenames.txt").write_text("\n".join(f"{n + 1:03d}.png" for n in range(5)))
    return tmp_path


def test_objects_in_both_layouts_are_found(objects):
    assert find_objects(objects) == {"ball": (objects / "ball", 12), "cat": (objects / "catPNG", 5)}
    assert find_objects(objects / "ball") == {"ball": (objects / "ball", 12)}


@pytest.mark.parametrize("place", ["absent", "notes", "ball/001.png"])
def test_a_place_without_objects_is_bad_input(objects, place):
    with pytest.raises(InputError) as raised:
        find_objects(objects / place)
    assert str(objects / place) in str(raised.value)


def test_cases_of_photographs_are_unique_and_have_one_ablation_an_object(objects):
    cases = Photometric().cases(Options(data=objects))
    assert len(set(names(cases))) == len(cases)
    assert {c.settings["light_count"] for c in cases if c.case == "ball"} == {12, 10}
    bare = [c for c in cases if c.settings["residual"] is False]
    assert [(c.case, c.settings["light_count"]) for c in bare] == [("ball", 12), ("cat", 5)]
    assert {c.method for c in bare} == {"physics"}
    assert {c.settings["residual"] for c in cases if c.method != "physics"} == {None}


def test_too_high_light_counts_are_left_out_with_a_note(objects, capsys):
    cases = Photometric().cases(Options(data=objects, objects=("ball",), methods=("robust",), light_counts=(96, 10)))
    assert [c.settings["light_count"] for c in cases] == [10]
    assert "left out: [96]" in capsys.readouterr().err
    assert light_counts(3, (96,)) == ([], [96])


@pytest.mark.parametrize("options", [Options(objects=("dog",)), Options(methods=("magic",))])
@pytest.mark.parametrize("kind", [PhotometricRendered, PhotometricUncertainty])
def test_unknown_names_are_bad_input(kind, options):
    with pytest.raises(InputError, match="one of"):
        kind().cases(options)


@pytest.mark.parametrize("kind", [PhotometricRendered, PhotometricUncertainty, PhotometricScale])
def test_cases_of_rendered_suites_are_unique_and_filed_under_the_suites_name(kind):
    cases = kind().cases(Options())
    assert len(set(names(cases))) == len(cases) > 4
    assert {c.suite for c in cases} == {kind.name}
    assert isinstance(suite.suite_named(kind.name), kind)


def test_sizes_are_whole_numbers_where_the_acceptance_check_asks_for_them():
    sizes = [c.settings["megapixels"] for c in PhotometricScale().cases(Options())]
    assert sizes == [0.25, 1, 4, 12, 24]


def test_ablation_is_error_without_minus_error_with():
    error = "mean_angular_error_deg"
    rows = [
        row("ball", "physics", {"light_count": 96, "residual": True}, {error: 1.0}),
        row("ball", "physics", {"light_count": 96, "residual": False}, {error: 1.5}),
        row("ball", "physics", {"light_count": 20, "residual": True}, {error: 9.0}),
        row("cat", "physics", {"light_count": 96, "residual": True}, {error: 3.0}),
        row("cat", "physics", {"light_count": 96, "residual": False}, {error: 2.9}),
        row("own", "physics", {"light_count": 96, "residual": True}, {}),
        row("own", "physics", {"light_count": 96, "residual": False}, {}),
    ]
    (found,) = Photometric().derive(rows)
    assert found["metrics"]["mean_gain_deg"] == pytest.approx(0.2)
    assert found["metrics"]["lowest_gain_deg"] == pytest.approx(-0.1)
    assert (found["case"], found["settings"]["light_count"]) == ("residual_ablation", 96)
    assert Photometric().derive(rows[:1]) == []


def test_linearity_is_a_ratio_of_seconds_a_megapixel():
    rows = [
        row("1_megapixels", "robust", {"megapixels": 1}, {"seconds_per_megapixel": 2.0}),
        row("24_megapixels", "robust", {"megapixels": 24.0}, {"seconds_per_megapixel": 2.4}),
    ]
    (found,) = PhotometricScale().derive(rows)
    assert found["metrics"]["seconds_ratio"] == pytest.approx(1.2)
    assert PhotometricScale().derive(rows[:1]) == []


def test_angular_errors_are_the_angles_of_the_rotations_that_made_them():
    angles = np.array([0.0, 1e-4, 0.3, 1.5, 3.1])
    truth = torch.tensor([[[0.0, 0.6, -0.8]] * 5], dtype=torch.float64)
    turned = Rotation.from_rotvec(angles[:, None] * np.array([1.0, 0.0, 0.0])).apply(truth[0].numpy())
    errors = angular_errors_deg(torch.from_numpy(turned)[None], truth, torch.ones(1, 5, dtype=torch.bool))
    np.testing.assert_allclose(errors, np.degrees(angles), atol=1e-9)


def test_unknown_truth_is_left_out_and_missing_normals_count_as_a_right_angle():
    truth = torch.tensor([[[0.0, 0, -1], [0, 0, 0], [0, 0, -1], [0, 0, -1]]])
    normals = torch.tensor([[[0.0, 0, -1], [1, 0, 0], [0, 0, 0], [float("nan"), 0, 0]]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    assert angular_errors_deg(normals, truth, mask).tolist() == [0.0, 90.0, 90.0]
    assert angular_errors_deg(normals, truth, ~mask).tolist() == []


def test_coverage_counts_errors_inside_the_stated_angle():
    generator = torch.Generator().manual_seed(0)
    errors = torch.randn(20000, generator=generator).abs()
    assert coverage_percent(errors, torch.ones(20000)) == pytest.approx(68.27, abs=1.0)


def test_ledger_counts_maps_inside_the_mask_and_leaves_out_what_follows():
    mask = torch.tensor([[True, True, False]])
    values = {"normals": torch.zeros(1, 3, 3), "depth": torch.zeros(1, 3), "lobe_roughness": torch.zeros(4),
              "predicted": torch.zeros(2, 1, 3, 3)}  # fmt: skip
    ledger = ledger_of(Solution("physics", Status.CONVERGED, "", values, figures={"learned_parameters": 77}), mask)
    assert (ledger.learned_parameters, ledger.stored_numbers, ledger.training_images) == (77, 2 * 3 + 4, 0)


def test_a_failing_case_is_named_and_the_others_stay(monkeypatch, tmp_path):
    cases = [Case("photometric-rendered", name, "robust", {}) for name in ("good", "bad", "fine")]

    def answer(case, seed):
        if case.case == "bad":
            raise runner.CaseFailed(case, "it broke")
        return ANSWER | {"metrics": {"error_deg": 1.0 + seed}}

    monkeypatch.setattr(PhotometricRendered, "cases", lambda self, options: cases)
    monkeypatch.setattr(runner, "run_process", answer)
    file = tmp_path / "rows.json"
    with pytest.raises(runner.BenchFailed, match="photometric-rendered bad robust: it broke"):
        runner.run_suite("photometric-rendered", Options(seeds=(0, 2)), file)
    rows = json.loads(file.read_text())
    assert [r["case"] for r in rows] == ["good", "fine"]
    assert rows[0]["metrics"] == {"error_deg": 2.0}
    assert rows[0]["metrics_std"]["error_deg"] == pytest.approx(2.0**0.5)
    assert {"commit", "processor", "threads", "load_average", "versions"} <= rows[0]["environment"].keys()


def test_an_interrupt_leaves_the_finished_rows_in_the_file(monkeypatch, tmp_path):
    def answer(case, seed):
        if case.case == "second":
            raise KeyboardInterrupt
        return ANSWER

    monkeypatch.setattr(
        PhotometricRendered, "cases", lambda self, options: [Case("s", name, "robust") for name in ("first", "second")]
    )
    monkeypatch.setattr(runner, "run_process", answer)
    with pytest.raises(KeyboardInterrupt):
        runner.run_suite("photometric-rendered", Options(), tmp_path / "rows.json")
    assert [r["case"] for r in json.loads((tmp_path / "rows.json").read_text())] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


def test_an_option_without_a_meaning_is_refused():
    with pytest.raises(InputError, match="--sizes"):
        runner.run_suite("photometric-rendered", Options(sizes=(1.0,)))


def test_two_cases_of_one_name_are_refused():
    with pytest.raises(InputError, match="two"):
        runner.check_unique([Case("s", "cat", "robust"), Case("s", "cat", "robust", {}, {"folder": "x"})])


def test_a_file_that_cannot_be_written_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="absent"):
        runner.store([], tmp_path / "absent" / "rows.json")


def test_a_worker_that_fails_says_why(tmp_path):
    settings = {"light_count": 10, "residual": None}
    case = Case("photometric", "ghost", "least_squares", settings, {"folder": str(tmp_path / "ghost")})
    with pytest.raises(runner.CaseFailed, match="ghost"):
        runner.run_process(case, 0)
