from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.disk.beginnings import begins_with
from harness.disk.parts import Parts, PartsKind, open_parts, writing_parts
from harness.errors import DatasetError, RecordError

MAGIC = b"sixteen letters!"
KIND = PartsKind("box", MAGIC, 3, "make it again", DatasetError)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "a.box"
    with writing_parts(written, KIND) as writer:
        writer.add_json("notes", {"a": [1, "ä"]})
        writer.add_array("pixels/0", np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
        writer.add_array("numbers", np.array([1.5, -2.0], np.float32))
        writer.add_bytes("raw", b"xyz")
    return written


def by_hand(entries: Any, data: bytes = b"", *, version: int = 3, index: bytes | None = None) -> bytes:
    """Return a file as the module's docstring describes it, whatever stands in it."""
    head = MAGIC + struct.pack("<I", version)
    text = json.dumps({"parts": entries}).encode() if index is None else index
    tail = struct.pack("<Q", len(text)) + hashlib.sha256(head + text).digest() + MAGIC
    return head + data + text + tail


def entry(data: bytes, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), **more}


def test_read_back(path: Path) -> None:
    found = open_parts(path, KIND)
    assert found.json("notes") == {"a": [1, "ä"]}
    assert found.array("pixels/0", "u1", (2, 3, 4)).tolist() == np.arange(24).reshape(2, 3, 4).tolist()
    assert found.row("pixels/0", 1).tolist() == np.arange(12, 24).reshape(3, 4).tolist()
    assert found.array("numbers", "f4", (2,)).tolist() == [1.5, -2.0]
    assert found.slice("raw", 1, 2) == b"yz"
    assert [each.name for each in path.parent.iterdir()] == ["a.box"]
    assert begins_with(path, MAGIC)
    assert not begins_with(path.parent, MAGIC)


def test_written_as_described(path: Path, tmp_path: Path) -> None:
    raw = np.array([[1, 2]], np.int32).tobytes()
    (tmp_path / "b.box").write_bytes(by_hand([entry(raw, "n", dtype="i4", shape=[1, 2])], raw))
    assert open_parts(tmp_path / "b.box", KIND).array("n", "i4", (1, 2)).tolist() == [[1, 2]]
    assert open_parts(path, KIND).sha256 != open_parts(tmp_path / "b.box", KIND).sha256


def test_the_same_file_is_checked_once(path: Path) -> None:
    assert open_parts(path, KIND) is open_parts(path, KIND)


def test_every_changed_byte_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DatasetError, match="box"):
            open_parts(path, KIND)


def test_cut_off_anywhere_or_longer(path: Path) -> None:
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(DatasetError, match="make it again"):
            open_parts(path, KIND)
    path.write_bytes(data + b"x")
    with pytest.raises(DatasetError, match="written behind its end"):
        open_parts(path, KIND)


HUGE = 1 << 62


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (by_hand([], version=4), "newer harness"),
        (by_hand([], version=0), "its version is 0"),
        (by_hand([entry(b"ab"), entry(b"ab")], b"abab"), "twice"),
        (by_hand([entry(b"ab", "../up")], b"ab"), "an invalid entry"),
        (by_hand([entry(b"ab", "/etc/passwd")], b"ab"), "an invalid entry"),
        (by_hand([entry(b"ab", "n" * 201)], b"ab"), "an invalid entry"),
        (by_hand([{**entry(b"ab"), "bytes": -2}], b"ab"), "an invalid entry"),
        (by_hand([{**entry(b"ab"), "bytes": True}], b"a"), "an invalid entry"),
        (by_hand([{**entry(b"ab"), "bytes": HUGE}], b"ab"), "said to have"),
        (by_hand([{**entry(b"ab"), "bytes": 1}], b"ab"), "said to have"),
        (by_hand([entry(b"ab", dtype="u1", shape=[3])], b"ab"), "an invalid entry"),
        (
            by_hand([entry(b"", dtype="u1", shape=[0, HUGE]), entry(b"ab", dtype="O", shape=[2])], b"ab"),
            "an invalid entry",
        ),
        (by_hand([entry(b"ab", dtype="u1", shape=[-1, -2])], b"ab"), "an invalid entry"),
        (by_hand([entry(b"ab", shape=[2])], b"ab"), "an invalid entry"),
        (by_hand([entry(b"ab", dtype="u1", shape=[1, 1, 1, 1, 2])], b"ab"), "an invalid entry"),
        (by_hand([{**entry(b"ab"), "sha256": "0" * 64}], b"ab"), "was changed or damaged"),
        (by_hand([None]), "an invalid entry"),
        (by_hand({}), "lists no parts"),
        (by_hand([], index=b"[" * 100_000), "not valid JSON"),
        (by_hand([], index=b'{"parts": [], "parts": []}'), "repeated"),
        (by_hand([], index=b"\xff"), "not valid JSON"),
        (MAGIC + struct.pack("<IQ32s16s", 3, HUGE, b"", MAGIC), "its index is said to have"),
        (b"PK\x03\x04" + bytes(200), "is not a box"),
        (b"", "is not a box"),
    ],
)
def test_what_somebody_made_up_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.box").write_bytes(data)
    with pytest.raises(DatasetError, match=said) as refused:
        open_parts(tmp_path / "x.box", KIND)
    assert "\n" not in str(refused.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        open_parts(tmp_path / "none", KIND)
    with pytest.raises(DatasetError, match="make it again"):
        open_parts(tmp_path, KIND)


def test_parts_that_are_not_what_is_asked_for(path: Path) -> None:
    found = open_parts(path, KIND)
    for name, dtype, shape in (
        ("none", "u1", (1,)),
        ("numbers", "i4", (2,)),
        ("numbers", "f4", (1, 2)),
        ("raw", "u1", (3,)),
    ):
        with pytest.raises(DatasetError, match=name):
            found.array(name, dtype, shape)
    with pytest.raises(DatasetError, match="not valid JSON"):
        found.json("raw")
    for start, length in ((-1, 2), (2, 2), (0, HUGE)):
        with pytest.raises(OSError, match="no bytes"):
            found.slice("raw", start, length)


def test_a_file_that_changes_after_it_was_checked(path: Path) -> None:
    found: Parts = open_parts(path, KIND)
    data = bytearray(path.read_bytes())
    data[-120] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))
    with pytest.raises(OSError, match="replaced or changed"):
        found.slice("raw", 0, 1)
    with pytest.raises(DatasetError, match="replaced or changed"):
        found.json("notes")


def test_an_error_leaves_what_was_there(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(TypeError), writing_parts(path, KIND) as writer:
        writer.add_json("x", object())
    assert (path.read_bytes(), [each.name for each in tmp_path.iterdir()]) == (before, ["a.box"])
    with pytest.raises(RecordError, match="cannot be written"), writing_parts(tmp_path / "none" / "b", KIND):
        pass
