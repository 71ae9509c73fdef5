"""Pixels that are kept: bit by bit those of a run without a store, and taken only where they are of these images."""

from __future__ import annotations

import dataclasses
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from harness.config import Preprocess
from harness.feeding.decode import Decoded, Decoder
from harness.feeding.pixel_store import PixelStore
from tests.engine.conftest import SIDE, Memory

PLAIN = Preprocess(size=SIDE, crop_fraction=1.0)
FLOATING = Preprocess.model_validate(
    {"steps": [{"resize": {"size": SIDE}}, {"normalize": {"mean": 127.5, "scale": 127.5}}]}
)
SHARDS = [(0, range(20)), (1, range(20, 40)), (2, range(40, 50))]


def decoded(
    memory: Memory,
    folder: Path | None,
    *preprocesses: Preprocess,
    wanted: Sequence[tuple[int, range]] = SHARDS,
    key: str = "key",
    max_bytes: int = 10**9,
) -> tuple[list[Decoded], int]:
    """Return what is decoded, and how many images were taken from the store."""
    store = PixelStore(folder, key, max_bytes) if folder else None
    with Decoder(memory.set(), *(preprocesses or (PLAIN,)), threads=2, store=store) as decoder:
        found = list(decoder.shards(wanted))
    if store is None:
        return found, 0
    store.close()
    return found, store.taken


def assert_equal(one: Sequence[Decoded], other: Sequence[Decoded]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.index, a.rows, a.image_digests, a.signatures, a.bad) == (
            b.index,
            b.rows,
            b.image_digests,
            b.signatures,
            b.bad,
        )
        assert list(a.tensors) == list(b.tensors)
        for key in a.tensors:
            assert a.tensors[key].dtype == b.tensors[key].dtype
            np.testing.assert_array_equal(a.tensors[key], b.tensors[key])


@pytest.mark.parametrize("preprocesses", [(PLAIN,), (FLOATING,), (PLAIN, FLOATING)])
def test_another_run_decodes_nothing_and_gets_the_same(tmp_path: Path, preprocesses: tuple[Preprocess, ...]) -> None:
    memory = Memory(range(100, 150), bad={3: b"no picture"})
    alone, _ = decoded(memory, None, *preprocesses)
    first, taken = decoded(memory, tmp_path / "pixels", *preprocesses)
    assert_equal(first, alone)
    assert taken == 0
    memory.reads.clear()
    second, taken = decoded(memory, tmp_path / "pixels", *preprocesses)
    assert_equal(second, alone)
    assert (taken, memory.reads) == (50, Counter())


def test_a_run_of_fewer_images_takes_the_beginning(tmp_path: Path) -> None:
    memory = Memory(range(100, 150), bad={3: b"no picture"})
    decoded(memory, tmp_path)
    fewer = [(0, range(12))]
    memory.reads.clear()
    found, taken = decoded(memory, tmp_path, wanted=fewer)
    assert (taken, memory.reads) == (12, Counter())
    assert_equal(found, decoded(memory, None, wanted=fewer)[0])


def test_a_run_of_more_images_decodes_the_shard_and_keeps_it(tmp_path: Path) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path, wanted=[(0, range(12))])
    found, taken = decoded(memory, tmp_path)
    assert taken == 0
    assert_equal(found, decoded(memory, None)[0])
    assert decoded(memory, tmp_path)[1] == 50


def test_a_changed_image_is_decoded_again(tmp_path: Path) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path)
    memory.values = [*range(100, 125), 7, *range(126, 150)]
    images = dataclasses.replace(memory.set(), signature=lambda row: f"signature {row}{'!' if row == 25 else ''}")
    store = PixelStore(tmp_path, "key", 10**9)
    with Decoder(images, PLAIN, threads=2, store=store) as decoder:
        found = list(decoder.shards(SHARDS))
    store.close()
    assert store.taken == 30  # the two other shards
    assert found[1].pixels[5].max() == 7


def test_an_image_that_is_missing_is_looked_for_again(tmp_path: Path) -> None:
    memory = Memory(range(100, 150), bad={30: FileNotFoundError()})
    first, _ = decoded(memory, tmp_path)
    assert first[1].bad == {30: "missing"}
    memory.bad.clear()
    assert decoded(memory, tmp_path)[0][1].bad == {}


@pytest.mark.parametrize("other", ["key", "preprocess", "size"])
def test_another_key_shares_nothing(tmp_path: Path, other: str) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path)
    preprocess = Preprocess(size=SIDE + 1, crop_fraction=1.0) if other == "size" else FLOATING
    if other == "key":
        found, taken = decoded(memory, tmp_path, key="another")
        preprocess = PLAIN
    else:  # the caller's key says so as well; without that, the shape does
        found, taken = decoded(memory, tmp_path, preprocess)
    assert taken == 0
    assert_equal(found, decoded(memory, None, preprocess)[0])


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "folder"])
def test_a_damaged_file_is_decoded_again(tmp_path: Path, damage: str) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path)
    for file in tmp_path.glob("*.pixels"):
        data = file.read_bytes()
        file.unlink()
        if damage == "folder":
            file.mkdir()
            continue
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        file.write_bytes({"cut": data[:-9], "flip": flipped, "empty": b""}[damage])
    found, taken = decoded(memory, tmp_path)
    assert taken == 0
    assert_equal(found, decoded(memory, None)[0])


def test_no_more_than_the_limit_is_written(tmp_path: Path) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path, max_bytes=20 * SIDE * SIDE * 3)
    assert len(list(tmp_path.glob("*.pixels"))) == 1
    found, taken = decoded(memory, tmp_path)
    assert taken == 20
    assert_equal(found, decoded(memory, None)[0])


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    memory = Memory(range(100, 150))
    decoded(memory, tmp_path / "pixels")
    (tmp_path / "pixels").chmod(0o777)
    assert decoded(memory, tmp_path / "pixels")[1] == 0


def test_a_store_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(range(100, 150))
    assert_equal(decoded(memory, tmp_path / "file" / "x")[0], decoded(memory, None)[0])


def test_several_writers_keep_the_limit_together(tmp_path: Path) -> None:
    """Each counts on every other one writing a shard meanwhile."""
    memory = Memory(range(100, 150))
    shard = 20 * SIDE * SIDE * 3
    for place in ("alone", "together"):
        store = PixelStore(tmp_path / place, "key", int(1.5 * shard), writers=1 if place == "alone" else 2)
        with Decoder(memory.set(), PLAIN, threads=2, store=store) as decoder:
            list(decoder.shards(SHARDS[:1]))
        store.close()
    assert len(list((tmp_path / "alone").glob("*.pixels"))) == 1
    assert not list((tmp_path / "together").glob("*.pixels"))


def test_another_process_uses_the_same_folder_and_no_other(tmp_path: Path) -> None:
    store = PixelStore(tmp_path / "here", "key", 10**9)
    shared = store.shared(writers=2)
    assert shared is not None
    elsewhere = pickle.loads(pickle.dumps(shared)).open()
    assert (elsewhere.folder, elsewhere.key, elsewhere.max_bytes, elsewhere.writers) == (store.folder, "key", 10**9, 2)
    (tmp_path / "here").rename(tmp_path / "there")
    assert shared.open() is None  # a node that does not see it
    (tmp_path / "here").mkdir()
    assert shared.open() is None  # a node that has another folder at this path
    (tmp_path / "here").chmod(0o777)
    assert store.shared(writers=2) is None
