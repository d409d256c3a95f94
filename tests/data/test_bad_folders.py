"""Every bad input of a folder of photographs is one line: the file, what was expected and found, what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from folders import LIGHTS, codes, write_folder, write_image

from sharpvision.core.errors import InputError
from sharpvision.data import ReadOptions, read_photometric

Damage = Callable[[Path], None]


def _lights(text: str) -> Damage:
    return lambda folder: (folder / "light_directions.txt").write_text(text) and None


def _rows(rows: np.ndarray) -> Damage:
    return lambda folder: np.savetxt(folder / "light_directions.txt", rows, "%.6f")


def _write(name: str, content: str | bytes) -> Damage:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def _image(name: str, pixels: np.ndarray) -> Damage:
    return lambda folder: write_image(folder / name, pixels)


def _each(value: int) -> Damage:
    def fill(folder: Path) -> None:
        for path in folder.glob("0*.png"):
            write_image(path, np.full((6, 8, 3), value, np.uint16))

    return fill


def _remove(pattern: str) -> Damage:
    def remove(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.unlink()

    return remove


def _cut(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40]) and None


def _exr_with_nan(folder: Path) -> None:
    _remove("0*.png")(folder)
    for index in range(4):
        rgb = np.full((6, 8, 3), 0.5, np.float32)
        if index == 2:
            rgb[3, 4] = np.nan
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": rgb}).write(str(folder / f"{index}.exr"))


def _dark_tail(folder: Path) -> None:
    """12-bit values in the low bits of the first photograph, in all bits of the last."""
    write_image(folder / "001.png", codes()[0] >> 5)
    _write("capture.json", '{"bits": 12}')(folder)


def _nan_mask(folder: Path) -> None:
    rgb = np.full((6, 8, 3), np.nan, np.float32)
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": rgb}).write(str(folder / "mask.exr"))


SMALL = np.full((5, 8, 3), 9000, np.uint16)
CASES: dict[str, tuple[Damage, str, str]] = {
    "no images": (_remove("0*.png"), "", "expected photographs .* found none among 1 files"),
    "empty folder": (_remove("*"), "", "found an empty folder"),
    "sizes differ": (_image("003.png", SMALL), "003.png", "expected 8x6 RGB uint16 like 001.png, found 8x5"),
    "depths differ": (_image("003.png", codes(dtype=np.uint8)[0]), "003.png", "found 8x6 RGB uint8"),
    "channels differ": (_image("003.png", codes()[0][..., 0]), "003.png", "found 8x6 gray uint16"),
    "nan in an image": (_exr_with_nan, "2.exr", "expected numbers, found 3 NaN .* row 3, column 4"),
    "nan in lights": (_lights("0 0 1\n1 0 1\nnan 1 1\n0 1 1\n"), "light_directions.txt, line 3", "finite numbers"),
    "zero light": (_lights("0 0 1\n1 0 1\n0 0 0\n0 1 1\n"), "light_directions.txt, line 3", "length zero"),
    "identical lights": (_rows(np.tile(LIGHTS[:1], (4, 1))), "light_directions.txt", "found 4 identical"),
    "coplanar lights": (_rows(LIGHTS * [1, 0, 1]), "light_directions.txt", "found coplanar"),
    "ragged lights": (_lights("0 0 1\n1 0 1 4\n"), "light_directions.txt, line 2", "expected 3 numbers, found 4"),
    "words for lights": (_lights("0 0 1\nfront left\n"), "light_directions.txt, line 2", "the word 'front'"),
    "no lights": (_remove("light_directions.txt"), "light_directions.txt", "found no such file"),
    "too few rows": (_rows(LIGHTS[:3]), "light_directions.txt", "expected 4 rows, .* found 3"),
    "too many rows": (_rows(np.vstack([LIGHTS, LIGHTS])), "light_directions.txt", "expected 4 rows, .* found 8"),
    "negative intensity": (_write("light_intensities.txt", "1\n1\n-1\n1"), "light_intensities.txt, line 3", "found -1"),
    "zero intensity": (_write("light_intensities.txt", "1\n1\n1\n0"), "light_intensities.txt, line 4", "found 0"),
    "nan intensity": (_write("light_intensities.txt", "1\n1\n1\nnan"), "light_intensities.txt, line 4", "finite"),
    "count of intensities": (_write("light_intensities.txt", "1\n1\n1"), "light_intensities.txt", "found 3"),
    "all saturated": (_each(65535), "001.png", "found 100 % of the pixels in the image saturated; expose less"),
    "all black": (_each(0), "001.png", "found black in the image; expose more"),
    "one saturated": (_image("002.png", np.full((6, 8, 3), 65535, np.uint16)), "002.png", "saturated"),
    "one black": (_image("002.png", np.zeros((6, 8, 3), np.uint16)), "002.png", "black"),
    "empty mask": (_image("mask.png", np.zeros((6, 8), np.uint8)), "mask.png", "found an empty one"),
    "mask of another size": (_image("mask.png", np.ones((8, 6), np.uint8)), "mask.png", "size 8x6, found 6x8"),
    "mask of nan": (_nan_mask, "mask.exr", "expected finite values"),
    "truncated image": (_cut("003.png"), "003.png", "expected a whole image, found a PNG cut off"),
    "empty image": (_write("003.png", b""), "003.png", "found an empty file"),
    "text for an image": (_write("003.png", "hello"), "003.png", "found a file of another kind"),
    "bad capture file": (_write("capture.json", "{\n]"), "capture.json, line 2", "expected JSON"),
    "unknown key": (_write("capture.json", '{"bit": 8}'), "capture.json, bit", "the unknown key 'bit'"),
    "too many bits": (_write("capture.json", '{"bits": 17}'), "capture.json, bits", "at most the 16 bits"),
    "bits that do not hold": (_dark_tail, "capture.json, bits", "expected values below 4096"),
    "count of exposures": (_write("capture.json", '{"exposures": [1, 2]}'), "capture.json, exposures", "4 numbers"),
    "two formats": (_write("001.tif", "II*"), "", "one file for each photograph, found 001.png and 001.tif"),
    "listed but missing": (_write("filenames.txt", "001.png\nx.png\n"), "filenames.txt, line 2", "'x.png', not there"),
    "truth of another size": (_image("normal_gt.png", np.full((5, 8, 3), 65535, np.uint16) // 2 * np.uint16([1, 1, 2])),
                              "normal_gt.png", "size 8x6, found 8x5"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_names_file_expectation_finding_and_cure(
    tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damage, where, message = CASES[case]
    folder = write_folder(tmp_path / "photographs")
    read_photometric(folder)  # sound before the damage
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        read_photometric(folder)
    text = str(error.value)
    assert text.startswith(f"{folder / where}: expected ")
    assert ", found " in text
    assert "; " in text
    assert "\n" not in text
    assert len(text) - len(str(folder)) < 260
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("options", "message"), [
    (ReadOptions(light_count=2), "--light-count: expected a number from 3 to 4, found 2"),
    (ReadOptions(light_count=5), "--light-count: expected a number from 3 to 4, found 5"),
    (ReadOptions(max_size=0), "--max-size: expected at least 2 pixels, found 0"),
    (ReadOptions(focal=-1), "--focal: expected a focal length in pixels above zero, found -1"),
    (ReadOptions(focal=float("nan")), "--focal: .* found nan"),
    (ReadOptions(response="gamma"), "--response: expected linear, srgb or unknown, found 'gamma'"),  # type: ignore[arg-type]
    (ReadOptions(mask="nowhere.png"), r"nowhere\.png: expected an image .* found nothing of that name"),
])  # fmt: skip
def test_bad_options(tmp_path: Path, options: ReadOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_photometric(write_folder(tmp_path), options)


def test_three_of_many_lights_must_not_be_coplanar(tmp_path: Path) -> None:
    lights = np.array([[-0.6, 0, 0.8], [0, 0.6, 0.8], [0, 0, 1], [0, -0.6, 0.8], [0.6, 0, 0.8]])
    folder = write_folder(tmp_path, lights=lights)
    assert read_photometric(folder).light_count == 5
    with pytest.raises(InputError, match="coplanar"):
        read_photometric(folder, ReadOptions(light_count=3))


def test_fewer_than_three_photographs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least 3 lights, found 2"):
        read_photometric(write_folder(tmp_path, lights=LIGHTS[:2]))


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match=r"/a: expected a folder of photographs, found a file; name the folder"):
        read_photometric(tmp_path / "a")


def test_a_folder_of_folders_names_them(tmp_path: Path) -> None:
    write_folder(tmp_path / "cat")
    with pytest.raises(InputError, match="found none, but folders with photographs: cat"):
        read_photometric(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/nowhere: expected a folder of photographs, found nothing of that name"):
        read_photometric(tmp_path / "nowhere")


def test_a_missing_data_set_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"diligent/cat: .* download DiLiGenT .* https://"):
        read_photometric(tmp_path / "diligent" / "cat")


def test_a_folder_closed_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root reads what chmod forbids
    with pytest.raises(InputError, match="found no permission to read it; run: chmod"):
        read_photometric(tmp_path)


def test_photographs_turned_differently(tmp_path: Path) -> None:
    from PIL import ExifTags, Image

    for index, image in enumerate(codes(dtype=np.uint8)):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 3 if index == 2 else 1
        Image.fromarray(image).save(tmp_path / f"{index}.jpg", exif=exif.tobytes())
    np.savetxt(tmp_path / "light_directions.txt", LIGHTS)
    with pytest.raises(InputError, match=r"2\.jpg: expected EXIF orientation 1 like 0\.jpg .* found 3"):
        read_photometric(tmp_path)
