from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dataset.subset import choose
from harness.errors import DatasetError

NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 201)]
CLASSES = [number % 7 for number in range(200)]


def test_the_choice_does_not_depend_on_order_folders_or_suffixes() -> None:
    rows = choose(NAMES, CLASSES, images=30, seed=1, stratified=False)
    chosen = {NAMES[row] for row in rows}
    assert rows == sorted(rows)
    order = np.random.default_rng(0).permutation(200).tolist()
    other = [f"n0/{NAMES[row].removesuffix('.JPEG')}_n01440764.jpg" for row in order]
    again = choose(other, [CLASSES[row] for row in order], images=30, seed=1, stratified=False)
    assert {NAMES[order[row]] for row in again} == chosen
    assert {NAMES[row] for row in choose(NAMES, CLASSES, images=30, seed=2, stratified=False)} != chosen


def test_a_larger_choice_holds_the_smaller() -> None:
    for stratified in (False, True):
        small, large = (set(choose(NAMES, CLASSES, images=count, seed=3, stratified=stratified)) for count in (20, 50))
        assert small < large


@given(images=st.integers(1, 200), seed=st.integers(0, 9))
def test_stratified_classes_differ_by_one_at_most(images: int, seed: int) -> None:
    rows = choose(NAMES, CLASSES, images=images, seed=seed, stratified=True)
    assert len(set(rows)) == images
    counts = Counter(CLASSES[row] for row in rows)
    rest = Counter(CLASSES) - counts
    least = min(counts[label] for label in range(7))
    assert all(counts[label] <= least + 1 for label in range(7)) or not all(rest[label] for label in range(7))


def test_a_class_with_too_few_images_gives_all_of_them() -> None:
    names = [f"{number}.jpg" for number in range(12)]
    rows = choose(names, [0] * 2 + [1] * 10, images=8, seed=0, stratified=True)
    assert sorted(int(row >= 2) for row in rows) == [0] * 2 + [1] * 6


def test_names_that_stand_in_several_folders() -> None:
    names = [f"{folder}/{number}.jpg" for folder in "ab" for number in range(20)]
    rows = choose(names, [0] * 40, images=20, seed=0, stratified=False)
    assert len(rows) == 20
    assert {names[row][0] for row in rows} == {"a", "b"}


def test_more_than_there_are() -> None:
    with pytest.raises(DatasetError, match=r"subset\.images is 201, but the set has 200"):
        choose(NAMES, CLASSES, images=201, seed=0, stratified=False)
