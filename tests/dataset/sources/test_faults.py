"""What can be wrong with each form, said with the file and the way to mend it."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.dataset.sources.example_wire import masked_crc32c
from harness.errors import DatasetError
from tests.conftest import require
from tests.dataset.sources import forms
from tests.dataset.sources.forms import FORMS, Facts, Picture

NO_FACTS = Facts([], [])


def opened(path: Path, **keys: Any) -> ImageSet:
    return open_image_set(Dataset(path=path, **keys))


def fails(path: Path, words: str, **keys: Any) -> None:
    with pytest.raises(DatasetError, match=words):
        opened(path, **keys)


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def add(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            forms._add(archive, name, data)
    return path


def test_nothing_that_is_known(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere", "no such file or folder")
    fails(tmp_path, r"it contains nothing\..*docs/datasets.md")
    fails(touch(tmp_path, "readme.md"), "not a known form of image set; it contains readme.md")
    fails(touch(tmp_path, "x.zip") / "x.zip", "compressed archive")
    os.mkfifo(tmp_path / "pipe")
    fails(tmp_path / "pipe", "neither a folder nor an ordinary file")


def test_a_flat_folder(tmp_path: Path, built_in: Facts) -> None:
    folder = touch(tmp_path / "images", "ILSVRC2012_val_00000002.JPEG", "ILSVRC2012_val_00000001.JPEG", "._x.JPEG")
    images = opened(folder)
    assert images.manifest.image_ids == ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG")
    assert images.manifest.labels.tolist() == [66, 971]
    assert any("1 entries that are not images" in note for note in images.notes)
    fails(folder, "built-in labels of ILSVRC2012 have 1000 classes, not 10", classes=10)
    touch(folder, "mine.jpg")
    fails(folder, "no labels were found for 1 of 3 images, such as mine.jpg")
    fails(touch(tmp_path / "empty", "x.txt"), "not a known form of image set")
    fails(tmp_path / "empty", "contains no image", form="flat")
    fails(folder, "no label list found .looked for", form="list")
    fails(folder, "no labels of the form `devkit`", form="devkit")


def test_class_folders(tmp_path: Path) -> None:
    folder = touch(tmp_path / "val", "0/a.jpg", "2/b.jpg", "10/c.jpg", "2/.hidden.jpg")
    images = opened(folder, classes=11)
    pairs = list(zip(images.manifest.image_ids, images.manifest.labels.tolist(), strict=True))
    assert pairs == [("0/a.jpg", 1), ("2/b.jpg", 3), ("10/c.jpg", 11)]
    touch(folder, "lost.jpg")
    assert "1 images outside of class folders" in opened(folder, classes=11, form="class_folders").notes[0]
    (folder / "lost.jpg").unlink()
    fails(folder, "out of range.*10/c.jpg .class 10.", classes=10)
    touch(folder, "02/d.jpg")
    fails(folder, "02 and 2 stand for the same class 2", classes=11)
    fails(
        touch(tmp_path / "own", "cat/a.jpg", "dog/b.jpg"), "the folder cat is neither a WordNet id.*dataset.class_names"
    )
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    named = opened(tmp_path / "own", class_names=tmp_path / "names.txt", classes=2)
    assert named.manifest.labels.tolist() == [1, 2]
    assert named.manifest.image_ids == ("dog/b.jpg", "cat/a.jpg")
    fails(tmp_path / "own", "names 2 classes, but dataset.classes is 1000", class_names=tmp_path / "names.txt")


def test_class_folders_sorted_by_number_against_wordnet_order(tmp_path: Path, built_in: Facts) -> None:
    """Folders 1..1000 that were numbered in the devkit's order: official names in them tell."""
    for number in range(1, 21):
        label = built_in.labels[number - 1]
        touch(tmp_path / "val", f"{sorted(range(1000), key=str).index(label)}/ILSVRC2012_val_{number:08d}.JPEG")
    fails(tmp_path / "val", "sorted as text")


