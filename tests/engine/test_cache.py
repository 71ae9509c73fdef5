from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import Loaded
from harness.disk.atomic import replacing
from harness.disk.keyed_rows import read_keyed_rows, write_keyed_rows
from harness.disk.lock import in_use
from harness.engine.cache import ProbabilityCache, touch, trim
from harness.engine.cache_archive import export_cache, import_cache

LOADED = Loaded("tensorflow 2", "CPU", "a CPU", "f32", "ab" * 32, {"batch": 32, "odd": None}, ("one", "two"))
DIGESTS = tuple(bytes([number]) * 32 for number in range(4))
NUMBERS = np.random.default_rng(0).random((4, 5), np.float32)
PROBABILITIES = (NUMBERS / NUMBERS.sum(axis=1, keepdims=True)).astype(np.float32)


def test_read_back_bit_by_bit(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path / "deep" / "er", {"k": 1})
    assert not cache.has_any()
    assert cache.get(DIGESTS, 5) is None
    cache.put(DIGESTS, NUMBERS, LOADED)
    entry = cache.get(DIGESTS, 5)
    assert entry is not None
    assert entry.probabilities.dtype == np.float32
    np.testing.assert_array_equal(entry.probabilities, NUMBERS)
    assert entry.loaded == LOADED
    assert cache.has_any()


def many(count: int) -> tuple[tuple[bytes, ...], NDArray[np.float32]]:
    """Return digests of ``count`` images, and numbers of which each row begins with its own place."""
    numbers = np.random.default_rng(1).random((count, 5), np.float32)
    numbers[:, 0] = np.arange(count)
    return tuple(hashlib.sha256(bytes([row])).digest() for row in range(count)), numbers


def test_an_image_is_found_in_whatever_order_and_company_it_comes(tmp_path: Path) -> None:
    """Put in shards of 30, 30 and 20; asked for in random orders, by the cache that wrote them and by another."""
    digests, numbers = many(80)
    cache = ProbabilityCache(tmp_path, {"k": 1})
    for start in (0, 30, 60):
        cache.put(digests[start : start + 30], numbers[start : start + 30], LOADED)
    generator = np.random.default_rng(2)
    for asked_of in (cache, ProbabilityCache(tmp_path, {"k": 1})):
        for count in (1, 7, 80):
            rows = generator.permutation(80)[:count]
            entry = asked_of.get(tuple(digests[row] for row in rows), 5)
            assert entry is not None
            assert entry.known.all()
            np.testing.assert_array_equal(entry.probabilities, numbers[rows])
    assert len(list(tmp_path.rglob("*.rows"))) == 3


def test_what_is_not_known_is_said_and_the_rest_is_given(tmp_path: Path) -> None:
    digests, numbers = many(9)
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(digests[:4], numbers[:4], LOADED)
    entry = cache.get(digests[::-1], 5)
    assert entry is not None
    assert entry.known.tolist() == [False] * 5 + [True] * 4
    np.testing.assert_array_equal(entry.probabilities[5:], numbers[3::-1])
    assert cache.get(digests[4:], 5) is None


def test_an_image_that_stands_there_twice(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put((DIGESTS[0], DIGESTS[1], DIGESTS[0]), NUMBERS[[0, 1, 0]], LOADED)
    entry = cache.get((DIGESTS[1], DIGESTS[0], DIGESTS[0], DIGESTS[1]), 5)
    assert entry is not None
    np.testing.assert_array_equal(entry.probabilities, NUMBERS[[1, 0, 0, 1]])


def test_another_model_has_other_entries(tmp_path: Path) -> None:
    ProbabilityCache(tmp_path, {"k": 1}).put(DIGESTS, NUMBERS, LOADED)
    assert ProbabilityCache(tmp_path, {"k": 2}).get(DIGESTS, 5) is None


def test_what_another_process_wrote_meanwhile_is_found(tmp_path: Path) -> None:
    cache, other = (ProbabilityCache(tmp_path, {"k": 1}) for _ in range(2))
    assert cache.get(DIGESTS, 5) is None
    other.put(DIGESTS[:2], NUMBERS[:2], LOADED)
    os.utime(other.folder, ns=(1, 1))  # however coarse the clock of the file system is
    assert (found := cache.get(DIGESTS, 5)) is not None
    assert found.known.tolist() == [True, True, False, False]
    for path in other.folder.iterdir():
        path.unlink()
    assert cache.get(DIGESTS, 5) is None


def test_many_threads_ask_and_write(tmp_path: Path) -> None:
    digests, numbers = many(200)
    cache = ProbabilityCache(tmp_path, {"k": 1})

    def ask(start: int) -> bool:
        rows = slice(start, start + 10)
        cache.put(digests[rows], numbers[rows], LOADED)
        found = cache.get(digests[rows], 5)
        return found is not None and bool(found.known.all()) and np.array_equal(found.probabilities, numbers[rows])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(0, 200, 10)))


