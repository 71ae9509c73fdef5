"""A folder of images and its `name class` list: joined by name, and refused in words where they do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg"):
        (images / name).write_bytes(name.encode())
    return images


def open_with(folder: Path, text: str | bytes | None = None, **keys: Any) -> ImageSet:
    if text is not None:
        (folder.parent / "images.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_image_set(Dataset(path=folder, **keys))


def test_images_are_joined_with_the_list_by_name(folder: Path) -> None:
    images = open_with(folder, "sub/c.jpg 3\nb.jpg 2\na.jpg 1\n")
    assert images.manifest.image_ids == ("sub/c.jpg", "b.jpg", "a.jpg")
    assert images.manifest.labels.tolist() == [4, 3, 2]
    assert [images.read(row) for row in range(3)] == [b"sub/c.jpg", b"b.jpg", b"a.jpg"]
    assert images.form == "list"
    assert str(folder.parent / "images.txt") in images.source


@pytest.mark.parametrize("name", ["../a.jpg", "sub/../../a.jpg", "/etc/passwd", "sub/.."])
def test_a_name_may_not_lead_out_of_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=r"images\.txt:2: .*leads out of the image folder"):
        open_with(folder, f"a.jpg 1\n{name} 1\n")


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "# only a comment\n", "name,label\n"])
def test_a_list_without_images_is_an_empty_set(folder: Path, text: str) -> None:
    images = open_with(folder, text)
    assert (len(images.manifest), images.listed) == (0, 0)


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
        open_with(folder, f"a.jpg 1\n{missing} 1\n")
    assert near in str(caught.value)
    assert str(folder.parent / "images.txt") in str(caught.value)


def test_an_image_listed_twice(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"twice.*a\.jpg"):
        open_with(folder, "a.jpg 1\nb.jpg 1\n./a.jpg 2\n")


@pytest.mark.parametrize("label", [1000, -1])
def test_a_label_out_of_range(folder: Path, label: int) -> None:
    with pytest.raises(DatasetError, match=rf"a\.jpg \(class {label}\)"):
        open_with(folder, f"a.jpg {label}\nb.jpg 0\n")


def test_more_images_than_the_whole_set_has(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"lists 2 images, but dataset\.images says that the whole set has 1"):
        open_with(folder, "a.jpg 1\nb.jpg 1\n", images=1)
    assert open_with(folder, images=2).listed == 2


def test_the_first_images_know_how_many_are_listed(folder: Path) -> None:
    images = open_with(folder, "a.jpg 1\nb.jpg 1\nsub/c.jpg 2\n")
    first = images.first(2)
    assert (len(first.manifest), first.listed) == (2, 3)
    assert (len(first.first(1).manifest), first.first(1).listed) == (1, 3)
    assert (len(images.first(None).manifest), images.first(None).listed) == (3, 3)
