from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from harness.backends.base import Loaded
from harness.engine.cache import ProbabilityCache, touch, trim

LOADED = Loaded("tensorflow 2", "CPU", "a CPU", "f32", "ab" * 32, {"batch": 32, "odd": None}, ("one", "two"))
DIGESTS = tuple(bytes([number]) * 32 for number in range(4))
NUMBERS = np.random.default_rng(0).random((4, 5), np.float32)


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


def test_other_images_another_order_or_another_model(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS[::-1], 5) is None
    assert cache.get(DIGESTS[:3], 5) is None
    assert ProbabilityCache(tmp_path, {"k": 2}).get(DIGESTS, 5) is None
    assert ProbabilityCache(tmp_path, {"k": 1}).get(DIGESTS, 5) is not None


@pytest.mark.parametrize("outputs", [1, 2, 4, 10, 20])
def test_another_width_is_not_cut_to_fit(tmp_path: Path, outputs: int) -> None:
    """20 numbers are 4 x 5, and 2 x 10 too: only the width that was written counts."""
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, outputs) is None


def test_no_image_is_an_entry_too(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put((), NUMBERS[:0], LOADED)
    entry = cache.get((), 5)
    assert entry is None or entry.probabilities.shape == (0, 5)


def test_a_damaged_entry_is_none(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path, {"k": 1})
    cache.put(DIGESTS, NUMBERS, LOADED)
    (path,) = tmp_path.glob("*/*.table")
    data = path.read_bytes()
    for place in range(0, len(data), 53):
        damaged = bytearray(data)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert cache.get(DIGESTS, 5) is None
        path.write_bytes(data[:place])
        assert cache.get(DIGESTS, 5) is None
    path.write_bytes(data)
    assert cache.get(DIGESTS, 5) is not None


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
    old = file(tmp_path / "probabilities/a/1.table", 100, age=50)
    new = file(tmp_path / "probabilities/b/1.table", 100, age=1)
    middle = file(tmp_path / "compiled/c/1.blob", 100, age=20)
    assert trim(tmp_path, 300) == 300
    assert trim(tmp_path, 299) == 200
    assert (old.exists(), middle.exists(), new.exists()) == (False, True, True)
    assert not old.parent.exists()
    assert trim(tmp_path, 150) == 100
    assert (middle.exists(), new.exists()) == (False, True)


def test_a_read_counts_as_a_use(tmp_path: Path) -> None:
    folder = tmp_path / "probabilities"
    one, two = ProbabilityCache(folder, {"k": 1}), ProbabilityCache(folder, {"k": 2})
    for cache in (one, two):
        cache.put(DIGESTS, NUMBERS, LOADED)
        (path,) = cache.folder.glob("*.table")
        os.utime(path, (1000, 1000))
    assert one.get(DIGESTS, 5) is not None
    size = next(one.folder.glob("*.table")).stat().st_size
    trim(tmp_path, size)
    assert (one.has_any(), two.has_any()) == (True, False)


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
    (entry,) = root.glob("*/*.table")
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
    (path,) = tmp_path.glob("*/*.table")
    path.chmod(0o664)
    assert cache.get(DIGESTS, 5) is None
    cache.put(DIGESTS, NUMBERS, LOADED)
    assert cache.get(DIGESTS, 5) is not None
