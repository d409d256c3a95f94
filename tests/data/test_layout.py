"""Which files of a folder are photographs of the object, and where its lights stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import LIGHTS, codes, write_folder, write_image

from sharpvision.core.errors import InputError
from sharpvision.data.layout import find_layout, is_photograph


@pytest.mark.parametrize("name", ["dark.jpg", "dark_01.png", "gray-card.png", "grey.tif", "flat_field.png", "mask.png"])
def test_frames_for_calibration_are_no_photographs(name: str) -> None:
    assert not is_photograph(Path(name))


@pytest.mark.parametrize("name", ["darkness.jpg", "grayling.png", "flatiron.png", "IMG_0001.JPG"])
def test_words_that_only_begin_alike_are(name: str) -> None:
    assert is_photograph(Path(name))


def test_a_dark_frame_is_found_and_what_the_caller_names_is_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    for name in ("dark.png", "lamp_off.png"):
        write_image(folder / name, codes(1)[0])
    layout = find_layout(folder, besides=(folder / "lamp_off.png",))
    assert layout.dark == folder / "dark.png"
    assert [path.name for path in layout.photographs] == ["001.png", "002.png", "003.png", "004.png"]
    assert len(find_layout(folder).photographs) == 5


def test_the_folders_own_lights_come_before_its_parents(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    own = folder / "light_directions.txt"
    (tmp_path / "lights.json").write_text("{}")
    assert (find_layout(folder).lights, find_layout(folder).directions) == (None, own)
    (folder / "lights.json").write_text("{}")
    assert (find_layout(folder).lights, find_layout(folder).directions) == (folder / "lights.json", None)
    for path in (own, folder / "lights.json"):
        path.unlink()
    assert find_layout(folder).lights == tmp_path / "lights.json"
    assert "lights were read from the parent folder" in find_layout(folder).notes[0]
    (tmp_path / "lights.json").unlink()
    layout = find_layout(folder)
    assert (layout.lights, layout.directions, layout.intensities, layout.notes) == (None, None, None, ())


def test_a_listed_dark_frame_is_what_the_list_says(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, lights=LIGHTS)
    (folder / "filenames.txt").write_text("001.png\n004.png\n")
    assert [path.name for path in find_layout(folder).photographs] == ["001.png", "004.png"]
    (folder / "filenames.txt").write_text("001.png\nnone.png\n")
    with pytest.raises(InputError, match="line 2"):
        find_layout(folder)
