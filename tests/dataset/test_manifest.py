from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dataset.manifest import Manifest, build_manifest
from harness.errors import DatasetError


def manifest(pairs: Sequence[tuple[str, int]]) -> Manifest:
    return Manifest(tuple(name for name, _ in pairs), np.array([label for _, label in pairs], np.int32))


def build(pairs: Sequence[tuple[str, int]], *, classes: int = 10, background: bool = True) -> Manifest:
    return build_manifest(pairs, classes=classes, background_class=background, source="val.txt")


def test_labels_are_the_networks() -> None:
    pairs = [("b", 9), ("a", 0)]
    assert build(pairs).labels.tolist() == [10, 1]
    assert build(pairs, background=False).labels.tolist() == [9, 0]
    assert build(pairs).labels.dtype == np.int32
    assert build(pairs).image_ids == ("b", "a")


def test_an_empty_list_gives_an_empty_manifest() -> None:
    empty = build([])
    assert len(empty) == 0
    assert empty.shards() == []
    assert empty.labels.dtype == np.int32


def test_images_listed_twice_are_named() -> None:
    with pytest.raises(DatasetError, match=r"^val\.txt: 2 images are listed twice: a, c; keep one line for each$"):
        build([("a", 1), ("b", 1), ("a", 1), ("c", 2), ("c", 3)])


def test_of_many_only_the_first_are_named() -> None:
    with pytest.raises(DatasetError, match=r"7 images are listed twice: 0, 1, 2, 3, 4, \.\.\.;"):
        build([(str(number % 7), 1) for number in range(14)])


@pytest.mark.parametrize(("label", "shown"), [(10, "class 10"), (-1, "class -1"), (2**40, f"class {2**40}")])
def test_a_label_out_of_range(label: int, shown: str) -> None:
    with pytest.raises(DatasetError) as caught:
        build([("a", 0), ("bad one", label)])
    assert "1 label is out of range: bad one" in str(caught.value)
    assert shown in str(caught.value)
    assert "classes are 0..9, without background" in str(caught.value)
    assert "1-based" not in str(caught.value)


def test_one_based_labels_are_recognised() -> None:
    with pytest.raises(DatasetError, match=r"look 1-based \(1\.\.10\): subtract 1"):
        build([("a", 1), ("b", 10)])


@pytest.mark.parametrize(
    ("rows", "lengths"), [(1, [1]), (255, [255]), (256, [256]), (257, [256, 1]), (650, [256, 256, 138])]
)
def test_shards_are_fixed_runs_of_256_rows(rows: int, lengths: list[int]) -> None:
    shards = build([(str(number), 0) for number in range(rows)]).shards()
    assert [len(shard) for shard in shards] == lengths
    assert [row for shard in shards for row in shard] == list(range(rows))


def test_the_first_rows() -> None:
    whole = build([("a", 1), ("b", 2), ("c", 3)])
    assert whole.first(2).image_ids == ("a", "b")
    assert whole.first(2).labels.tolist() == [2, 3]
    assert whole.first(None) is whole
    assert len(whole.first(99)) == 3


BASE = [("a", 1), ("b", 2), ("c", 3)]


@pytest.mark.parametrize(
    "other",
    [
        [("a", 1), ("b", 2)],
        [("a", 1), ("b", 2), ("c", 3), ("d", 1)],
        [("a", 1), ("b", 2), ("c", 4)],
        [("a", 1), ("c", 3), ("b", 2)],
        [("a", 2), ("b", 1), ("c", 3)],
        [("A", 1), ("b", 2), ("c", 3)],
        [],
    ],
)
def test_the_fingerprint_sees_ids_labels_and_order(other: list[tuple[str, int]]) -> None:
    assert manifest(other).fingerprint() != manifest(BASE).fingerprint()
    assert manifest(list(BASE)).fingerprint() == manifest(BASE).fingerprint()


def test_the_fingerprint_of_rows_is_the_fingerprint_of_that_manifest() -> None:
    assert manifest(BASE).fingerprint(range(1, 3)) == manifest(BASE[1:]).fingerprint()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([("a=1\n1:b", 2)], [("a", 1), ("b", 2)]),
        ([("a", 1), ("b", 2)], [("a=1\nb", 2)]),
        ([("1:a", 1)], [("a", 1)]),
        ([("a=1", 1)], [("a", 11)]),
    ],
)
def test_no_id_can_imitate_another_manifest(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    assert manifest(one).fingerprint() != manifest(other).fingerprint()


LISTS = st.lists(st.tuples(st.text("a1:=\n", max_size=8), st.integers(0, 99)), max_size=4)


@given(LISTS, LISTS)
def test_fingerprints_are_equal_only_for_equal_lists(one: list[tuple[str, int]], other: list[tuple[str, int]]) -> None:
    assert (manifest(one).fingerprint() == manifest(other).fingerprint()) == (one == other)
