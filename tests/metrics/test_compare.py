"""Counts of one model and of a candidate against the reference, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.judging.comparison import accuracy, compare
from harness.metrics.compare import correct_at, flip_counts
from harness.metrics.outcome import Outcome, empty_outcome, score, with_bad_rows

WIDTH = 8


def ranking(*orders: tuple[int, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return probabilities of 8 classes in which the named classes come first, in that order."""
    rows = np.zeros((len(orders), WIDTH), np.float32)
    for row, order in zip(rows, orders, strict=True):
        whole = [*order, *(index for index in range(WIDTH) if index not in order)]
        for place, index in enumerate(whole):
            row[index] = (WIDTH - place) / 64
    return rows


# Eight images: what each model says first, and the label.
LABELS = np.array([0, 1, 2, 3, 4, 5, 6, 7], np.int32)
BEFORE = ranking((0,), (1,), (2,), (0,), (0,), (0,), (0, 6), (0, 1, 2, 3, 4))
AFTER = ranking((0,), (0, 1), (0, 1, 3, 4, 5), (3,), (0,), (1,), (0, 1, 2, 3, 4), (0, 1, 2, 3, 7))
#               same  broken   broken, out of 5 fixed  same  other  same, out of 5   same, into the five
IDS = tuple(f"image{row}" for row in range(8))


def outcomes() -> tuple[Outcome, Outcome]:
    return score(BEFORE, LABELS), score(AFTER, LABELS, BEFORE)


def test_counts_by_hand() -> None:
    before, after = outcomes()
    assert correct_at(before, 1).tolist() == [True, True, True, False, False, False, False, False]
    assert correct_at(after, 1).tolist() == [True, False, False, True, False, False, False, False]
    # Below the named classes come the others by index, so label 3 of image 3 is the fourth, 4 the fifth, 5 the sixth.
    assert correct_at(before, 5).tolist() == [True, True, True, True, True, False, True, False]
    assert correct_at(after, 5).tolist() == [True, True, False, True, True, False, False, True]
    assert flip_counts(before, after, 1) == (2, 1)
    assert flip_counts(before, after, 5) == (2, 1)


def test_compare_by_hand() -> None:
    before, after = outcomes()
    part = compare("tf", before, "ir", after, IDS)
    assert (part.reference, part.candidate) == ("tf", "ir")
    # The same class first: images 0, 4, 6, 7. Flips: 1 and 2 are broken, 3 is fixed; 5 is wrong both times.
    # The best two of the reference are 1/64 apart everywhere, less than the 0.1 up to which a margin counts as near.
    assert (part.top1_agreement.count, part.top1_agreement.total, part.top1_agreement.percent) == (4, 8, 50.0)
    assert part.flips.model_dump() == {"fixed": 1, "broken": 2, "changed_wrong": 1, "near_ties": 2}
    assert part.drop.top1_pp == 12.5
    assert part.drop.top5_pp == 12.5
    assert part.drop.top1_p_value == scipy.stats.binomtest(1, 3).pvalue == 1.0
    difference = np.abs(AFTER.astype(np.float64) - BEFORE.astype(np.float64))
    assert part.max_abs_diff == difference.max()
    assert part.mean_abs_diff == pytest.approx(difference.mean(), rel=1e-12)
    assert part.worst_image == IDS[int(difference.max(axis=1).argmax())]
    assert part.drop.top1_ci95_pp is not None
    assert part.drop.top1_ci95_pp[0] < 12.5 < part.drop.top1_ci95_pp[1]


def test_a_loss_is_a_positive_drop() -> None:
    before, after = outcomes()
    drop = compare("ir", after, "tf", before, IDS).drop
    assert drop.top1_pp == -12.5


def test_a_model_against_itself() -> None:
    before = score(BEFORE, LABELS, BEFORE)
    part = compare("tf", before, "ir", before, IDS)
    assert part.top1_agreement.percent == 100.0
    assert part.flips.model_dump() == {"fixed": 0, "broken": 0, "changed_wrong": 0, "near_ties": 0}
    assert (part.drop.top1_pp, part.drop.top1_p_value, part.max_abs_diff, part.mean_abs_diff) == (0, 1, 0, 0)


