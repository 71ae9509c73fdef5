"""Every row is in one part, in order; a fixed batch is filled with copies of the last row; parts run side by side."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Pixels
from harness.backends.batches import SideBySide, default_batch, each_batch, in_batches


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


@pytest.mark.parametrize(
    ("threads", "batch", "most", "runs", "each"),
    [
        (1, 8, None, 1, 1),
        (2, 8, None, 2, 1),
        (64, 8, None, 32, 2),  # 256 images are 32 batches
        (64, 1, None, 64, 1),
        (8, 128, None, 2, 4),
        (8, 256, None, 1, 8),
        (8, 1000, None, 1, 8),
        (16, 1, 4, 4, 4),
        (2, 1, 4, 2, 1),
        (5, 1, 4, 4, 1),  # four of five threads have work
        (6, 1, 4, 3, 2),
        (7, 1, 4, 3, 2),
        (12, 32, None, 6, 2),
    ],
)
def test_use_of_threads(threads: int, batch: int, most: int | None, runs: int, each: int) -> None:
    assert SideBySide.of(threads, batch, most) == SideBySide(runs, each)


@pytest.mark.parametrize(
    ("threads", "batch"), [(1, 8), (2, 8), (4, 8), (5, 4), (8, 4), (10, 2), (16, 2), (32, 1), (128, 1)]
)
def test_default_batch(threads: int, batch: int) -> None:
    assert default_batch(threads) == batch


@pytest.mark.parametrize("runs", [1, 2, 3, 9])
@pytest.mark.parametrize(("count", "batch"), [(0, 4), (1, 4), (9, 4), (40, 3)])
def test_each_row_is_given_once(count: int, batch: int, runs: int) -> None:
    pixels = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    found, latencies = np.full(count, -1), list[float]()

    def infer(start: int, meant: int, part: Pixels) -> None:
        assert (found[start : start + meant] == -1).all()
        found[start : start + meant] = part[:meant, 0, 0, 0]

    each_batch(infer, pixels, batch, fixed=True, runs=runs, latencies=latencies)
    np.testing.assert_array_equal(found, pixels[:, 0, 0, 0])
    assert len(latencies) == -(-count // batch)


def test_so_many_run_at_the_same_time() -> None:
    before = set(threading.enumerate())
    together = threading.Barrier(3)  # passes only while three wait

    def infer(*_: Any) -> None:
        together.wait(timeout=60)

    each_batch(infer, np.zeros((6, 1, 1, 3), np.uint8), 1, fixed=False, runs=3)
    assert not together.broken
    assert {thread for thread in threading.enumerate() if thread.name == "batch"} <= before


def test_the_first_error_ends_it() -> None:
    begun = list[int]()

    def infer(start: int, *_: Any) -> None:
        begun.append(start)
        if start == 1:
            raise ValueError("the second one")

    with pytest.raises(ValueError, match="the second one"):
        each_batch(infer, np.zeros((100, 1, 1, 3), np.uint8), 1, fixed=False, runs=1)
    assert begun == [0, 1]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("by_the_caller", [False, True])
def test_no_new_batch_starts_after_an_error_and_those_that_started_end(
    kind: type[BaseException], by_the_caller: bool
) -> None:
    begun, ended, failed = list[int](), list[int](), threading.Event()
    caller = threading.current_thread()

    def infer(start: int, *_: Any) -> None:
        begun.append(start)
        if (threading.current_thread() is caller) == by_the_caller and not failed.is_set():
            failed.set()
            raise kind
        failed.wait(60)
        time.sleep(0.01)
        ended.append(start)

    with pytest.raises(kind):
        each_batch(infer, np.zeros((100, 1, 1, 3), np.uint8), 1, fixed=False, runs=3)
    assert len(begun) < 50
    assert len(ended) == len(begun) - 1


def test_without_threads_the_calling_one_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    found = list[int]()
    each_batch(lambda start, *_: found.append(start), np.zeros((5, 1, 1, 3), np.uint8), 1, fixed=False, runs=4)
    assert found == [0, 1, 2, 3, 4]
