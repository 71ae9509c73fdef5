from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.config import Dataset
from harness.dataset.image_set import open_image_set
from harness.errors import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        (images / name).write_bytes(name.encode())
    return images


def dataset(folder: Path, text: str | None = None, **keys: Any) -> Dataset:
    if text is not None:
        (folder.parent / "images.txt").write_text(text)
    return Dataset(path=folder, **keys)


def test_images_are_joined_with_the_list_by_name(folder: Path) -> None:
    images = open_image_set(dataset(folder, "sub/c.jpg 3\nb.jpg 2\na.jpg 1\n"))
    assert images.manifest.image_ids == ("sub/c.jpg", "b.jpg", "a.jpg")
    assert images.manifest.labels.tolist() == [4, 3, 2]
    assert [images.read(row) for row in range(3)] == [b"sub/c.jpg", b"b.jpg", b"a.jpg"]
    assert images.form == "list"
    assert images.source == str(folder.parent / "images.txt")


def test_files_that_are_not_listed_are_noted(folder: Path) -> None:
    images = open_image_set(dataset(folder, "b.jpg 2\n"))
    assert images.manifest.image_ids == ("b.jpg",)
    loose, folders = images.notes
    assert "1 images without a label" in loose
    assert "1 folders with images that" in folders
    assert "does not name, such as sub, not evaluated" in folders


@pytest.mark.parametrize("place", ["images.txt", "images/val.txt", "images/labels.txt", "val.txt"])
def test_where_a_list_is_looked_for(folder: Path, place: str) -> None:
    (folder.parent / place).write_text("a.jpg 1\n")
    assert open_image_set(dataset(folder)).source == str(folder.parent / place)


def test_a_list_that_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("b.jpg 5\n")
    opened = open_image_set(dataset(folder, "a.jpg 1\n", labels=str(tmp_path / "mine.txt")))
    assert (opened.manifest.image_ids, opened.manifest.labels.tolist()) == (("b.jpg",), [6])


def test_no_list(folder: Path) -> None:
    with pytest.raises(
        DatasetError, match=r"no labels were found for 2 of 2 images, such as a\.jpg.*Set dataset\.labels"
    ):
        open_image_set(dataset(folder))


def test_no_folder(folder: Path) -> None:
    with pytest.raises(DatasetError, match="not an image set: expected a folder"):
        open_image_set(Dataset(path=folder / "a.jpg"))


@pytest.mark.parametrize(
    ("missing", "near"),
    [
        ("aa.jpg", "; there is a.jpg."),
        ("sub/cc.jpg", "; there is sub/c.jpg."),
        ("nowhere/c.jpg", "does not have: nowhere/c.jpg. Set dataset.path"),
        ("a.jpg/c.jpg", "a.jpg/c.jpg"),
        ("sub", "1 image that"),
        (".", "1 image that"),
    ],
)
def test_a_missing_image_is_named_with_its_near_miss(folder: Path, missing: str, near: str) -> None:
    with pytest.raises(DatasetError) as caught:
        open_image_set(dataset(folder, f"a.jpg 1\n{missing} 1\n"))
    assert near in str(caught.value)
    assert str(caught.value).startswith(str(folder.parent / "images.txt"))


def test_many_missing_images_are_counted(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"names 8 images that .*: x0, x1, x2, x3, x4, \.\.\."):
        open_image_set(dataset(folder, "".join(f"x{number} 1\n" for number in range(8))))


def test_more_images_than_the_whole_set_has(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"lists 2 images, but dataset\.images says that the whole set has 1"):
        open_image_set(dataset(folder, "a.jpg 1\nb.jpg 1\n", images=1))
    assert open_image_set(dataset(folder, images=2)).listed == 2


def test_the_first_images_know_how_many_are_listed(folder: Path) -> None:
    images = open_image_set(dataset(folder, "a.jpg 1\nb.jpg 1\nsub/c.jpg 2\n"))
    first = images.first(2)
    assert (len(first.manifest), first.listed) == (2, 3)
    assert (len(first.first(1).manifest), first.first(1).listed) == (1, 3)
    assert (len(images.first(None).manifest), images.first(None).listed) == (3, 3)


def test_the_signature_sees_a_replacement_of_equal_size_and_time(folder: Path) -> None:
    signature = open_image_set(dataset(folder, "a.jpg 1\n")).signature
    before, times = signature(0), (folder / "a.jpg").stat()
    assert signature(0) == before
    (folder / "new").write_bytes(b"A.JPG")
    (folder / "new").replace(folder / "a.jpg")
    os.utime(folder / "a.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert signature(0) != before


def test_an_image_that_went_away_is_an_oserror(folder: Path) -> None:
    images = open_image_set(dataset(folder, "a.jpg 1\n"))
    (folder / "a.jpg").unlink()
    for read in (images.read, images.signature):
        with pytest.raises(FileNotFoundError):
            read(0)
