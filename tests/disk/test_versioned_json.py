"""Every step in which a versioned file is refused, with its whole message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from harness.disk.versioned_json import FileKind, read_versioned_json
from harness.errors import HarnessError

KIND = FileKind("thing", 2, "make one", "name another", "make it again", HarnessError)


class Thing(BaseModel):
    schema_version: int
    count: int


def write(folder: Path, content: Any) -> Path:
    path = folder / "thing.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_what_is_valid_is_read(tmp_path: Path) -> None:
    assert read_versioned_json(write(tmp_path, {"schema_version": 1, "count": 3}), KIND, Thing).count == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "not a thing: not UTF-8 text; name another"),
        (b"{} x", "not valid JSON (Extra data: line 1 column 4 (char 3)); make it again"),
        (b'{"count": NaN}', "not valid JSON (NaN is not JSON); make it again"),
        (b'{"a": 1, "b": 2, "b": 3}', "not valid JSON (the key 'b' is repeated); make it again"),
        ([], "not a thing: it has no schema_version; name another"),
        ({"schema_version": True}, "not a thing: it has no schema_version; name another"),
        (
            {"schema_version": 3},
            "written by a newer harness (thing schema 3, this one reads up to 2); upgrade the harness",
        ),
        ({"schema_version": 2}, "not a valid thing: count: Field required; name another"),
    ],
)
def test_the_message_says_what_is_wrong_and_what_to_do(tmp_path: Path, content: Any, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(HarnessError) as caught:
        read_versioned_json(path, KIND, Thing)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="no thing found; make one"):
        read_versioned_json(tmp_path / "none.json", KIND, Thing)
    with pytest.raises(HarnessError, match="cannot be read: Is a directory"):
        read_versioned_json(tmp_path, KIND, Thing)
