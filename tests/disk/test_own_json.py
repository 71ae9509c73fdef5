from __future__ import annotations

from pathlib import Path

import pytest

from harness.disk.own_json import read_own_json


def test_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"a": [1]}')
    assert read_own_json(tmp_path / "x") == {"a": [1]}


@pytest.mark.parametrize("data", [None, b"", b"{", b"[1]", b"\xff", b"1", b"[" * 100_000, b'{"a":' * 100_000])
def test_anything_else_is_as_good_as_not_there(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "x").write_bytes(data)
    assert read_own_json(tmp_path / "x") is None
