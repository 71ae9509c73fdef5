"""Links and special files in archives: an image that is stored as one is read or named, never left out unsaid."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from harness.dataset.sources.tar_index import members
from harness.errors import DatasetError
from tests.dataset.sources.forms import _add
from tests.dataset.sources.test_what_lies_beside import opened, pairs


def archive(path: Path, *entries: tuple[str, bytes, str], files: tuple[str, ...] = ("f/a.jpg",)) -> Path:
    """Write files that contain their own names, and behind them members of other types."""
    with tarfile.open(path, "w") as made:
        for name in files:
            _add(made, name, name.encode())
        for name, kind, target in entries:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            made.addfile(member)
    return path


def content(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    return {name: data[offset : offset + length] for name, offset, length in members(path)}


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("b.jpg", tarfile.LNKTYPE, "f/a.jpg"),
        ("f/b.jpg", tarfile.LNKTYPE, "./f/a.jpg"),
        ("b.jpg", tarfile.SYMTYPE, "f/a.jpg"),
        ("f/b.jpg", tarfile.SYMTYPE, "a.jpg"),
        ("g/b.jpg", tarfile.SYMTYPE, "../f/a.jpg"),
    ],
)
def test_a_link_to_an_image_of_the_archive_is_that_image(tmp_path: Path, name: str, kind: bytes, target: str) -> None:
    made = archive(tmp_path / "a.tar", (name, kind, target))
    assert content(made) == {"f/a.jpg": b"f/a.jpg", name: b"f/a.jpg"}


def test_links_that_lead_to_links(tmp_path: Path) -> None:
    made = archive(tmp_path / "a.tar", ("c.jpg", tarfile.SYMTYPE, "b.jpg"), ("b.jpg", tarfile.LNKTYPE, "f/a.jpg"))
    assert content(made) == dict.fromkeys(("f/a.jpg", "c.jpg", "b.jpg"), b"f/a.jpg")


@pytest.mark.parametrize(
    ("kind", "target", "words"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "'b.jpg' is a link to '/etc/passwd', which is not a file in the archive"),
        (tarfile.LNKTYPE, "gone.jpg", "'b.jpg' is a link to 'gone.jpg', which is not a file in the archive"),
        (tarfile.SYMTYPE, "b.jpg", "'b.jpg' is a link to 'b.jpg', which is not a file in the archive"),
        (tarfile.FIFOTYPE, "", "'b.jpg' is not an ordinary file"),
        (tarfile.CHRTYPE, "", "'b.jpg' is not an ordinary file"),
    ],
)
def test_an_image_that_is_no_file_is_named(tmp_path: Path, kind: bytes, target: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        content(archive(tmp_path / "a.tar", ("b.jpg", kind, target)))


def test_links_out_of_the_archive_and_others_than_images(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="leads out of the archive"):
        content(archive(tmp_path / "out.tar", ("../b.jpg", tarfile.LNKTYPE, "f/a.jpg")))
    others = (
        ("latest", tarfile.SYMTYPE, "f"),
        ("readme", tarfile.SYMTYPE, "/usr/readme"),
        ("queue", tarfile.FIFOTYPE, ""),
    )
    assert list(content(archive(tmp_path / "a.tar", *others))) == ["f/a.jpg"]


def test_a_sample_whose_image_was_met_before(tmp_path: Path) -> None:
    """GNU tar writes the second of two hard links to a file as a link."""
    links = ("2.jpg", tarfile.LNKTYPE, "1.jpg"), ("2.cls", tarfile.LNKTYPE, "1.cls")
    made = archive(tmp_path / "w.tar", *links, files=("1.jpg",))
    with tarfile.open(made, "a") as more:
        _add(more, "1.cls", b"7")
    images = opened(made)
    assert pairs(images) == [("1.jpg", 7), ("2.jpg", 7)]
    assert images.read(1) == b"1.jpg"
