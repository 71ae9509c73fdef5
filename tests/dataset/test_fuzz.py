"""A short fuzz run; the long one, whose figures stand in docs/datasets.md, is `python -m tests.dataset.fuzz 10000`."""

from __future__ import annotations

from tests.dataset.fuzz import in_a_process, seeds


def test_mutated_images_are_decoded_or_listed() -> None:
    found = in_a_process(1_700, seed=1, seconds=240)
    assert found["seen"] == 1_700
    assert found["decoded"] + found["listed"] == 1_700
    assert found["listed"] > 500
    assert found["decoded"] > 100
    assert found["truncated"]["images"] > 100
    assert found["truncated"]["decoded"] == 0  # no seed has anything behind its picture
    assert len(seeds()) == 17