@pytest.mark.parametrize("outputs", [1, 2, 4, 10, 20])
def test_another_width_is_not_cut_to_fit(tmp_path: Path, outputs: int) -> None:
    """20 numbers are 4 x 5, and 2 x 10 too: only the width that was written counts."""
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, outputs) is None


def test_no_image_needs_no_entry(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    assert cache.get((), 5) is None
    cache.put((), NUMBERS[:0], LOADED)
    assert not cache.has_any()
    cache.put(DIGESTS, NUMBERS, LOADED)
    entry = cache.get((), 5)
    assert entry is not None
    assert (entry.probabilities.shape, entry.loaded) == ((0, 5), LOADED)


def test_a_damaged_file_is_not_believed_and_makes_room_for_a_sound_one(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    (path,) = tmp_path.glob("*/*.rows")
    data = path.read_bytes()
    for place in range(0, len(data), 23):
        damaged = bytearray(data)
        damaged[place] ^= 1
        for written in (bytes(damaged), data[:place], data + b"x"):
            path.write_bytes(written)
            path.chmod(0o600)
            assert ProbabilityCache(tmp_path, {"k": 1}).get(DIGESTS, 5) is None
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, 5) is not None


def test_rows_that_are_damaged_after_the_index_was_read(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, 5) is not None
    (path,) = tmp_path.glob("*/*.rows")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert cache.get(DIGESTS[3:], 5) is None
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = ProbabilityCache(tmp_path / "file" / "below", {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, 5) is None
    assert not cache.has_any()
    assert trim(tmp_path / "file" / "below", 0) == 0


def file(path: Path, size: int, age: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1000 - age, 1000 - age))
    return path


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    old = file(tmp_path / "probabilities/a/1.rows", 100, age=50)
    new = file(tmp_path / "probabilities/b/1.rows", 100, age=1)
    middle = file(tmp_path / "compiled/c/1.blob", 100, age=20)
    assert trim(tmp_path, 300) == 300
    assert trim(tmp_path, 299) == 200
    assert (old.exists(), middle.exists(), new.exists()) == (False, True, True)
    assert not old.parent.exists()
    assert trim(tmp_path, 150) == 100
    assert (middle.exists(), new.exists()) == (False, True)


def test_models_that_were_delivered_to_a_node_go_as_a_whole_and_not_while_they_are_used(tmp_path: Path) -> None:
    rows = file(tmp_path / "probabilities/a/1.rows", 100, age=20)
    for name, age in (("old", 50), ("used", 60)):
        for part in ("x.xml", "below/x.bin"):
            file(tmp_path / "models" / name / part, 50, age)
        os.utime(tmp_path / "models" / name, (1000 - age,) * 2)
    with in_use(tmp_path / "models" / "used"):
        assert trim(tmp_path, 250) == 200
        assert not (tmp_path / "models" / "old").exists()
        assert trim(tmp_path, 50) == 100
    assert not rows.exists()
    assert len(list((tmp_path / "models" / "used").rglob("x.*"))) == 2
    assert trim(tmp_path, 50) == 0


def test_entries_of_an_older_version_go_first_and_for_good_after_a_week(tmp_path: Path) -> None:
    by_shard = [file(tmp_path / f"probabilities/a/{number}.table", 100, age=0) for number in range(2)]
    rows = file(tmp_path / "probabilities/b/1.rows", 100, age=50)
    for path, days in zip(by_shard, (6, 8), strict=True):
        os.utime(path, (time.time() - days * 24 * 3600,) * 2)
    assert trim(tmp_path, 1000) == 200
    assert [path.exists() for path in (*by_shard, rows)] == [True, False, True]
    assert trim(tmp_path, 100) == 100
    assert not by_shard[0].parent.exists()
    assert rows.exists()


def test_a_read_counts_as_a_use(tmp_path: Path) -> None:
    folder = tmp_path / "probabilities"
    one, two = ProbabilityCache(folder, {"k": 1}), ProbabilityCache(folder, {"k": 2})
    for cache in (one, two):
        cache.put(DIGESTS, NUMBERS, LOADED)
        (path,) = cache.folder.glob("*.rows")
        os.utime(path, (1000, 1000))
    assert one.get(DIGESTS, 5) is not None
    size = next(one.folder.glob("*.rows")).stat().st_size
    trim(tmp_path, size)
    assert (one.has_any(), two.has_any()) == (True, False)


def test_what_another_processor_computed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engine.cache.cpu_name", lambda: "the other one")
    ProbabilityCache(tmp_path, {"k": 1}).put(DIGESTS, NUMBERS, LOADED)
    monkeypatch.undo()
    entry = ProbabilityCache(tmp_path, {"k": 1}).get(DIGESTS, 5)
    assert entry is not None
    assert entry.loaded.warnings[:2] == LOADED.warnings
    assert "computed on the other one, a processor of the same family" in entry.loaded.warnings[2]


def rewritten(path: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
    """Put other numbers into a file of the cache, with right checksums, and keep what it notes."""
    rows = read_keyed_rows(path)
    assert rows is not None
    numbers = rows.read(range(len(rows.keys)))
    assert numbers is not None
    write_keyed_rows(path, rows.keys, change(numbers), json.loads(rows.notes))


CHANGES: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "negative": np.negative,
    "sums of 2": lambda rows: rows * np.float32(2),
    "sums of 0.9": lambda rows: rows * np.float32(0.9),
    "zeros": np.zeros_like,
    "logits": np.log,
    "huge": lambda rows: np.full_like(rows, 3e38),
    "nan": lambda rows: np.full_like(rows, np.nan),
    "infinite": lambda rows: np.full_like(rows, np.inf),
    "one row of other sum": lambda rows: rows * np.array([[1], [1], [1.01], [1]], np.float32),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("imported", [True, False])
def test_numbers_out_of_the_range_that_was_written_are_computed_again(
    change: str, imported: bool, tmp_path: Path
) -> None:
    """Probabilities, whose sums are 1: a change of them and their checksums does not fit what is noted."""
    cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
    cache.put(DIGESTS, PROBABILITIES, LOADED)
    (path,) = cache.folder.glob("*.rows")
    rewritten(path, CHANGES[change])
    if imported:
        export_cache(tmp_path, tmp_path / "cache.tar", 10**9)
        assert import_cache(tmp_path / "there", tmp_path / "cache.tar", 10**9).left_out == 1
    found = ProbabilityCache(tmp_path / "probabilities", {"k": 1}).get(DIGESTS, 5)
    assert found is None or not found.known.any()
    assert not path.exists()


@pytest.mark.parametrize("scale", [1, 1000, -1000])
def test_every_part_of_what_was_written_is_within_its_range(scale: int, tmp_path: Path) -> None:
    """Logits, too, of any size: a sum may differ by its rounding, which the values decide."""
    digests = many(200)[0]
    numbers = (scale * np.random.default_rng(4).normal(size=(200, 1001))).astype(np.float32)
    cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
    cache.put(digests, numbers, LOADED)
    for rows in (slice(0, 1), slice(7, 100), slice(None)):
        found = cache.get(digests[rows], 1001)
        assert found is not None
        np.testing.assert_array_equal(found.probabilities, numbers[rows])


def test_rows_that_are_not_finite_cost_no_others(tmp_path: Path) -> None:
    numbers = PROBABILITIES.copy()
    numbers[1] = np.nan
    cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
    cache.put(DIGESTS, numbers, LOADED)
    found = cache.get((DIGESTS[0], DIGESTS[2]), 5)
    assert found is not None
    assert found.known.all()


@pytest.mark.parametrize("noted", [None, [], [0.0, 1.0, 1.0], ["0", "1", "1", "1"], {"0": 1}, [0, 1, 1, 1]])
def test_a_range_that_is_none_is_not_believed(noted: object, tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
    cache.put(DIGESTS, PROBABILITIES, LOADED)
    (path,) = cache.folder.glob("*.rows")
    rows = read_keyed_rows(path)
    assert rows is not None
    write_keyed_rows(path, rows.keys, PROBABILITIES, {**json.loads(rows.notes), "range": noted})
    assert ProbabilityCache(tmp_path / "probabilities", {"k": 1}).get(DIGESTS, 5) is None


@pytest.mark.parametrize("imported", [True, False])
def test_an_entry_of_another_model_is_not_taken(imported: bool, tmp_path: Path) -> None:
    """It was moved or renamed; of the same images and as wide, so that nothing else in it tells."""
    one, two = (ProbabilityCache(tmp_path / "probabilities", {"k": number}) for number in (1, 2))
    one.put(DIGESTS, PROBABILITIES, LOADED)
    (path,) = one.folder.glob("*.rows")
    two.folder.mkdir(mode=0o700)
    path.rename(two.folder / path.name)
    if imported:
        assert export_cache(tmp_path, tmp_path / "cache.tar", 10**9).files == 1
        assert import_cache(tmp_path / "there", tmp_path / "cache.tar", 10**9).left_out == 1
    assert two.get(DIGESTS, 5) is None


def test_a_pipe_in_the_place_of_an_entry_is_not_waited_for(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
    cache.put(DIGESTS, PROBABILITIES, LOADED)
    (path,) = cache.folder.glob("*.rows")
    path.unlink()
    os.mkfifo(path)
    assert ProbabilityCache(tmp_path / "probabilities", {"k": 1}).get(DIGESTS, 5) is None
    assert export_cache(tmp_path, tmp_path / "cache.tar", 10**9).left_out == 1


@pytest.mark.parametrize("mode", [0o775, 0o777])
def test_a_cache_in_a_folder_that_others_may_write_to_is_not_used(mode: int, tmp_path: Path) -> None:
    """They can rename what is in it, and put something else there."""
    folder = tmp_path / "cache"
    ProbabilityCache(folder / "probabilities", {"k": 1}).put(DIGESTS, NUMBERS, LOADED)
    cache = ProbabilityCache(folder / "probabilities", {"k": 1})
    folder.chmod(mode)
    assert not cache.has_any()
    assert cache.get(DIGESTS, 5) is None
    cache.put(DIGESTS[:1], NUMBERS[:1], LOADED)
    assert len(list(cache.folder.iterdir())) == 1
    folder.chmod(0o1777)
    assert cache.get(DIGESTS, 5) is not None
    folder.chmod(0o700)
    assert cache.has_any()


def test_compiled_models_are_touched(tmp_path: Path) -> None:
    path = file(tmp_path / "1.blob", 10, age=0)
    touch(tmp_path)
    assert path.stat().st_mtime > 10_000
    touch(tmp_path / "nowhere")


def test_nothing_but_the_caches_own_files_is_deleted(tmp_path: Path) -> None:
    others = [file(tmp_path / name, 100, age=99) for name in ("a/b/photo.jpg", "notes", "probabilities/readme",
                                                              "compiled/x/y/z")]  # fmt: skip
    torn = file(tmp_path / "probabilities/a/.1.table.x.tmp", 100, age=99)
    trim(tmp_path, 0)
    assert all(path.exists() for path in others)
    assert not torn.exists()


def test_what_killed_writes_left_goes_though_there_is_room(tmp_path: Path) -> None:
    left = file(tmp_path / "probabilities/a/.1.rows.abcdefgh.tmp", 100, age=99)
    kept = file(tmp_path / "probabilities/a/1.rows", 100, age=99)
    in_work = tmp_path / "probabilities/a/2.rows"
    with replacing(in_work) as stream:
        stream.write(b"x")
        trim(tmp_path, 10**6)
    assert (left.exists(), kept.exists(), in_work.read_bytes()) == (False, True, b"x")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_not_kept_as_an_answer(tmp_path: Path, value: float) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    numbers = NUMBERS.copy()
    numbers[2, 3] = value
    cache.put(DIGESTS, numbers, LOADED)
    assert cache.get(DIGESTS, 5) is None


@pytest.mark.parametrize("place", ["", "folder", "entry"])
def test_what_others_may_write_to_is_not_used(tmp_path: Path, place: str) -> None:
    root = tmp_path / "probabilities"
    cache = ProbabilityCache(root, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    (entry,) = root.glob("*/*.rows")
    chosen = {"": root, "folder": entry.parent, "entry": entry}[place]
    before = chosen.stat().st_mode
    chosen.chmod(0o777)
    assert cache.get(DIGESTS, 5) is None
    assert cache.has_any() == (place == "entry")
    chosen.chmod(before)
    assert cache.get(DIGESTS, 5) is not None


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_entries_are_for_this_user_alone_whatever_the_umask(
    tmp_path: Path, mask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With umask 002 the entries were written with a mode that reading refuses, so that the cache never answered."""
    monkeypatch.setattr("harness.disk.atomic._UMASK", mask)
    before = os.umask(mask)
    try:
        cache = ProbabilityCache(tmp_path / "probabilities", {"k": 1})
        cache.put(DIGESTS, NUMBERS, LOADED)
        assert cache.get(DIGESTS, 5) is not None
    finally:
        os.umask(before)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "probabilities").rglob("*")}
    assert modes == {True: 0o700, False: 0o600}


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_an_entry_that_others_could_write_to_is_replaced(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    (path,) = tmp_path.glob("*/*.rows")
    path.chmod(0o664)
    assert cache.get(DIGESTS, 5) is None
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, 5) is not None
