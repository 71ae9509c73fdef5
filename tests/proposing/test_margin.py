from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.proposing.margin import FEWEST, LEVEL, Scores, paired_p_value, race

BLOCKS = [range(32), range(32, 85), range(85, 256)]


@pytest.mark.parametrize(("shift", "count"), [(0.0, 16), (0.1, 64), (0.3, 256), (-0.2, 100)])
def test_the_p_value_is_students_for_pairs(shift: float, count: int) -> None:
    generator = np.random.default_rng(count)
    one, two = generator.normal(shift, 1, count), generator.normal(0, 1, count)
    assert paired_p_value(one - two) == pytest.approx(stats.ttest_rel(one, two).pvalue, rel=1e-9)


def test_differences_that_are_all_the_same() -> None:
    assert paired_p_value(np.zeros(50)) == 1.0
    assert paired_p_value(np.full(50, 0.1)) == 0.0
    assert paired_p_value(np.full(FEWEST - 1, 9.0)) == 1.0


def _scores(means: list[float], seed: int, spread: float = 1.0) -> list[Scores]:
    """Scores of contenders on the same 256 images: what an image adds to all of them, and what it adds to each."""
    generator = np.random.default_rng(seed)
    image = generator.normal(0, 3, 256)
    return [mean + image + generator.normal(0, spread, 256) for mean in means]


def test_a_clear_leader_is_chosen_and_its_runner_up_named() -> None:
    scores = _scores([0.0, 2.0, 1.0], 1)
    standing = race([0, 1, 2], BLOCKS, lambda each, rows: scores[each][rows.start : rows.stop])
    assert (standing.chosen, standing.leader, standing.runner_up()) == (1, 1, 2)
    assert standing.is_clear()
    assert standing.runner_up(lambda each: each != 2) == 0


def test_of_those_that_are_as_good_the_first_one_is_chosen_and_that_is_said() -> None:
    scores = _scores([0.0, 0.02, -3.0], 2, spread=0.5)
    standing = race([0, 1, 2], BLOCKS, lambda each, rows: scores[each][rows.start : rows.stop])
    assert standing.chosen == 0
    assert not standing.is_clear()
    assert standing.is_clear(lambda each: each == 2)


def test_what_is_clearly_worse_is_not_run_again() -> None:
    scores = _scores([0.0, -9.0], 3)
    asked: list[tuple[int, range]] = []

    def score(each: int, rows: range) -> Scores:
        asked.append((each, rows))
        return scores[each][rows.start : rows.stop]

    race([0, 1], BLOCKS, score)
    assert asked == [(0, BLOCKS[0]), (1, BLOCKS[0])]


def test_the_best_is_rarely_called_worse() -> None:
    """The hardest case, eleven contenders of one quality: the first of them leaves in at most one search of twenty."""
    searches, left = 300, 0
    for seed in range(searches):
        scores = _scores([0.0] * 11, seed)
        standing = race(range(11), BLOCKS, lambda each, rows, s=scores: s[each][rows.start : rows.stop])  # type: ignore[misc]
        left += standing.leader != 0 and 0 not in standing.close
    assert left <= searches * LEVEL


def test_a_race_needs_contenders_and_images() -> None:
    with pytest.raises(ValueError, match="a contender and a block"):
        race([], BLOCKS, lambda _each, _rows: np.empty(0))