def test_the_devkit(tmp_path: Path, built_in: Facts) -> None:
    folder = touch(tmp_path / "images", "ILSVRC2012_val_00000001.JPEG")
    truth, meta = forms.devkit_files(built_in, list(range(1000)))
    kit = touch(tmp_path / "kit" / "data", "meta.mat", "ILSVRC2012_validation_ground_truth.txt")
    (kit / "meta.mat").write_bytes(meta)
    for data, words in [
        (b"1 2 3", "3 labels; the ground truth of ILSVRC2012 has 50,000"),
        (b"0\n" * 50_000, "not an id of the devkit"),
    ]:
        (kit / "ILSVRC2012_validation_ground_truth.txt").write_bytes(data)
        fails(folder, words, labels=str(kit))
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth)
    assert opened(folder, labels=str(kit.parent)).manifest.labels.tolist() == [66]
    for data in (b"", b"MATLAB 5.0 MAT-file" + bytes(200), meta[: len(meta) // 2], b"\x80\x04pickle"):
        (kit / "meta.mat").write_bytes(data)
        fails(folder, "meta.mat cannot be read", labels=str(kit))
    fails(
        folder,
        "not a devkit: neither it nor its data folder has ILSVRC2012_validation_ground_truth.txt",
        labels=str(folder),
    )
    (tmp_path / "kit.tar.gz").write_bytes(b"\x1f\x8b nonsense")
    fails(folder, "cannot be read as the devkit's archive", labels=str(tmp_path / "kit.tar.gz"))
    fails(folder, "contains no ILSVRC2012_validation", labels=str(add(tmp_path / "kit.tar", ("a", b"b"))))


def test_the_ground_truth_alone_is_mapped_by_the_built_in_devkit_order(tmp_path: Path, built_in: Facts) -> None:
    from harness.dataset.imagenet import classes_in_devkit_order

    folder = touch(tmp_path / "images", "ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG")
    truth, _ = forms.devkit_files(built_in, classes_in_devkit_order().tolist())
    assert truth.startswith(b"490\n361\n171\n822\n297\n482\n13\n704\n599\n164\n")  # as the published file begins
    (tmp_path / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth)
    images = opened(folder)
    assert (images.form, images.manifest.labels.tolist()) == ("devkit", [66, 971])
    assert any("mapped to classes by the built-in table" in note for note in images.notes)


def test_a_meta_mat_that_belongs_to_another_ground_truth(tmp_path: Path, built_in: Facts) -> None:
    truth, _ = forms.devkit_files(built_in, list(range(999, -1, -1)))
    _, meta = forms.devkit_files(built_in, list(range(1000)))
    kit = touch(tmp_path / "data", "meta.mat", "ILSVRC2012_validation_ground_truth.txt")
    (kit / "meta.mat").write_bytes(meta)
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth)
    folder = touch(tmp_path / "images", *(f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 10)))
    fails(folder, "9 of 9 labels are not those of ILSVRC2012", labels=str(kit))


def test_kaggles_files(tmp_path: Path) -> None:
    folder = touch(tmp_path / "ILSVRC/Data/CLS-LOC/val", "ILSVRC2012_val_00000001.JPEG")
    solution = tmp_path / "LOC_val_solution.csv"
    head = "ImageId,PredictionString\n"
    for line, words in [
        ("ILSVRC2012_val_00000001,n01751748 1 2 3 4 n01440764 1 2 3 4", "csv:2: .* is not a line of"),
        ("ILSVRC2012_val_00000001,", "csv:2"),
        ("ILSVRC2012_val_00000001,n00000000 1 2 3 4", "'n00000000' is not one of the 1,000"),
        ("ILSVRC2012_val_00000009,n01751748 1 2 3 4", "no label matches an image"),
        ("ILSVRC2012_val_00000001,n01440764 1 2 3 4", "1 of 1 labels are not those of ILSVRC2012"),
    ]:
        solution.write_text(f"{head}{line}\n")
        fails(tmp_path, words)
    solution.write_text(f"{head}ILSVRC2012_val_00000001,n01751748 111 108 441 193 n01751748 1 2 3 4 \n")
    for path in (tmp_path, folder, solution):
        assert opened(path).manifest.labels.tolist() == [66]
    touch(folder, "ILSVRC2012_val_00000002.JPEG")
    fails(tmp_path, "1 image .ILSVRC2012_val_00000002.JPEG. without a label")


