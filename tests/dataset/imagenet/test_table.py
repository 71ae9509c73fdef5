"""The built-in tables against facts from elsewhere: the test bed's lists, and how the devkit's own file begins."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.dataset.imagenet import (
    class_names,
    class_of_wnid,
    classes_in_devkit_order,
    label_of,
    number_of,
    table,
    validation_labels,
)
from harness.errors import DatasetError
from tests.dataset.conftest import facts_of_the_test_bed


@pytest.mark.shared
def test_every_label_and_class_is_that_of_the_lists(shared: Path) -> None:
    facts = facts_of_the_test_bed()
    assert validation_labels().tolist() == facts.labels
    assert list(class_of_wnid()) == facts.wnids
    words = (shared / "imagenet" / "synset_words.txt").read_text(encoding="utf-8").splitlines()
    assert [" ".join(pair) for pair in zip(class_of_wnid(), class_names(), strict=True)] == [w for w in words if w]


def test_fifty_images_of_each_of_a_thousand_classes() -> None:
    counts = Counter(validation_labels().tolist())
    assert counts == dict.fromkeys(range(1000), 50)
    wnids = list(class_of_wnid())
    assert wnids == sorted(wnids)
    assert len(set(wnids)) == 1000


def test_the_devkit_order_is_a_permutation_that_gives_the_ground_truth_as_it_begins() -> None:
    order = classes_in_devkit_order().tolist()
    assert sorted(order) == list(range(1000))
    assert order != list(range(1000))
    ids = [order.index(label) + 1 for label in validation_labels()[:10].tolist()]
    assert ids == [490, 361, 171, 822, 297, 482, 13, 704, 599, 164]  # ILSVRC2012_validation_ground_truth.txt, published


def test_names_of_validation_images() -> None:
    assert label_of("ILSVRC2012_val_00000001.JPEG") == 65
    assert label_of("n01751748/ILSVRC2012_val_00000001_n01751748.png") == 65
    assert class_names()[65].startswith("sea snake")
    for name in (
        "ILSVRC2012_val_00000000",
        "ILSVRC2012_val_00050001",
        "ILSVRC2012_val_1",
        "ILSVRC2012_val_000000010",
        "x",
    ):
        assert number_of(name) is None
        assert label_of(name) is None


def test_a_damaged_installation_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table._SHA256, "classes.txt", "0" * 64)
    table._classes.cache_clear()
    with pytest.raises(DatasetError, match="damaged; install the harness again"):
        class_of_wnid.__wrapped__()
    monkeypatch.undo()
    assert len(class_of_wnid()) == 1000
