"""Images without suffix count by their content, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import DatasetError
from tests.dataset.sources.test_faults import add, touch
from tests.dataset.sources.test_what_lies_beside import encoded, opened, pairs

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"  # decoded by nothing here: a bad image with its name
NAME = "ILSVRC2012_val_00000001"


@pytest.mark.parametrize(
    ("data", "is_image"),
    [
        *((encoded(kind), True) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")),
        (HEIC, True),
        (b"", False),
        (b"#!/bin/sh\necho\n", False),
        (b"BMW and other cars\n", False),
        (b"RIFF\x24\0\0\0WAVEfmt ", False),
        (b"\0\0\0\x18ftypisom", False),
    ],
)
def test_the_content_tells(tmp_path: Path, data: bytes, is_image: bool) -> None:
    for folder in ("val/3", "flat"):
        touch(tmp_path / folder, "b.jpg" if folder == "val/3" else "ILSVRC2012_val_00000002.JPEG")
        (tmp_path / folder / NAME).write_bytes(data)
    tar = add(tmp_path / "a.tar", ("ILSVRC2012_val_00000002.JPEG", b"x"), (NAME, data))
    for place, label, name in ((tmp_path / "flat", 65, NAME), (tar, 65, NAME)):
        images = opened(place)
        assert ((name, label) in pairs(images)) == is_image
        if is_image:
            assert images.read(images.manifest.image_ids.index(name)) == data
        else:
            assert any("1 " in note and f"not images, such as {NAME}" in note for note in images.notes)
    folders = opened(tmp_path / "val", labels={"trust": True})
    assert ((f"3/{NAME}", 3) in pairs(folders)) == is_image


def test_a_folder_of_nothing_else(tmp_path: Path) -> None:
    for number in (1, 2):
        (touch(tmp_path / "flat", "x").parent / "flat" / f"ILSVRC2012_val_{number:08d}").write_bytes(encoded("PNG"))
    assert opened(tmp_path / "flat").manifest.labels.tolist() == [65, 970]


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    touch(tmp_path / "val", "3/a.jpg")
    os.mkfifo(tmp_path / "val/3/pipe")
    assert pairs(opened(tmp_path / "val")) == [("3/a.jpg", 3)]


@pytest.mark.parametrize("data", [encoded("JPEG"), HEIC, b"#!/bin/sh\necho\n"])
def test_in_webdataset_the_whole_member_is_the_key(tmp_path: Path, data: bytes) -> None:
    members = (("b/picture 7", data), ("b/picture 7.cls", b"7"), ("a.jpg", b"x"), ("a.cls", b"3"), ("a.txt", b"said"))
    shard = add(tmp_path / "s.tar", *members)
    if data.startswith(b"#!"):
        with pytest.raises(DatasetError, match="1 labels without image: b/picture 7; make the shards again"):
            opened(shard)
        return
    images = opened(shard)
    assert pairs(images) == [("b/picture 7", 7), ("a.jpg", 3)]
    assert images.read(0) == data


def test_in_webdataset_an_image_of_each_name_is_one_too_many(tmp_path: Path) -> None:
    shard = add(tmp_path / "s.tar", ("a", encoded("PNG")), ("a.png", encoded("PNG")), ("a.cls", b"3"))
    with pytest.raises(DatasetError, match=r"the sample a has two images, a and a\.png"):
        opened(shard)


def test_lists_of_labels_alone_count_them_and_lists_of_names_say_what_they_leave_out(tmp_path: Path) -> None:
    for name in ("a", "b", "c.jpg"):
        (touch(tmp_path / "val", "README").parent / "val" / name).write_bytes(encoded("PNG"))
    (tmp_path / "val.txt").write_text("5\n6\n7\n")
    assert pairs(opened(tmp_path / "val")) == [("a", 5), ("b", 6), ("c.jpg", 7)]
    (tmp_path / "val.txt").write_text("a 5\nc.jpg 7\n")
    images = opened(tmp_path / "val")
    assert pairs(images) == [("a", 5), ("c.jpg", 7)]
    assert any("1 images without a label" in note and "such as b, not evaluated" in note for note in images.notes)
