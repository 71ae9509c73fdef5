"""Labels that are wrong in a known way: by their names where these are official, else by the reference's answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.config import Dataset
from harness.dataset.image_set import open_image_set
from harness.dataset.labels.answer_check import FEWEST, suspicion
from harness.errors import DatasetError
from tests.dataset.sources.forms import Facts

Labels = NDArray[np.int64]


def devkit_id(facts: Facts, label: int) -> int:
    """Return the devkit's id 1..1000 of a class by the images that the devkit gives it to (test_table.py)."""
    from harness.dataset.imagenet import classes_in_devkit_order

    return [int(item) for item in classes_in_devkit_order()].index(label) + 1


MISTAKES: dict[str, tuple[Callable[[Facts, int], int], str]] = {
    "from 1": (lambda _, label: label + 1, "one too high: the list counts from 1, or counts the background in"),
    "less 1 once too often": (lambda _, label: label - 1, "one too low"),
    "devkit ids": (devkit_id, "ids of the devkit, whose order is not that of the sorted WordNet ids"),
    "devkit ids less 1": (lambda facts, label: devkit_id(facts, label) - 1, "ids of the devkit"),
    "sorted as text": (lambda _, label: sorted(range(1000), key=str).index(label), "sorted as text"),
    "others": (lambda _, label: (label * 7 + 3) % 1000, "of 30 labels are not those of ILSVRC2012 (first"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_official_names_tell_for_certain(mistake: str, tmp_path: Path, built_in: Facts) -> None:
    wrong, words = MISTAKES[mistake]
    (tmp_path / "val").mkdir()
    lines = []
    for number in range(1, 31):
        name = f"ILSVRC2012_val_{number:08d}.JPEG"
        (tmp_path / "val" / name).write_bytes(b"x")
        lines.append(f"{name} {wrong(built_in, built_in.labels[number - 1])}\n")
    path = tmp_path / "val.txt"
    path.write_text("".join(lines))
    with pytest.raises(DatasetError) as caught:
        open_image_set(Dataset(path=tmp_path / "val"))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "trust: true" in str(caught.value)
    trusted: Any = {"source": str(path), "trust": True}
    if mistake != "less 1 once too often" and "from 1" not in mistake:
        assert len(open_image_set(Dataset(path=tmp_path / "val", labels=trusted)).manifest) == 30
    right = [f"ILSVRC2012_val_{number:08d}.JPEG {built_in.labels[number - 1]}\n" for number in range(1, 31)]
    path.write_text("".join(right))
    assert len(open_image_set(Dataset(path=tmp_path / "val")).manifest) == 30


def test_a_set_with_its_own_classes_may_have_any_names(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    (tmp_path / "val.txt").write_text("ILSVRC2012_val_00000001.JPEG 3\n")
    assert open_image_set(Dataset(path=tmp_path / "val", classes=10)).manifest.labels.tolist() == [4]


def seen(right: float, count: int = 256, classes: int = 1000, seed: int = 0) -> tuple[Labels, Labels]:
    """Return classes 0.. as they should be, and answers of which a share is right."""
    random = np.random.default_rng(seed)
    labels = random.integers(1, classes - 1, count)
    answers = np.where(random.random(count) < right, labels, random.integers(0, classes, count))
    return labels, answers


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name != "others"])
@pytest.mark.parametrize("background", [True, False])
def test_answers_tell_where_names_do_not(mistake: str, background: bool, built_in: Facts) -> None:
    labels, answers = seen(0.7)
    wrong = np.array([MISTAKES[mistake][0](built_in, int(label)) for label in labels])
    wrong = np.clip(wrong, 0, 999)
    offset = int(background)
    found = suspicion(answers + offset, wrong + offset, classes=1000, background_class=background)
    assert found is not None
    assert MISTAKES[mistake][1] in found.what
    assert "trust: true" in found.mend
    assert suspicion(answers + offset, labels + offset, classes=1000, background_class=background) is None


def test_the_boundaries_of_suspicion() -> None:
    """100 images; now right: some, right once shifted: others. Suspect from 20 more of 100, and 3 times as many."""
    for now, then, suspect in [
        (0, 20, True),
        (0, 19, False),
        (10, 30, True),
        (10, 29, False),
        (11, 32, False),
        (30, 65, False),
    ]:
        labels = np.full(100, 500)
        answers = np.array([500] * now + [499] * then + [900] * (100 - now - then))
        assert (suspicion(answers, labels, classes=1000, background_class=False) is not None) == suspect


def test_few_or_bad_images_prove_nothing() -> None:
    labels = np.full(FEWEST, 500)
    assert suspicion(labels - 1, labels, classes=1000, background_class=False) is not None
    assert suspicion(labels[1:] - 1, labels[1:], classes=1000, background_class=False) is None
    answers = labels - 1
    answers[0] = -1  # a bad image
    assert suspicion(answers, labels, classes=1000, background_class=False) is None


def test_background_forgotten_by_the_configuration() -> None:
    """The network's class 0 is background, and the configuration says that there is none."""
    labels, answers = seen(0.8)
    found = suspicion(answers + 1, labels, classes=1001, background_class=False)
    assert found is not None
    assert "set dataset.background_class: true" in found.mend


def test_background_counted_twice() -> None:
    """The list counts it in already, and the configuration adds it again."""
    labels, answers = seen(0.8)
    found = suspicion(answers, labels + 1, classes=1000, background_class=True)
    assert found is not None
    assert found.mend.startswith("subtract 1 from every class of the list, or dataset.background_class: false")


def test_a_bad_model_is_no_reason_to_doubt_the_labels() -> None:
    labels, answers = seen(0.01)
    assert suspicion(answers, labels, classes=1000, background_class=False) is None
