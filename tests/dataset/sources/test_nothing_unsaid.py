"""Fewer images than lie there are never evaluated without a word: clutter in lists, loose images, unread shards."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import DatasetError
from tests.dataset.sources import forms
from tests.dataset.sources.forms import Facts, Picture
from tests.dataset.sources.test_faults import add, touch
from tests.dataset.sources.test_what_lies_beside import CLUTTER, opened, pairs
from tests.dataset.sources.tfrecord_files import write_tfrecord

MORE_CLUTTER = (
    "Icon\r", "ehthumbs.db", ".AppleDouble/a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", ".Trash-1000/files/a.jpg",
    "DESKTOP.INI", ".DS_Store", ".nfs0000001",
)  # fmt: skip
KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def said(images: Any, words: str) -> bool:
    return any(words in note for note in images.notes)


@pytest.mark.parametrize("name", [*CLUTTER, *MORE_CLUTTER])
def test_clutter_is_ignored_with_a_note_in_lists_and_rows_too(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "im", "a.jpg", name)
    sets = [tmp_path / "m.parquet", tmp_path / "rows.parquet", add(tmp_path / "a.tar", (name, b"x"), ("a.jpg", b"x"))]
    pq.write_table(pa.table({"path": [f"im/{name}", "im/a.jpg"], "label": [1, 3]}), sets[0])
    rows = [{"bytes": b"y", "path": name}, {"bytes": b"x", "path": "a.jpg"}]
    pq.write_table(pa.table({"image": pa.array(rows, KIND), "label": [1, 3]}), sets[1])
    if "\r" not in name:
        (tmp_path / "im.txt").write_text(f"{name} 1\na.jpg 3\n")
        (tmp_path / "m.csv").write_text(f"path,label\nim/{name},1\nim/a.jpg,3\n")
        sets += [tmp_path / "im", tmp_path / "m.csv"]
    (tmp_path / "labels.txt").write_text("a.jpg 3\n")
    for path in sets:
        images = opened(path, **({"labels": str(tmp_path / "labels.txt")} if path.suffix == ".tar" else {}))
        assert [(item.rpartition("/")[2], label) for item, label in pairs(images)] == [("a.jpg", 3)]
        assert images.read(0) == b"x"
        assert any(": 1 " in note and "created by the system" in note for note in images.notes)


def test_an_image_in_a_lost_folder_that_a_list_names_by_its_whole_path_counts(tmp_path: Path) -> None:
    folder = touch(tmp_path / "lost+found" / "val", "a.jpg")
    (tmp_path / "m.txt").write_text(f"{folder}/a.jpg 3\n")
    assert pairs(opened(folder, labels=str(tmp_path / "m.txt"))) == [("a.jpg", 3)]


def test_clutter_among_annotations(tmp_path: Path, built_in: Facts) -> None:
    name = "ILSVRC2012_val_00000001.JPEG"
    images, _ = forms.xml_annotations(tmp_path, [Picture(name, b"x", built_in.labels[0])], built_in)
    (tmp_path / "ILSVRC/Annotations/CLS-LOC/val/._ILSVRC2012_val_00000001.xml").write_bytes(b"\0\5\x16\7")
    found = opened(images)
    assert pairs(found) == [(name, 65)]
    assert said(found, "created by the system, such as ._ILSVRC2012_val_00000001.xml")


def test_an_image_that_lies_beside_class_folders_does_not_hide_them(tmp_path: Path) -> None:
    loose = "ILSVRC2012_val_00000001.JPEG"
    images = opened(touch(tmp_path / "val", "n01440764/a.JPEG", "n01443537/b.JPEG", loose))
    assert pairs(images) == [("n01440764/a.JPEG", 0), ("n01443537/b.JPEG", 1)]
    assert said(images, f"1 images outside of class folders, such as {loose}, not evaluated")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    named = opened(
        touch(tmp_path / "own", "cat/a.jpg", "dog/b.jpg", "logo.png"), class_names=tmp_path / "names.txt", classes=2
    )
    assert pairs(named) == [("cat/a.jpg", 0), ("dog/b.jpg", 1)]
    assert said(named, "1 images outside of class folders, such as logo.png")
    flat = opened(touch(tmp_path / "flat", loose, "ILSVRC2012_val_00000002.JPEG", "256/a.JPEG"))
    assert len(flat.manifest) == 2
    assert said(flat, "1 subfolders, such as 256, not evaluated")


@pytest.mark.parametrize(
    ("form", "shard"),
    [
        ("webdataset", "w-000001.tar"),
        ("parquet", "validation-1.parquet"),
        ("arrow", "validation-1.arrow"),
        ("tfrecord", "b-validation-00001-of-00002"),
    ],
)
def test_files_that_look_like_shards_and_are_not_read(tmp_path: Path, form: str, shard: str) -> None:
    table = pa.table({"image": pa.array([{"bytes": b"x", "path": "a.jpg"}], KIND), "label": [3]})
    if form == "webdataset":
        add(tmp_path / "w-000000.tar", ("a.cls", b"3"), ("a.jpg", b"x"))
    elif form == "parquet":
        pq.write_table(table, tmp_path / "validation-0.parquet")
    elif form == "arrow":
        with pa.ipc.new_stream(tmp_path / "validation-0.arrow", table.schema) as writer:
            writer.write_table(table)
    else:
        write_tfrecord(tmp_path, [("a.jpg", b"x", 3)])
    assert not said(opened(tmp_path), "shards")
    for name in (f"{shard}.zip", f"{shard}.part", shard.upper()):
        (tmp_path / name).write_bytes(b"PK")
        images = opened(tmp_path)
        assert pairs(images) == [("a.jpg", 3)]
        assert said(images, f"1 files that look like shards and are not read, such as {name}; unpack or rename them")
        (tmp_path / name).unlink()


def test_shards_without_an_image_are_named(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    add(tmp_path / "w" / "w-0.tar", ("a.cls", b"3"), ("a.jpg", b"x"))
    with tarfile.open(tmp_path / "w" / "w-1.tar", "w"):
        pass
    assert said(opened(tmp_path / "w"), "1 of 2 shards without an image, such as w-1.tar")
    (tmp_path / "p").mkdir()
    table = pa.table({"image": pa.array([{"bytes": b"x", "path": "a.jpg"}], KIND), "label": [3]})
    pq.write_table(table, tmp_path / "p" / "validation-0.parquet")
    pq.write_table(table[:0], tmp_path / "p" / "validation-1.parquet")
    assert said(opened(tmp_path / "p"), "1 of 2 shards without an image, such as validation-1.parquet")
    (tmp_path / "t").mkdir()
    write_tfrecord(tmp_path / "t", [("a.jpg", b"x", 3)])
    (tmp_path / "t" / "b-validation.tfrecord").write_bytes(b"")
    assert said(opened(tmp_path / "t"), "1 of 2 shards without an image, such as b-validation.tfrecord")


def test_results_in_the_cache_of_hugging_face_do_not_count_twice(tmp_path: Path) -> None:
    for name, data in (("data-00000-of-00001.arrow", b"x"), ("cache-1b3d5f.arrow", b"smaller")):
        table = pa.table({"image": pa.array([{"bytes": data, "path": "a.jpg"}], KIND), "label": [3]})
        with pa.ipc.new_stream(tmp_path / name, table.schema) as writer:
            writer.write_table(table)
    images = opened(tmp_path)
    assert pairs(images) == [("a.jpg", 3)]
    assert images.read(0) == b"x"
    assert said(images, "1 files cache-*.arrow are results computed from the data set, not evaluated")


def test_archives_in_an_archive_or_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"contains no image, only other archives, such as n01440764\.tar; unpack"):
        opened(add(tmp_path / "train.tar", ("n01440764.tar", b"x"), ("n01443537.tar", b"x")))
    with pytest.raises(DatasetError, match=r"val\.zip: a compressed archive"):
        opened(touch(tmp_path / "zipped", "val.zip", "readme.md"))


def test_folders_that_a_list_does_not_name(tmp_path: Path) -> None:
    folder = touch(tmp_path / "im", "a.jpg", "b/c.jpg", "more/d.jpg", "docs/readme.md", "@eaDir/a.jpg")
    (tmp_path / "im.txt").write_text("a.jpg 3\nb/c.jpg 4\n")
    images = opened(folder)
    assert pairs(images) == [("a.jpg", 3), ("b/c.jpg", 4)]
    assert said(images, "1 folders with images that")
    assert said(images, "im.txt does not name, such as more, not evaluated")


def test_suffixes_in_capital_letters_in_shards(tmp_path: Path) -> None:
    images = opened(
        add(tmp_path / "w.tar", ("a.CLS", b"3"), ("a.JPG", b"x"), ("b.Json", b'{"label": 4}'), ("b.PNG", b"y"))
    )
    assert pairs(images) == [("a.JPG", 3), ("b.PNG", 4)]


@pytest.mark.parametrize("target", ["nowhere.jpg", "loop.jpg"])
def test_a_link_that_leads_nowhere_is_a_bad_image_and_hides_no_other(tmp_path: Path, target: str) -> None:
    official = "ILSVRC2012_val_00000001.JPEG"
    sets = [
        touch(tmp_path / "folders", "3/a.jpg"),
        touch(tmp_path / "flat", official),
        touch(tmp_path / "list", "a.jpg", "more/b.jpg"),
    ]
    (tmp_path / "folders" / "3" / "loop.jpg").symlink_to(target)
    (tmp_path / "folders" / "loop").symlink_to("loop")
    (tmp_path / "flat" / "ILSVRC2012_val_00000002.JPEG").symlink_to(target.replace("loop", "ILSVRC2012_val_00000002"))
    (tmp_path / "list" / "loop.jpg").symlink_to(target)
    (tmp_path / "list.txt").write_text("a 3\nb 4\nloop 5\n")
    for place, count in zip(sets, (2, 2, 3), strict=True):
        images = opened(place)
        assert len(images.manifest) == count
        assert images.read(0) == b"x"
        with pytest.raises(OSError, match=r"No such file|[Tt]oo many|No such"):
            images.read(count - 1)
