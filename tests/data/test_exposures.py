from dataclasses import replace

import numpy as np
from PIL import ExifTags, Image

from sharpvision.data.exif import CameraSettings, camera_settings_of, exposure_of
from sharpvision.data.exposures import check_exposures

PLAIN = CameraSettings(1 / 50, 100, 8.0, 50.0, automatic_exposure=False, automatic_white_balance=False)


def exif_with(**tags: object) -> Image.Exif:
    """EXIF with these tags, written and read again."""
    exif = Image.Exif()
    directory = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in tags.items():
        directory[ExifTags.Base[name]] = value
    again = Image.Exif()
    again.load(exif.tobytes())
    return again


class TestReading:
    def test_what_a_camera_writes(self):
        exif = exif_with(ExposureTime=0.02, ISOSpeedRatings=200, FNumber=4.0, FocalLength=50.0,
                         ExposureMode=1, WhiteBalance=0)  # fmt: skip
        assert camera_settings_of(exif) == CameraSettings(0.02, 200, 4.0, 50.0, False, True)
        assert exposure_of(exif) == 0.02 * 2 / 16

    def test_nothing_is_nothing(self):
        assert camera_settings_of(Image.Exif()) == CameraSettings()
        assert exposure_of(Image.Exif()) is None

    def test_zero_is_how_cameras_write_that_they_do_not_know(self):
        assert camera_settings_of(exif_with(ExposureTime=0.02, FNumber=0.0)).f_number is None


class TestGains:
    def test_time_iso_and_aperture_are_undone(self):
        settings = [PLAIN, replace(PLAIN, seconds=1 / 25), replace(PLAIN, iso=400)]
        check = check_exposures(settings)
        assert check.gains is not None
        assert np.allclose(check.gains, [1, 0.5, 0.25])
        assert check.stops == 2
        assert len(check.notes) == 1
        assert "2.0 stops" in check.notes[0]

    def test_equal_exposures_need_no_word(self):
        check = check_exposures([PLAIN] * 3)
        assert check.gains is not None
        assert check.gains.tolist() == [1, 1, 1]
        assert check.notes == ()

    def test_no_exif_gives_no_gains_and_no_word(self):
        check = check_exposures([CameraSettings()] * 3)
        assert check.gains is None
        assert check.notes == ()


class TestInconsistencies:
    def test_a_photograph_without_its_time_is_named(self):
        check = check_exposures([PLAIN, CameraSettings(), PLAIN], ["a.jpg", "b.jpg", "c.jpg"])
        assert check.gains is None
        assert "1 of 3" in check.notes[0]
        assert "b.jpg" in check.notes[0]
        assert "exposure time" in check.notes[0]

    def test_an_iso_that_only_some_have_is_no_exposure(self):
        check = check_exposures([PLAIN, replace(PLAIN, iso=None)])
        assert check.gains is None
        assert "ISO" in check.notes[0]

    def test_a_lens_without_f_number_is_fine(self):
        check = check_exposures([replace(PLAIN, f_number=None), replace(PLAIN, f_number=None, seconds=1 / 25)])
        assert check.gains is not None
        assert np.allclose(check.gains, [1, 0.5])

    def test_automatic_modes_zoom_and_aperture_are_said(self):
        settings = [
            replace(PLAIN, automatic_exposure=True, automatic_white_balance=True, seconds=1 / 100),
            replace(PLAIN, focal_mm=35.0, f_number=4.0),
        ]
        notes = " ".join(check_exposures(settings).notes)
        assert "chose the exposures itself" in notes
        assert "white balance" in notes
        assert "from 35 mm (image 2) to 50 mm (image 1)" in notes
        assert "from f/4 (image 2) to f/8 (image 1)" in notes
