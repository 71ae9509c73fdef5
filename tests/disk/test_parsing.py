from __future__ import annotations

import struct
import zlib
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.disk.parsing import parsing
from harness.errors import ConfigError, DatasetError, ModelError


@pytest.mark.parametrize(
    "error",
    [
        IndexError("list index out of range"),
        KeyError(3),
        struct.error("x"),
        zlib.error("x"),
        UnicodeError("\x1b[2J"),
        OSError("x"),
    ],
)
def test_whatever_a_library_raises_is_one_refusal(error: Exception) -> None:
    with pytest.raises(DatasetError, match=r"^a\.x: damaged: .*; fetch it again$") as caught, _block("a.x", "damaged"):
        raise error
    assert str(caught.value).isprintable()


def test_an_error_without_words_is_named_by_its_type() -> None:
    with (
        pytest.raises(DatasetError, match=r"^a\.x: damaged: AssertionError; fetch it again$"),
        _block("a.x", "damaged"),
    ):
        raise AssertionError


def test_what_the_system_says_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with (
        pytest.raises(DatasetError, match=r"x: cannot be read: No such file or directory$"),
        _block(str(path), "damaged"),
    ):
        path.open()


def test_our_own_errors_pass_as_they_are() -> None:
    with pytest.raises(ConfigError, match=r"^ours$"), _block("a.x", "damaged"):
        raise ConfigError("ours")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_and_so_do_no_memory_and_an_interrupt(error: type[BaseException]) -> None:
    with pytest.raises(error), _block("a.x", "damaged"):
        raise error


def test_the_reason_is_the_one_that_is_found_in_the_message() -> None:
    with (
        pytest.raises(ModelError, match=r"^a: cannot be read: second; again$"),
        parsing("a", ModelError, "again", say=lambda error: str(error).split("\n")[1]),
    ):
        raise ValueError("first\nsecond")


def _block(path: str, what: str) -> AbstractContextManager[None]:
    return parsing(path, DatasetError, "fetch it again", what=what)