def test_annotations(tmp_path: Path) -> None:
    folder = touch(tmp_path / "images", "ILSVRC2012_val_00000001.JPEG")
    xml = touch(tmp_path / "xml", "ILSVRC2012_val_00000001.xml") / "ILSVRC2012_val_00000001.xml"
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb">]><annotation><object><name>&b;</name></object></annotation>'
    for text, words in [
        ("<annotation>", "the annotation cannot be read"),
        (bomb, "it contains a document type"),
        ("<annotation/>", "objects of 0 classes"),
        ("<annotation><object><name>cat</name></object></annotation>", "'cat' is not one of the 1,000"),
        (" " * 2_000_000, "too large"),
    ]:
        xml.write_text(text)
        fails(folder, words, labels=str(xml.parent))


def test_tar(tmp_path: Path) -> None:
    name = "ILSVRC2012_val_00000001.JPEG"
    whole = add(tmp_path / "a.tar", (name, b"x" * 5000), ("readme.txt", b"y"))
    assert opened(whole).read(0) == b"x" * 5000
    data = whole.read_bytes()
    for length, words in [
        (0, "damaged or cut off"),
        (300, "damaged or cut off"),
        (3000, "cut off inside|damaged or cut off"),
    ]:
        (tmp_path / "cut.tar").write_bytes(data[:length])
        fails(tmp_path / "cut.tar", words)
    (tmp_path / "z.tar").write_bytes(b"\x1f\x8b" + data)
    fails(tmp_path / "z.tar", "compressed, .*`gunzip` it first")
    fails(add(tmp_path / "twice.tar", (name, b"x"), (name, b"y")), "contains ILSVRC2012_val_00000001.JPEG twice")
    fails(add(tmp_path / "out.tar", ("../../etc/x.JPEG", b"x")), "leads out of the archive")
    fails(add(tmp_path / "none.tar", ("a.txt", b"x")), "contains no image")
    with tarfile.open(tmp_path / "link.tar", "w") as archive:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    fails(
        tmp_path / "link.tar", "'ILSVRC2012_val_00000001.JPEG' is a link to '/etc/passwd', which is not a file in the"
    )


def test_a_tar_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = add(tmp_path / "a.tar", ("ILSVRC2012_val_00000001.JPEG", b"x" * 5000))
    images = opened(path)
    os.truncate(path, 2000)
    with pytest.raises(OSError, match="ends 3,512 bytes too early"):
        images.read(0)


def test_webdataset(tmp_path: Path) -> None:
    def shard(*members: tuple[str, bytes]) -> Path:
        return add(tmp_path / "a-000000.tar", *members)

    assert opened(shard(("s/1.cls", b"7\n"), ("s/1.jpg", b"x"))).manifest.labels.tolist() == [8]
    assert opened(shard(("1.json", b'{"label": 3}'), ("1.png", b"x"))).manifest.image_ids == ("1.png",)
    fails(shard(("1.cls", b"7"), ("1.jpg", b"x"), ("2.jpg", b"y")), "1 images without label .*: 2; make")
    fails(shard(("1.cls", b"7"), ("1.jpg", b"x"), ("2.cls", b"7")), "1 labels without image: 2")
    fails(shard(("1.cls", b"cat"), ("1.jpg", b"x")), "1.cls: 'cat' is not a class")
    fails(shard(("1.json", b'{"label": true}'), ("1.jpg", b"x")), "1.json: 'True' is not a class")
    fails(shard(("1.json", b'{"label": [3]}'), ("1.jpg", b"x")), r"1.json: '\[3\]' is not a class")
    fails(shard(("1.json", b'{"caption": "x"}'), ("1.jpg", b"x")), "1.json: no label in it .label, cls,")
    fails(shard(("1.cls", b"\n"), ("1.jpg", b"x")), "1.cls: no label in it$")
    fails(shard(("1.cls", b"3"), ("1.jpg", b"x"), ("1.png", b"y")), r"the sample 1 has two images, 1\.jpg and 1\.png")
    assert opened(shard(("1.json", b'{"label": 3.0}'), ("1.jpg", b"x"))).manifest.labels.tolist() == [4]
    assert opened(shard(("1.cls", b"\xef\xbb\xbf3\r\n"), ("1.jpg", b"x"))).manifest.labels.tolist() == [4]
    fails(shard(("1.json", b"[" * 30_000), ("1.jpg", b"x")), "1.json: cannot be read")
    fails(shard(("1.cls", b"1000"), ("1.jpg", b"x")), "out of range")
    fails(shard(("1.cls", b"1"), ("1.jpg", b"x"), ("1.jpg", b"y")), "the sample 1 appears twice")


