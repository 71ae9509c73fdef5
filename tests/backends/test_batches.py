"""Every row is in one part, in order; a fixed batch is filled with copies of the last row."""

from __future__ import annotations

import numpy as np
import pytest

from harness.backends.batches import in_batches


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(("count", "batch"), [(0, 4), (1, 4), (3, 4), (4, 4), (5, 4), (8, 4), (9, 4), (7, 1)])
def test_parts(count: int, batch: int, fixed: bool) -> None:
    pixels = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    rows: list[int] = []
    for start, meant, part in in_batches(pixels, batch, fixed=fixed):
        assert start == len(rows)
        assert len(part) == (batch if fixed else meant)
        assert 1 <= meant <= batch
        assert all(np.array_equal(part[at], pixels[start + min(at, meant - 1)]) for at in range(len(part)))
        rows += range(start, start + meant)
    assert rows == list(range(count))


def test_whole_parts_are_not_copied() -> None:
    pixels = np.zeros((8, 2, 2, 3), np.uint8)
    assert all(np.shares_memory(part, pixels) for _, _, part in in_batches(pixels, 4, fixed=True))
