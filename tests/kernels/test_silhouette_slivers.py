"""Plans of faces as thin as they get, with corners where pixels have theirs: finite, the twin's, and right in area."""

from __future__ import annotations

import pytest
import torch
from silhouette_scenes import SCENES, SLIVERS, Flat, make, slivers
from test_silhouette_plan import MODES, image_of, rows_of

from sharpvision.kernels.raster_types import Plan
from sharpvision.kernels.reference.antialias import antialias
from sharpvision.kernels.reference.silhouettes import plan as twin


def plans(scene: Flat, mode: str) -> tuple[Plan, Plan]:
    settings = scene.settings(**MODES[mode])
    return scene.plan(**MODES[mode]), twin(scene.projected, scene.batch(), scene.raster(), scene.edges, settings)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SLIVERS)
def test_slivers_are_cut_and_weighed_as_by_the_twin(name: str, mode: str) -> None:
    for seed in range(6 if name in ("needles", "lattice") else 1):
        scene = slivers(name, seed)
        ours, theirs = plans(scene, mode)
        assert bool(rows_of(ours).isfinite().all())
        torch.testing.assert_close(rows_of(ours), rows_of(theirs), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(image_of(scene, ours), image_of(scene, theirs), rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("name", SCENES)
def test_the_twin_knows_all_scenes(name: str) -> None:
    scene = make(name, torch.float64, size=12)
    ours, theirs = plans(scene, "default")
    torch.testing.assert_close(rows_of(ours), rows_of(theirs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SLIVERS)
def test_the_image_of_slivers_is_area_sampled(name: str) -> None:
    for seed in range(3 if name in ("needles", "lattice") else 1):
        scene = slivers(name, seed)
        for layout in plans(scene, "default"):
            error = (image_of(scene, layout).double() - scene.area_sampled()).abs()
            assert float(error.max()) < 0.012  # half a row of the reference's samples where an edge runs along it


@pytest.mark.parametrize("name", [n for n in SLIVERS if n != "end_on"])  # nothing is seen of that
def test_gradients_of_slivers_are_finite(name: str) -> None:
    scene = slivers(name)
    for layout in plans(scene, "default"):
        rows = scene.projected.clone().requires_grad_()
        colour = scene.colour.double()[layout.points.face.long()][:, None]
        image = antialias(colour, colour.new_zeros(1, 1), rows, layout)
        assert bool(torch.autograd.grad(image.square().sum(), rows)[0].isfinite().all())
