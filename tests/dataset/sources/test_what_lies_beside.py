"""What lies in image sets beside their images: other formats, what systems leave behind, lists, names used again."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from harness.config import Dataset
from harness.dataset.image import BadImageError, decode
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError
from tests.dataset.sources.test_faults import add, touch

CLUTTER = ("__MACOSX/._a.jpg", "@eaDir/a.jpg", "lost+found/a.jpg", "$RECYCLE.BIN/a.jpg", "._a.jpg", "Thumbs.db")


def opened(path: Path, **keys: Any) -> ImageSet:
    return open_image_set(Dataset(path=path, background_class=False, **keys))


def pairs(images: ImageSet) -> list[tuple[str, int]]:
    return list(zip(images.manifest.image_ids, images.manifest.labels.tolist(), strict=True))


def encoded(kind: str) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (5, 4), (10, 200, 30)).save(sink, kind)
    return sink.getvalue()


SUFFIXES = {
    ".tif": "TIFF", ".tiff": "TIFF", ".TIF": "TIFF", ".jfif": "JPEG", ".jpe": "JPEG", ".webp": "WEBP", ".dib": "BMP",
    ".apng": "PNG", ".gif": "GIF", ".bmp": "BMP",
}  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_that_can_be_decoded_counts_in_every_form(tmp_path: Path, suffix: str) -> None:
    data = encoded(SUFFIXES[suffix])
    (touch(tmp_path / "val", f"3/a{suffix}") / f"3/a{suffix}").write_bytes(data)
    name = f"ILSVRC2012_val_00000001{suffix}"
    (touch(tmp_path / "flat", name) / name).write_bytes(data)
    sets = [
        opened(tmp_path / "val"),
        opened(tmp_path / "flat"),
        opened(add(tmp_path / "a.tar", (name, data))),
        opened(add(tmp_path / "w.tar", ("1.cls", b"3"), (f"1{suffix}", data))),
    ]
    assert [images.manifest.labels.tolist() for images in sets] == [[3], [65], [65], [3]]
    for images in sets:
        assert decode(images.read(0)).shape == (4, 5, 3)


@pytest.mark.parametrize("suffix", [".heic", ".jp2", ".jxl", ".svg", ".dng", ".exr"])
def test_an_image_that_cannot_be_decoded_is_listed_with_its_reason(tmp_path: Path, suffix: str) -> None:
    images = opened(touch(tmp_path / "val", "3/a.jpg", f"3/b{suffix}"))
    assert pairs(images) == [("3/a.jpg", 3), (f"3/b{suffix}", 3)]
    with pytest.raises(BadImageError, match="not an image that can be decoded"):
        decode(images.read(1))


def test_files_and_folders_in_class_folders_that_are_no_images_are_named(tmp_path: Path) -> None:
    notes = "\n".join(opened(touch(tmp_path / "val", "3/a.jpg", "3/notes.doc", "3/more/b.jpg", "readme.md")).notes)
    assert "2 entries that are not images, such as 3/notes.doc" in notes
    assert "1 folders inside class folders, such as 3/more, not evaluated" in notes


def check_clutter(images: ImageSet, count: int) -> None:
    assert len(images.manifest) == 1
    assert any(f"{count} " in note and "created by the system" in note for note in images.notes)


def test_what_systems_leave_behind_is_ignored_with_a_note(tmp_path: Path) -> None:
    name = "ILSVRC2012_val_00000001.JPEG"
    check_clutter(opened(touch(tmp_path / "flat", name, *CLUTTER)), 6)
    check_clutter(opened(touch(tmp_path / "val", "3/a.jpg", "3/.DS_Store", "3/@eaDir/b.jpg", *CLUTTER)), 8)
    (tmp_path / "list.txt").write_text("a.jpg 3\n")
    check_clutter(opened(touch(tmp_path / "list", "a.jpg", *CLUTTER)), 6)
    members = [(item, b"x") for item in CLUTTER]
    check_clutter(opened(add(tmp_path / "a.tar", *members, (name, b"x"))), 6)
    check_clutter(opened(add(tmp_path / "w.tar", *members, ("1.cls", b"3"), ("1.jpg", b"x"))), 6)
    shards = touch(tmp_path / "shards", "._w-000000.tar", ".DS_Store")
    add(shards / "w-000000.tar", ("1.cls", b"3"), ("1.jpg", b"x"))
    check_clutter(opened(shards), 2)


def test_a_list_beside_class_folders(tmp_path: Path) -> None:
    touch(tmp_path / "val", "n01440764/a.JPEG", "n01443537/b.JPEG")
    for text in ("a.JPEG 0\nb.JPEG 1\n", "n01440764/a.JPEG 0\nn01443537/b.JPEG 1\n", "b 1\na 0\n"):
        (tmp_path / "val.txt").write_text(text)
        assert sorted(pairs(opened(tmp_path / "val"))) == [("n01440764/a.JPEG", 0), ("n01443537/b.JPEG", 1)]
    (tmp_path / "val.txt").write_text("a.JPEG 1\nb.JPEG 1\n")
    with pytest.raises(DatasetError, match=r"n01440764/a\.JPEG is class 1 in the list and class 0 by its folder"):
        opened(tmp_path / "val")
    assert opened(tmp_path / "val", labels=str(tmp_path / "val.txt")).manifest.labels.tolist() == [1, 1]
    assert opened(tmp_path / "val", form="class_folders").manifest.labels.tolist() == [0, 1]
    for text in ("other.JPEG 1\n", "tench\ngoldfish\n", ""):
        (tmp_path / "val.txt").write_text(text)
        images = opened(tmp_path / "val")
        assert (images.form, images.manifest.labels.tolist()) == ("class_folders", [0, 1])
        assert any("val.txt is not used" in note for note in images.notes)


def test_class_names_that_occur_twice(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("tench\ncrane\nmaillot\ncrane\n")
    keys: dict[str, Any] = {"class_names": tmp_path / "names.txt", "classes": 4}
    touch(tmp_path / "images", "a.jpg", "b.jpg")
    (tmp_path / "images.txt").write_text("a.jpg 3\nb.jpg maillot\n")
    assert pairs(opened(tmp_path / "images", **keys)) == [("a.jpg", 3), ("b.jpg", 2)]
    (tmp_path / "images.txt").write_text("a.jpg crane\nb.jpg maillot\n")
    with pytest.raises(DatasetError, match=r"images\.txt:1: 'crane' is the name of the classes 1 and 3; write the num"):
        opened(tmp_path / "images", **keys)
    with pytest.raises(DatasetError, match="'crane' is the name of the classes 1 and 3"):
        opened(touch(tmp_path / "own", "crane/a.jpg", "tench/b.jpg"), form="class_folders", **keys)


def test_names_that_shards_and_rows_use_again(tmp_path: Path) -> None:
    folder = touch(tmp_path / "shards")
    folder.mkdir()
    add(folder / "w-000000.tar", ("1.cls", b"3"), ("1.jpg", b"x"), ("2.cls", b"4"), ("2.jpg", b"y"))
    add(folder / "w-000001.tar", ("1.cls", b"5"), ("1.jpg", b"z"))
    found = opened(folder)
    assert pairs(found) == [("w-000000.tar/1.jpg", 3), ("2.jpg", 4), ("w-000001.tar/1.jpg", 5)]
    assert [found.read(row) for row in range(3)] == [b"x", b"y", b"z"]
    add(folder / "w-000001.tar", ("1.cls", b"3"), ("1.jpg", b"x"))
    with pytest.raises(DatasetError, match=r"1 image is listed twice: 1\.jpg"):
        opened(folder)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": data, "path": "image.jpg"} for data in (b"x", b"y")]
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": [7, 8]}), tmp_path / "validation.parquet")
    found = opened(tmp_path / "validation.parquet")
    assert pairs(found) == [("validation.parquet:0/image.jpg", 7), ("validation.parquet:1/image.jpg", 8)]
    assert [found.read(row) for row in range(2)] == [b"x", b"y"]


@pytest.mark.parametrize(
    ("chosen", "beside"),
    [
        ("val", ["test", "train"]),
        ("validation", ["training"]),
        ("images", ["masks"]),
        ("2.0.1", ["1.0.0", "2.0.0", "10"]),
    ],
)
def test_folders_beside_the_one_that_is_read_are_named(tmp_path: Path, chosen: str, beside: list[str]) -> None:
    """`val` beside `train`, or the newest version: what is left out is said."""
    touch(tmp_path, f"{chosen}/3/a.jpg", *(f"{name}/4/b.jpg" for name in beside))
    images = opened(tmp_path)
    assert pairs(images) == [("3/a.jpg", 3)]
    (note,) = images.notes
    assert f"only {chosen} is read, not {len(beside)} folder" in note
    assert all(name in note for name in beside)


def test_a_folder_that_lies_alone_is_read_without_a_note(tmp_path: Path) -> None:
    assert opened(touch(tmp_path, "val/3/a.jpg", "@eaDir/b.jpg", "readme.md")).notes == ()


MORE_CLUTTER = ("@Recycle", "RECYCLER", "@tmp", "#snapshot", "~snapshot", "Network Trash Folder", "Temporary Items")


@pytest.mark.parametrize("name", MORE_CLUTTER)
def test_what_file_servers_leave_behind_is_no_class(tmp_path: Path, name: str) -> None:
    images = opened(touch(tmp_path / "val", "3/a.jpg", f"{name}/b.jpg"))
    assert pairs(images) == [("3/a.jpg", 3)]
    assert name in "\n".join(images.notes)
    archive = opened(add(tmp_path / "w.tar", ("1.cls", b"3"), ("1.jpg", b"x"), (f"{name}/2.jpg", b"y")))
    assert pairs(archive) == [("1.jpg", 3)]
    assert name in "\n".join(archive.notes)


@pytest.mark.parametrize("suffix", [".mpo", ".jif", ".jfi", ".pjpeg", ".pjp"])
def test_seldom_used_suffixes_of_jpeg_count(tmp_path: Path, suffix: str) -> None:
    data = encoded("MPO" if suffix == ".mpo" else "JPEG")
    (touch(tmp_path / "val", f"3/a{suffix}") / f"3/a{suffix}").write_bytes(data)
    images = opened(tmp_path / "val")
    assert pairs(images) == [(f"3/a{suffix}", 3)]
    assert decode(images.read(0)).shape == (4, 5, 3)


def test_words_may_stand_behind_the_wordnet_id_of_a_folder(tmp_path: Path) -> None:
    names = {"n01440764 tench": 0, "n02085620-Chihuahua": 151, "n02110341_dalmatian": 251}
    images = opened(touch(tmp_path / "val", *(f"{name}/a.jpg" for name in names)))
    assert pairs(images) == [(f"{name}/a.jpg", label) for name, label in names.items()]


@pytest.mark.parametrize("name", ["001.Black_footed_Albatross", "n014407645", "n01440764x"])
def test_words_behind_a_number_do_not_make_a_class(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=f"the folder {name} is neither a WordNet id"):
        opened(touch(tmp_path / "val", f"{name}/a.jpg"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("listed", ["NFC", "NFD"])
def test_class_names_in_any_unicode_form(tmp_path: Path, form: Any, listed: Any) -> None:
    names = ["dog", "Café au lait"]
    (tmp_path / "names.txt").write_text(unicodedata.normalize(listed, "\n".join(names)), "utf-8")
    folder = unicodedata.normalize(form, names[1])
    own: dict[str, Any] = {"class_names": tmp_path / "names.txt", "classes": 2}
    assert pairs(opened(touch(tmp_path / "val", f"{folder}/a.jpg"), **own)) == [(f"{folder}/a.jpg", 1)]
    archive = add(tmp_path / "w.tar", ("1.cls", folder.encode()), ("1.jpg", b"x"))
    assert pairs(opened(archive, **own)) == [("1.jpg", 1)]
    (touch(tmp_path / "flat", "a.jpg", "b.jpg").parent / "flat.csv").write_text(
        f'a.jpg,"{folder}"\nb.jpg,dog\n', "utf-8"
    )
    assert pairs(opened(tmp_path / "flat", **own)) == [("a.jpg", 1), ("b.jpg", 0)]


@pytest.mark.parametrize("above", ["", "val/"])
def test_a_tar_archive_of_class_folders(tmp_path: Path, above: str) -> None:
    for names in (("n01440764", "n02110341"), ("0", "251")):
        path = tmp_path / f"{names[0]}.tar"
        archive = add(path, *((f"{above}{name}/{name}.jpg", name.encode()) for name in names))
        images = opened(archive)
        found = {images.read(row).decode(): label for row, (_, label) in enumerate(pairs(images))}
        assert found == dict(zip(names, (0, 251), strict=True))


def test_a_tar_archive_of_folders_that_are_no_classes_still_needs_labels(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no labels were found for 2 of 2 images"):
        opened(add(tmp_path / "a.tar", ("0/a.jpg", b"x"), ("cats/b.jpg", b"y")))


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "val.txt"])
def test_a_list_beside_a_tar_archive(tmp_path: Path, name: str) -> None:
    archive = add(tmp_path / "a.tar", ("val/x.jpg", b"x"), ("val/y.jpg", b"y"))
    (tmp_path / name).write_text("y.jpg 7\nx.jpg 3\n")
    assert sorted(pairs(opened(archive))) == [("val/x.jpg", 3), ("val/y.jpg", 7)]


def test_metadata_of_an_imagefolder(tmp_path: Path) -> None:
    folder = touch(tmp_path / "val", "a.jpg", "b.jpg")
    (folder / "metadata.csv").write_text("file_name,label\nb.jpg,7\na.jpg,3\n")
    assert pairs(opened(folder)) == [("b.jpg", 7), ("a.jpg", 3)]


def test_metadata_of_captions_are_no_labels(tmp_path: Path) -> None:
    folder = touch(tmp_path / "val", "ILSVRC2012_val_00000001.JPEG")
    (folder / "metadata.csv").write_text("file_name,text\nILSVRC2012_val_00000001.JPEG,a snake\n")
    assert pairs(opened(folder)) == [("ILSVRC2012_val_00000001.JPEG", 65)]


def test_a_list_of_mxnet_as_the_path(tmp_path: Path) -> None:
    (touch(tmp_path, "i/a.jpg", "i/b.jpg") / "val.lst").write_text("0\t3\ti/a.jpg\n1\t7\ti/b.jpg\n")
    assert pairs(opened(tmp_path / "val.lst")) == [("i/a.jpg", 3), ("i/b.jpg", 7)]
