from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.config import Preprocess
from harness.errors import DatasetError
from harness.feeding.pipeline import prepare
from harness.proposing.sample import Sample, open_sample

PREPROCESS = Preprocess(size=8, crop_fraction=1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 images of one grey each, class by class as in a sorted list, and two that are none."""
    images = tmp_path / "images"
    images.mkdir()
    rows = []
    for value in range(60):
        Image.fromarray(np.full((9, 9, 3), 4 * value, np.uint8)).save(images / f"{value:03}.png")
        rows.append(f"{value:03}.png {value // 15}\n")
    for name in ("bad1.png", "bad2.png"):
        (images / name).write_bytes(b"none")
        rows.append(f"{name} 3\n")
    (tmp_path / "images.txt").write_text("".join(rows))
    return images


def chosen(folder: Path, images: int) -> Sample:
    return open_sample(folder, "auto", images, 4)


def test_images_are_spread_over_the_set_and_the_same_every_time(folder: Path) -> None:
    first, again = chosen(folder, 24), chosen(folder, 24)
    assert len(first) == 24
    assert first.classes.tolist() == again.classes.tolist()
    assert set(first.classes[:12].tolist()) == {0, 1, 2, 3}  # the first rows of the list are all of class 0
    np.testing.assert_array_equal(first.pixels(PREPROCESS, range(24)), again.pixels(PREPROCESS, range(24)))
    assert first.pixels(PREPROCESS, range(5, 9)).shape == (4, 8, 8, 3)
    values = first.pixels(PREPROCESS, range(24))[:, 0, 0, 0] // 4
    assert (values // 15).tolist() == first.classes.tolist()
    first.close()
    again.close()


def test_pixels_are_those_of_every_other_command(folder: Path) -> None:
    sample = chosen(folder, 4)
    values = sample.pixels(PREPROCESS, range(4))
    for row in values:
        data = (folder / f"{row[0, 0, 0] // 4:03}.png").read_bytes()
        np.testing.assert_array_equal(row, prepare(data, PREPROCESS))
    sample.close()


def test_images_that_cannot_be_decoded_are_left_out_and_counted(folder: Path) -> None:
    sample = chosen(folder, 100)
    assert (len(sample), sample.bad) == (60, 2)
    sample.close()


def test_nothing_but_bad_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"none")
    (tmp_path / "images.txt").write_text("a.png 0\n")
    with pytest.raises(DatasetError, match="none of 1 images can be decoded"):
        chosen(tmp_path / "images", 4)