def test_bad_images_are_wrong_for_both_and_agree_with_nothing() -> None:
    good = np.array([True] * 8 + [False] * 2)
    before, after = (with_bad_rows(item, good) for item in outcomes())
    part = compare("tf", before, "ir", after, (*IDS, "bad1", "bad2"))
    assert (part.top1_agreement.count, part.top1_agreement.total) == (4, 8)
    assert part.flips.model_dump() == {"fixed": 1, "broken": 2, "changed_wrong": 1, "near_ties": 2}
    assert part.drop.top1_pp == 10.0  # one more broken than fixed, of ten
    assert part.worst_image in IDS
    assert accuracy(before, 1).model_dump(include={"correct", "total", "percent"}) == {
        "correct": 3,
        "total": 10,
        "percent": 30.0,
    }


def test_nothing_but_bad_images() -> None:
    bad = with_bad_rows(empty_outcome(), np.array([False, False]))
    part = compare("tf", bad, "ir", bad, ("a", "b"))
    assert (part.top1_agreement.count, part.top1_agreement.total, part.top1_agreement.percent) == (0, 0, None)
    assert (part.max_abs_diff, part.mean_abs_diff, part.worst_image) == (None, None, None)


def test_a_difference_that_is_not_finite_is_no_number_and_names_its_image() -> None:
    before, after = outcomes()
    largest = after.max_abs_diff.copy()
    largest[4] = np.inf
    broken = Outcome.from_columns(after.columns() | {"max_abs_diff": largest})
    part = compare("tf", before, "ir", broken, IDS)
    assert (part.max_abs_diff, part.mean_abs_diff, part.worst_image) == (None, None, "image4")


def test_no_image() -> None:
    part = compare("tf", empty_outcome(), "ir", empty_outcome(), ())
    assert part.top1_agreement.percent is None
    assert set(part.drop.model_dump().values()) == {None}
    none = accuracy(empty_outcome(), 1)
    assert (none.correct, none.total, none.percent, none.ci95_percent) == (0, 0, None, None)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_unequal_lengths_are_refused(rows: int) -> None:
    before, after = outcomes()
    with pytest.raises(ValueError, match="8 reference rows"):
        compare("tf", before, "ir", after[:rows], IDS)
    with pytest.raises(ValueError, match="reference rows"):
        compare("tf", before[:rows], "ir", after, IDS)
    with pytest.raises(ValueError, match="image ids"):
        compare("tf", before, "ir", after, IDS[:rows])
    with pytest.raises(ValueError, match="candidate rows"):
        flip_counts(before, after[:rows])


def test_accuracy_in_percent() -> None:
    before, _ = outcomes()
    found = accuracy(before, 1)
    expected = scipy.stats.binomtest(3, 8).proportion_ci(0.95, method="wilson")
    assert (found.correct, found.total, found.percent) == (3, 8, 37.5)
    assert found.ci95_percent == pytest.approx((100 * expected.low, 100 * expected.high))


def test_the_counts_of_the_test_bed() -> None:
    # 509 of 650 is 78.31 %, and 509 + 1 of 51 * 10: percentages come from the counts, never from means of shards.
    rank = np.where(np.arange(650) < 509, 1, 6).astype(np.int32)
    whole = score(np.full((650, WIDTH), 1 / WIDTH, np.float32), np.zeros(650, np.int32))
    outcome = Outcome.from_columns(whole.columns() | {"rank_of_label": rank})
    assert accuracy(outcome, 1).percent == pytest.approx(78.3077, abs=5e-5)


@given(st.permutations(range(8)))
def test_the_order_of_images_does_not_matter(order: list[int]) -> None:
    rows = np.array(order)
    before, after = outcomes()
    shuffled = compare(
        "tf",
        score(BEFORE[rows], LABELS[rows]),
        "ir",
        score(AFTER[rows], LABELS[rows], BEFORE[rows]),
        tuple(IDS[row] for row in order),
    )
    assert shuffled.model_dump(exclude={"worst_image"}) == compare("tf", before, "ir", after, IDS).model_dump(
        exclude={"worst_image"}
    )
