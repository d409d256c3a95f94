"""Photographs: reduction against averaged pixels and rays, misfits in closed form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpvision.cameras import Orthographic, View, pixel_centres
from sharpvision.core.errors import InputError
from sharpvision.core.pose import Pose
from sharpvision.reconstruct.photographs import Photographs, explained, misfit


def view(size: tuple[int, int], views: int | None = None) -> View:
    eye = torch.tensor([0.0, 1.0, 3.0]) if views is None else torch.randn(views, 3) + torch.tensor([0.0, 0, 5])
    return View.look_at(eye, torch.zeros(3), torch.tensor([0.0, 1.0, 0.0]), 50.0, size)


@pytest.mark.parametrize("views", [None, 3])
def test_reduced_pixels_are_means_and_look_where_the_squares_did(views: int | None) -> None:
    whole = view((21, 32), views)
    images = torch.rand(*([] if views is None else [views]), 21, 32, 3)
    small = Photographs(whole, images).reduced(8)
    assert (small.view.height, small.view.width) == (5, 8)
    expected = images.unfold(-3, 4, 4).unfold(-3, 4, 4).mean((-1, -2))[..., :5, :8, :]
    torch.testing.assert_close(small.images, expected)
    centre = pixel_centres(5, 8) * 4
    torch.testing.assert_close(
        small.view.camera.rays(pixel_centres(5, 8)).directions, whole.camera.rays(centre).directions
    )
    assert small.view.batch_shape == whole.batch_shape


def test_small_enough_photographs_stay_as_they_are() -> None:
    photographs = Photographs(view((8, 8)), torch.rand(8, 8, 3))
    assert photographs.reduced(8) is photographs


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="as their view"):
        Photographs(view((8, 8)), torch.rand(8, 9, 3))
    with pytest.raises(InputError, match="NaN"):
        Photographs(view((8, 8)), torch.full((8, 8, 3), torch.nan))
    flat = View(Orthographic(torch.tensor(4.0), torch.tensor([4.0, 4.0])), Pose(translation=torch.zeros(3)), 8, 8)
    with pytest.raises(InputError, match="pinhole"):
        Photographs(flat, torch.rand(8, 8, 3)).reduced(4)


def test_misfit_is_of_the_object_alone() -> None:
    image = torch.full((10, 10, 3), 0.2)
    image[2:4, 2:4] = 1.0
    off = image.roll(5, 0)
    ground = torch.full((3,), 0.2)
    assert misfit(image, image, ground).unexplained == 0
    assert misfit(image, off, ground).unexplained == pytest.approx(2.0)
    assert misfit(image, ground.expand(10, 10, 3), ground).rms == pytest.approx(0.8)
    assert misfit(ground.expand(10, 10, 3), ground.expand(10, 10, 3), ground).unexplained == 0
    assert misfit(ground.expand(10, 10, 3), image, ground).unexplained == np.inf


def test_shares_sum_to_one() -> None:
    image = torch.rand(4, 4, 3)
    shares = explained(image, 0.5 * image)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["neither"] == pytest.approx(0.25)
    assert explained(0 * image, image)["physics"] == 1.0