def table(**columns: Any) -> pa.Table:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array([{"bytes": b"x", "path": "a.jpg"}], kind)} | columns)


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "validation.parquet"
    pq.write_table(table(label=pa.array([5], pa.int64())), path)
    assert opened(path).manifest.labels.tolist() == [6]
    for value, words in [
        ([-1], "no label .-1.; this split has no labels"),
        ([None], "no label"),
        ([1000], "out of range"),
    ]:
        pq.write_table(table(label=pa.array(value, pa.int64())), path)
        fails(path, words)
    pq.write_table(table(label=["cat"]), path)
    fails(path, "'cat' is not a class; write a number from 0, a WordNet id, or set dataset.class_names")
    pq.write_table(table(other=[1]), path)
    fails(path, "expected the columns")
    path.write_bytes(path.read_bytes()[:-9])
    fails(path, "cannot be read as Parquet")
    pq.write_table(
        pa.table(
            {"image": pa.array([{"bytes": None, "path": "a.jpg"}], table().schema.field("image").type), "label": [1]}
        ),
        path,
    )
    with pytest.raises(OSError, match="its row has no bytes"):
        opened(path).read(0)


def test_a_damaged_row_group_is_an_unreadable_image(tmp_path: Path) -> None:
    path = tmp_path / "validation.parquet"
    data = os.urandom(20_000)
    kind = table().schema.field("image").type
    column = pa.array([{"bytes": data, "path": "a.jpg"}], kind)
    pq.write_table(pa.table({"image": column, "label": [1]}), path, compression="zstd")
    raw = bytearray(path.read_bytes())
    place = raw.find(data[:200])
    images = opened(path)
    for at in range(max(place, 40) - 36, max(place, 40)):
        raw[at] ^= 0xFF
    path.write_bytes(raw)
    try:
        found = images.read(0)
    except OSError:
        return
    assert len(found) == 20_000  # damage that the format has no checksum for


