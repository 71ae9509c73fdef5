"""Every form of the same images gives the same bytes under the same labels, and so the same counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.sources.opening import ImageSetRequest, open_unlabelled
from harness.dataset.sources.pictures import size_in
from harness.dataset.subset import choose
from tests.conftest import require
from tests.dataset.sources.forms import FORMS, NEED_TENSORFLOW, Facts, Picture

Content = dict[str, tuple[int, str]]


def made(form: str, folder: Path, pictures: Sequence[Picture], facts: Facts, **keys: Any) -> ImageSet:
    if form in NEED_TENSORFLOW:
        require("tensorflow")
    path, labels = FORMS[form][0](folder, pictures, facts)
    return open_image_set(Dataset(path=path, labels=labels, **keys))


def content(images: ImageSet) -> Content:
    """Return label and digest of every image by its official number."""

    def one(row: int) -> tuple[str, tuple[int, str]]:
        name = images.manifest.image_ids[row]
        number = name[name.index("ILSVRC2012_val_") + 15 :][:8]
        assert images.signature(row)
        return number, (int(images.manifest.labels[row]), hashlib.sha256(images.read(row)).hexdigest())

    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(one, range(len(images.manifest))))
    assert len(dict(rows)) == len(rows)
    return dict(rows)


def wanted(pictures: Sequence[Picture]) -> Content:
    return {item.name[15:23]: (item.label + 1, hashlib.sha256(item.data).hexdigest()) for item in pictures}


@pytest.mark.parametrize("form", FORMS)
def test_the_demo_images(form: str, tmp_path: Path, demo: Sequence[Picture], built_in: Facts) -> None:
    images = made(form, tmp_path / form, demo, built_in)
    assert images.form == FORMS[form][1]
    assert content(images) == wanted(demo)
    again = open_image_set(Dataset(path=images_path(tmp_path / form, form), labels=labels_of(tmp_path / form, form)))
    assert again.manifest.fingerprint() == images.manifest.fingerprint()
    assert [again.signature(row) for row in range(5)] == [images.signature(row) for row in range(5)]


@pytest.mark.parametrize("form", FORMS)
def test_without_their_labels(form: str, tmp_path: Path, demo: Sequence[Picture], built_in: Facts) -> None:
    """The bytes are the same ones, and a signature tells how many there are, but for Parquet."""
    made(form, tmp_path / form, demo, built_in)
    pictures = open_unlabelled(ImageSetRequest(images_path(tmp_path / form, form)))
    data = [pictures.read(row) for row in range(len(pictures.names))]
    assert {hashlib.sha256(item).digest() for item in data} == {hashlib.sha256(item.data).digest() for item in demo}
    sizes = [size_in(pictures.signature(row)) for row in range(len(data))]
    assert sizes == [None if pictures.form == "parquet" else len(item) for item in data]


def images_path(folder: Path, form: str) -> Path:
    places = {
        "wordnet_folders": "val", "number_folders": "val", "tar": "ILSVRC2012_img_val.tar", "kaggle": "",
        "tar_with_devkit": "ILSVRC2012_img_val.tar", "annotations": "", "tfrecord": "", "tfds": "imagenet2012",
        "webdataset_cls": "", "webdataset_json": "", "parquet": "", "manifest_csv": "manifest.tsv",
        "manifest_parquet": "manifest.parquet",
    }  # fmt: skip
    return folder / places.get(form, "images")


def labels_of(folder: Path, form: str) -> str:
    named = {"list_csv": folder / "mine.csv", "devkit": folder / "ILSVRC2012_devkit_t12"}
    return str(named.get(form, "auto"))


@pytest.mark.shared
@pytest.mark.parametrize("form", FORMS)
def test_the_validation_images(
    form: str, tmp_path: Path, validation_images: Sequence[Picture], built_in: Facts
) -> None:
    """509 and 610 of them are right: test_counts.py; here, the images and labels are those of the flat folder."""
    images = made(form, tmp_path / form, validation_images, built_in)
    assert content(images) == wanted(validation_images)


@pytest.mark.parametrize("form", ["flat", "wordnet_folders", "tar", "parquet", "webdataset_cls"])
def test_a_subset_is_the_same_in_every_form(
    form: str, tmp_path: Path, demo: Sequence[Picture], built_in: Facts
) -> None:
    images = made(form, tmp_path / form, demo, built_in, subset={"images": 24, "seed": 5, "stratified": True})
    rows = choose([item.name for item in demo], [item.label for item in demo], images=24, seed=5, stratified=True)
    assert content(images) == wanted([demo[row] for row in rows])
    assert (len(images.manifest), images.listed, images.first(9).listed) == (24, 120, 120)
