from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import PROJECT, SHARED
from tests.dataset.sources.forms import Facts, Picture

DEMO = PROJECT / "datasets" / "demo"


def facts_of_the_test_bed() -> Facts:
    labels = (SHARED / "imagenet" / "ilsvrc2012_val_labels.txt").read_text(encoding="utf-8").splitlines()
    words = (SHARED / "imagenet" / "synset_words.txt").read_text(encoding="utf-8").splitlines()
    return Facts([int(line.split()[1]) for line in labels], [line.split()[0] for line in words if line])


@pytest.fixture(scope="session")
def built_in() -> Facts:
    """The built-in tables; `tests/dataset/imagenet` holds them against the test bed's lists."""
    from harness.dataset.imagenet import class_of_wnid, validation_labels

    return Facts(validation_labels().tolist(), list(class_of_wnid()))


@pytest.fixture(scope="session")
def demo(built_in: Facts) -> list[Picture]:
    """The first 120 demo images, each under the name of a validation image of the same class."""
    free: dict[int, list[int]] = {}
    for number, label in enumerate(built_in.labels, start=1):
        free.setdefault(label, []).append(number)
    pictures = []
    for line in (DEMO / "val.txt").read_text(encoding="utf-8").splitlines()[:120]:
        name, written = line.split()
        label = int(written)
        number = free[label].pop(0)
        data = (DEMO / "val" / name).read_bytes()
        pictures.append(Picture(f"ILSVRC2012_val_{number:08d}.JPEG", data, label))
    return sorted(pictures, key=lambda picture: picture.name)


@pytest.fixture(scope="session")
def validation_images(shared: Path) -> list[Picture]:
    """The 650 validation images of the test bed."""
    folder = shared / "imagenet"
    rows = [line.split() for line in (folder / "val.txt").read_text(encoding="utf-8").splitlines()]
    return [Picture(name, Path(os.path.join(folder, "val", name)).read_bytes(), int(label)) for name, label in rows]