def test_manifests(tmp_path: Path) -> None:
    touch(tmp_path, "pictures/a.jpg", "pictures/b.jpg")
    path = tmp_path / "mine.csv"
    path.write_text("path,label\npictures/a.jpg,dog\npictures/b.jpg,cat\n")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    images = opened(path, class_names=tmp_path / "names.txt", classes=2, background_class=False)
    assert images.manifest.labels.tolist() == [1, 0]
    path.write_text("path,label\npictures/a.jpg,1\npictures/c.jpg,1\n")
    fails(path, "1 of 2 images are not below")
    kept = opened(path, bad_images={"policy": "wrong", "max": 1})
    with pytest.raises(FileNotFoundError):
        kept.read(1)
    path.write_text("path,label\n/etc/passwd,1\n")
    fails(path, "leads out of the image folder")
    path.write_text("path,label\n")
    fails(path, "lists no image")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "m.parquet")
    fails(tmp_path / "m.parquet", "expected a column of names")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tfrecord(count: int, tmp_path: Path, demo: Sequence[Picture], built_in: Facts) -> None:
    require("tensorflow")
    import tensorflow as tf

    path = tmp_path / "validation-00000-of-00001"

    def write(**values: Any) -> None:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for _ in range(count):
                writer.write(forms._example(tf, {name.replace("__", "/"): value for name, value in values.items()}))

    write(image__encoded=b"x" * 9000, image__class__label=5)
    images = opened(path)
    assert images.manifest.labels.tolist() == [5] * count
    assert [images.read(row) for row in range(count)] == [b"x" * 9000] * count
    write(image__encoded=b"x", image__class__label=0)
    assert opened(path).manifest.labels.tolist() == [1] * count
    write(image__encoded=b"x", image__class__label=7, image__class__synset=b"n01440764")
    fails(path, "label and image/class/synset disagree")
    write(image__encoded=b"x", image__class__label=0, image__class__synset=b"n01440764", image__filename=b"")
    assert any("counts from 0" in note for note in opened(path).notes)
    write(image__encoded=b"x")
    fails(path, "no image with one label")
    write(image__encoded=b"x", image__class__label=1, image__filename=b"../../x")
    fails(path, "leads out")
    write(image__encoded=b"x" * 100, image__class__label=1)
    data = path.read_bytes()
    for cut in range(1, len(data), 7):
        path.write_bytes(data[:cut])
        if cut % (len(data) // count) == 0:
            continue
        fails(path, r"record \d: .*is it a TFRecord of images")
    path.write_bytes(b"\x1f\x8b" + data)
    fails(path, "compressed TFRecord")
    path.write_bytes(os.urandom(500))
    fails(path, "does not agree with its checksum")


def test_missing_shards_are_noted(tmp_path: Path, demo: Sequence[Picture], built_in: Facts) -> None:
    require("tensorflow")
    FORMS["tfrecord"][0](tmp_path / "x", demo, built_in)
    (tmp_path / "x" / "validation-00002-of-00004").unlink()
    images = opened(tmp_path / "x")
    assert len(images.manifest) == 90
    assert any("1 of the 4 shards" in note for note in images.notes)


def test_the_checksum_is_crc32c() -> None:
    """RFC 3720, B.4: 32 zero bytes give 0x8a9136aa, and `123456789` the check value 0xe3069283 of the algorithm."""
    for data, crc in [(bytes(32), 0x8A9136AA), (b"123456789", 0xE3069283)]:
        assert masked_crc32c(data) == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("form", ["tfrecord", "tfds"])
def test_mutated_records_are_read_or_refused_in_words(
    form: str, tmp_path: Path, demo: Sequence[Picture], built_in: Facts
) -> None:
    import numpy as np

    require("tensorflow")
    path, _ = FORMS[form][0](tmp_path / form, demo[:8], built_in)
    shard = min(item for item in path.rglob("*validation*") if item.is_file())
    data, random = shard.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        changed = bytearray(data)
        for place in random.integers(0, min(400, len(data)), 3):
            changed[place] = int(random.integers(0, 256))
        shard.write_bytes(changed)
        try:
            images = opened(path, labels={"trust": True}, classes=10**6)
            [images.read(row) for row in range(len(images.manifest))]
        except (DatasetError, OSError):
            continue


def test_a_pipe_does_not_hang_and_a_folder_is_no_image(tmp_path: Path) -> None:
    touch(tmp_path / "images", "a.jpg")
    os.mkfifo(tmp_path / "images" / "b.jpg")
    (tmp_path / "images.txt").write_text("a.jpg 1\nb.jpg 2\n")
    images = opened(tmp_path / "images")
    assert images.read(0) == b"x"
    with pytest.raises(OSError, match="not an ordinary file"):
        images.read(1)


def test_an_image_of_absurd_size_on_disk_is_not_read(tmp_path: Path) -> None:
    touch(tmp_path / "images", "a.jpg")
    os.truncate(tmp_path / "images" / "a.jpg", 1 << 29)  # sparse
    (tmp_path / "images.txt").write_text("a.jpg 1\n")
    with pytest.raises(OSError, match="more than the 268,435,456 that an image may have"):
        opened(tmp_path / "images").read(0)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "val" / "0")
    (tmp_path / "val" / "0").mkdir(parents=True)
    with open(folder + b"/\xff.jpg", "wb") as stream:
        stream.write(b"x")
    fails(tmp_path / "val", "1 name .*not UTF-8; rename the files")
