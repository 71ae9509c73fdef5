from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.dataset.checksums import verify_checksums
from harness.errors import DatasetError


def folder_with(tmp_path: Path, **files: bytes) -> Path:
    lines = []
    for name, content in files.items():
        path = tmp_path / "below" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  below/{name}\n")
    listing = tmp_path / "checksums.sha256"
    listing.write_text("".join(lines))
    return listing


def test_whole_files_are_counted(tmp_path: Path) -> None:
    assert verify_checksums(folder_with(tmp_path, a=b"1", b=b"2")) == 2


def test_a_missing_and_an_altered_file_are_named(tmp_path: Path) -> None:
    listing = folder_with(tmp_path, a=b"1", b=b"2", c=b"3")
    (tmp_path / "below" / "a").unlink()
    (tmp_path / "below" / "c").write_bytes(b"4")
    with pytest.raises(DatasetError, match="2 of 3 files") as caught:
        verify_checksums(listing)
    assert "below/a: missing" in str(caught.value)
    assert "below/c: altered" in str(caught.value)
    assert "below/b" not in str(caught.value)


def test_a_list_of_nothing_checks_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="lists no file"):
        verify_checksums(folder_with(tmp_path))


@pytest.mark.parametrize(
    "line", ["abc  file", "0" * 64 + " file", "0" * 64 + "  ../outside", "0" * 64 + "  /etc/passwd"]
)
def test_lines_that_are_no_checksum_or_lead_outside_are_refused(tmp_path: Path, line: str) -> None:
    listing = tmp_path / "checksums.sha256"
    listing.write_text(line + "\n")
    with pytest.raises(DatasetError, match=r"checksums\.sha256:1"):
        verify_checksums(listing)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "below"])
def test_a_name_that_no_file_can_have_is_missing(tmp_path: Path, name: str) -> None:
    listing = folder_with(tmp_path, a=b"1")
    listing.write_text(f"{listing.read_text()}{'0' * 64}  {name}\n")
    with pytest.raises(DatasetError, match="1 of 2 files") as caught:
        verify_checksums(listing)
    assert f"{name}: missing" in str(caught.value)


def test_no_list_at_all(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        verify_checksums(tmp_path / "absent")
