from __future__ import annotations

import hashlib
import threading
from collections import Counter

import numpy as np
import pytest

from harness.config import Preprocess
from harness.errors import DatasetError
from harness.feeding.decode import Decoder, pixels_of_first
from tests.engine.conftest import SIDE, Memory, picture

PREPROCESS = Preprocess(size=SIDE, crop_fraction=1.0)
SHARDS = [(0, range(20)), (1, range(20, 40)), (2, range(40, 50))]


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_shards_come_in_order_and_every_image_is_read_once(threads: int, ahead: int) -> None:
    memory = Memory(range(100, 150))
    with Decoder(memory.set(), PREPROCESS, threads=threads, ahead=ahead) as decoder:
        found = list(decoder.shards(SHARDS))
    assert [(each.index, each.rows) for each in found] == SHARDS
    values = np.concatenate([each.pixels for each in found])
    np.testing.assert_array_equal(values, np.arange(100, 150)[:, None, None, None] + np.zeros((50, SIDE, SIDE, 3)))
    assert memory.reads == Counter(range(50))
    digests = [digest for each in found for digest in each.image_digests]
    assert digests == [hashlib.sha256(picture(value)).digest() for value in range(100, 150)]
    assert [mark for each in found for mark in each.signatures] == [f"signature {row}" for row in range(50)]


def test_only_what_is_wanted_is_read() -> None:
    memory = Memory(range(50))
    with Decoder(memory.set(), PREPROCESS, threads=2) as decoder:
        assert [each.index for each in decoder.shards(SHARDS[1:2])] == [1]
    assert set(memory.reads) == set(range(20, 40))


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_than_so_many_shards_are_ahead(ahead: int) -> None:
    memory = Memory([7] * 20 * 8)
    wanted = [(index, range(20 * index, 20 * index + 20)) for index in range(8)]
    with Decoder(memory.set(), PREPROCESS, threads=2, ahead=ahead) as decoder:
        for taken, _ in enumerate(decoder.shards(wanted), start=1):
            assert max(memory.reads) < 20 * (taken + ahead)


def test_leaving_early_stops_reading() -> None:
    gate = threading.Event()
    memory = Memory([7] * 2000)

    def wait(row: int) -> None:
        if row >= 20:
            gate.wait(20)

    memory.before_read = wait
    with Decoder(memory.set(), PREPROCESS, threads=1, ahead=50) as decoder:
        stream = decoder.shards([(index, range(20 * index, 20 * index + 20)) for index in range(100)])
        next(stream)
        threading.Timer(0.05, gate.set).start()
    assert len(memory.reads) < 100


def test_bad_images_are_named_with_their_reason() -> None:
    memory = Memory(range(50), {3: b"", 21: b"words", 22: PermissionError(13, "Permission denied"), 49: OSError("odd")})
    with Decoder(memory.set(), PREPROCESS, threads=2) as decoder:
        found = list(decoder.shards(SHARDS))
    assert found[0].bad == {3: "empty file"}
    assert set(found[1].bad) == {21, 22}
    assert found[1].bad[21].startswith("not an image")
    assert found[1].bad[22].endswith(": Permission denied")
    assert set(found[2].bad) == {49}
    assert found[2].bad[49].endswith(": odd")
    assert np.flatnonzero(~found[1].good).tolist() == [1, 2]
    assert not found[1].pixels[1:3].any()
    assert found[1].image_digests[1] == hashlib.sha256(b"words").digest()
    assert found[1].image_digests[2] == b""
    assert found[1].good.sum() == 18


def test_a_bug_in_a_thread_is_not_swallowed() -> None:
    def fail(row: int) -> None:
        if row == 30:
            raise RuntimeError("a bug")

    memory = Memory(range(50), before_read=fail)
    with Decoder(memory.set(), PREPROCESS, threads=2) as decoder, pytest.raises(RuntimeError, match="a bug"):
        list(decoder.shards(SHARDS))


def test_the_first_images_come_as_one_array() -> None:
    memory = Memory([*range(200)] * 2)
    pixels = pixels_of_first(memory.set(), PREPROCESS, 300, "this test")
    expected = np.array([*range(200), *range(100)])[:, None, None, None] + np.zeros((300, SIDE, SIDE, 3))
    np.testing.assert_array_equal(pixels, expected)
    assert set(memory.reads) == set(range(300))


def test_a_bad_image_among_the_first_is_named_with_what_needs_it() -> None:
    memory = Memory(range(10), {4: b"words"})
    with pytest.raises(DatasetError, match=r"image-4: not an image.*; this test needs images that can be decoded"):
        pixels_of_first(memory.set(), PREPROCESS, 10, "this test")
