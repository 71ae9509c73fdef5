"""Digests against hashlib, and whether a file is still the one that was digested."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from harness.errors import ModelError
from harness.machine.digests import contains, digested, file_sha256


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"second")
    return tmp_path / "a", tmp_path / "b"


def test_the_digest_is_over_all_bytes_and_over_each_file(two: tuple[Path, Path]) -> None:
    together, each, count = digested(*two)
    assert together.sha256 == file_sha256(*two) == hashlib.sha256(b"firstsecond").hexdigest()
    assert each == tuple(hashlib.sha256(data).hexdigest() for data in (b"first", b"second"))
    assert count == 11


def test_an_untouched_file_is_not_even_read(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    together, _, _ = digested(*two)
    monkeypatch.setattr(Path, "open", None)
    assert together.replaced() is None


def test_touching_is_no_replacement(two: tuple[Path, Path]) -> None:
    together, _, _ = digested(*two)
    os.utime(two[0], ns=(1, 1))
    assert together.replaced() is None


def test_a_file_that_was_another_one_for_a_while_is_noticed(two: tuple[Path, Path]) -> None:
    together, _, _ = digested(*two)
    before = together.now()
    assert together.touched_since(before) is None
    two[1].write_bytes(b"SECOND")
    two[1].write_bytes(b"second")
    assert together.replaced() is None
    assert together.touched_since(before) == two[1]


def test_a_change_of_the_same_size_at_the_same_time_is_noticed(two: tuple[Path, Path]) -> None:
    together, _, _ = digested(*two)
    before = two[1].stat()
    two[1].write_bytes(b"SECOND")
    os.utime(two[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert together.replaced() == two[1]


def test_a_file_that_is_gone_is_noticed(two: tuple[Path, Path]) -> None:
    together, _, _ = digested(*two)
    two[0].unlink()
    assert together.replaced() == two[0]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing: cannot be read"):
        digested(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["m.pb", "m.weights"])
@pytest.mark.parametrize("before", [0, 100, (1 << 20) - 3, 1 << 20])
def test_what_a_file_contains(tmp_path: Path, name: str, before: int) -> None:
    """Also across two blocks, and the same whether the file was digested before or not."""
    path = tmp_path / name
    path.write_bytes(bytes(before) + b"While" + bytes(100))
    assert contains(path, b"NextIteration", b"While")
    file_sha256(path)
    assert contains(path, b"NextIteration", b"While")
    assert not contains(path, b"NextIteration")
    assert not contains(path, b"Whiles", b"Loop")
    path.write_bytes(bytes(before) + b"Whale, NextIteration")
    assert not contains(path, b"While")
    assert contains(path, b"NextIteration", b"While")


def test_a_file_that_cannot_be_read_contains_nothing(tmp_path: Path) -> None:
    assert not contains(tmp_path / "absent.pb", b"While")
    assert not contains(tmp_path, b"While")
