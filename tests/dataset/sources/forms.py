"""Every form of the same images, made by the libraries that such forms are made with, never by the code under test."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io

WNIDS = 1000


@dataclass(frozen=True)
class Picture:
    """An image with an official name (`ILSVRC2012_val_00000001.JPEG`) and its class 0..999."""

    name: str
    data: bytes
    label: int

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Facts:
    """The lists of the test bed, or others like them: ``labels`` of all 50,000 images, ``wnids`` in sorted order."""

    labels: Sequence[int]
    wnids: Sequence[str]


Maker = Callable[[Path, Sequence[Picture], Facts], tuple[Path, str]]


def flat(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    images = folder / "images"
    images.mkdir(parents=True)
    for picture in pictures:
        (images / picture.name).write_bytes(picture.data)
    return images, "auto"


def listed(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    images, _ = flat(folder, pictures, facts)
    (folder / "images.txt").write_text("".join(f"{item.name} {item.label}\n" for item in pictures))
    return images, "auto"


def listed_csv(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    """Sub-folders in the names, a header, quotes, another order, WordNet ids."""
    images = folder / "images"
    with_rows = io.StringIO()
    writer = csv.writer(with_rows, quoting=csv.QUOTE_ALL)
    writer.writerow(["label", "filename"])
    for number, picture in enumerate(reversed(pictures)):
        name = f"part {number % 3}/{picture.name}"
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(picture.data)
        writer.writerow([facts.wnids[picture.label], name])
    (folder / "mine.csv").write_text(with_rows.getvalue())
    return images, str(folder / "mine.csv")


def wordnet_folders(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    for picture in pictures:
        place = folder / "val" / facts.wnids[picture.label]
        place.mkdir(parents=True, exist_ok=True)
        (place / picture.name).write_bytes(picture.data)
    return folder / "val", "auto"


def number_folders(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    for picture in pictures:
        place = folder / "val" / str(picture.label)
        place.mkdir(parents=True, exist_ok=True)
        (place / picture.name).write_bytes(picture.data)
    return folder / "val", "auto"


def devkit_files(facts: Facts, order: Sequence[int]) -> tuple[bytes, bytes]:
    """Return the ground truth and `meta.mat` of a devkit whose id i + 1 is the class ``order[i]``.

    The struct array has the fields of the real one, and behind the 1,000 classes 860 inner nodes.
    """
    devkit_id = {label: number for number, label in enumerate(order, start=1)}
    truth = "".join(f"{devkit_id[label]}\n" for label in facts.labels).encode()
    kinds = [
        ("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("gloss", object), ("num_children", object),
        ("children", object), ("wordnet_height", object), ("num_train_images", object),
    ]  # fmt: skip
    synsets = np.empty((1860, 1), kinds)
    for row in range(1860):
        wnid = facts.wnids[order[row]] if row < WNIDS else f"n9{row:07d}"
        children = [] if row < WNIDS else [row - 999, row - 998]
        synsets[row, 0] = (
            np.array([[row + 1.0]]), wnid, "words, of it", "a gloss", np.array([[float(len(children))]]),
            np.array([children], float), np.array([[0.0]]), np.array([[1300.0]]),
        )  # fmt: skip
    sink: Any = io.BytesIO()
    scipy.io.savemat(sink, {"synsets": synsets})
    return truth, bytes(sink.getvalue())


def _devkit_order() -> list[int]:
    return [int(index) for index in np.random.default_rng(2012).permutation(WNIDS)]


def devkit(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    images, _ = flat(folder, pictures, facts)
    data = folder / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    truth, meta = devkit_files(facts, _devkit_order())
    (data / "ILSVRC2012_validation_ground_truth.txt").write_bytes(truth)
    (data / "meta.mat").write_bytes(meta)
    return images, str(data.parent)


def devkit_archive(path: Path, facts: Facts) -> Path:
    truth, meta = devkit_files(facts, _devkit_order())
    with tarfile.open(path, "w:gz") as archive:
        _add(archive, "ILSVRC2012_devkit_t12/readme.txt", b"read me")
        _add(archive, "ILSVRC2012_devkit_t12/data/meta.mat", meta)
        _add(archive, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", truth)
    return path


def kaggle(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    place = folder / "ILSVRC" / "Data" / "CLS-LOC" / "val"
    place.mkdir(parents=True)
    rows = ["ImageId,PredictionString"]
    for number, picture in enumerate(pictures):
        (place / picture.name).write_bytes(picture.data)
        box = f"{facts.wnids[picture.label]} {number} 1 499 272"
        rows.append(f"{picture.stem},{' '.join([box] * (1 + number % 3))} ")
    (folder / "LOC_val_solution.csv").write_text("\n".join(rows) + "\n")
    return folder, "auto"


def xml_annotations(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    images, _ = kaggle(folder, pictures, facts)
    (folder / "LOC_val_solution.csv").unlink()
    place = folder / "ILSVRC" / "Annotations" / "CLS-LOC" / "val"
    place.mkdir(parents=True)
    for picture in pictures:
        thing = f"<object>\n\t\t<name>{facts.wnids[picture.label]}</name><bndbox><xmin>1</xmin></bndbox>\n\t</object>"
        (place / f"{picture.stem}.xml").write_text(
            f"<annotation>\n\t<folder>val</folder>\n\t<filename>{picture.stem}</filename>\n\t{thing}\n\t{thing}\n</annotation>\n"
        )
    return images, "auto"


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def original_tar(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    folder.mkdir(parents=True)
    path = folder / "ILSVRC2012_img_val.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for picture in reversed(pictures):
            _add(archive, picture.name, picture.data)
    return path, "auto"


def tar_with_devkit(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    path, _ = original_tar(folder, pictures, facts)
    devkit_archive(folder / "ILSVRC2012_devkit_t12.tar.gz", facts)
    return path, "auto"


def _example(tf: Any, values: dict[str, Any]) -> bytes:
    features = {}
    for name, value in values.items():
        if isinstance(value, int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        elif isinstance(value, list):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
        else:
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def tfrecord(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    """As TensorFlow's ImageNet script writes them: label from 1, boxes, and the like."""
    import tensorflow as tf

    folder.mkdir(parents=True)
    for shard in range(4):
        with tf.io.TFRecordWriter(str(folder / f"validation-{shard:05d}-of-00004")) as writer:
            for picture in pictures[shard::4]:
                values: dict[str, Any] = {
                    "image/height": 227, "image/width": 227, "image/colorspace": b"RGB", "image/channels": 3,
                    "image/class/label": picture.label + 1, "image/class/synset": facts.wnids[picture.label].encode(),
                    "image/class/text": b"words", "image/object/bbox/xmin": [0.1, 0.2], "image/format": b"JPEG",
                    "image/filename": picture.name.encode(), "image/encoded": picture.data,
                }  # fmt: skip
                writer.write(_example(tf, values))
    return folder, "auto"


def tfds(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    """As TensorFlow Datasets prepares them, with a train shard that is not wanted."""
    import tensorflow as tf

    place = folder / "imagenet2012" / "5.1.0"
    place.mkdir(parents=True)
    for shard in range(2):
        name = f"imagenet2012-validation.tfrecord-{shard:05d}-of-00002"
        with tf.io.TFRecordWriter(str(place / name)) as writer:
            for picture in pictures[shard::2]:
                values = {"image": picture.data, "label": picture.label, "file_name": picture.name.encode()}
                writer.write(_example(tf, values))
    with tf.io.TFRecordWriter(str(place / "imagenet2012-train.tfrecord-00000-of-01024")) as writer:
        writer.write(_example(tf, {"image": b"x", "label": 1, "file_name": b"train.JPEG"}))
    (place / "label.labels.txt").write_text("\n".join(facts.wnids) + "\n")
    (place / "features.json").write_text("{}")
    (place / "dataset_info.json").write_text("{}")
    return folder / "imagenet2012", "auto"


def _webdataset(folder: Path, pictures: Sequence[Picture], suffix: str, label: Callable[[Picture], bytes]) -> None:
    folder.mkdir(parents=True)
    for shard in range(3):
        with tarfile.open(folder / f"imagenet-val-{shard:06d}.tar", "w") as archive:
            for picture in pictures[shard::3]:
                _add(archive, f"{picture.stem}.{suffix}", label(picture))
                _add(archive, f"{picture.stem}.jpg", picture.data)


def webdataset_cls(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    _webdataset(folder, pictures, "cls", lambda item: str(item.label).encode())
    return folder, "auto"


def webdataset_json(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    _webdataset(folder, pictures, "json", lambda item: json.dumps({"label": item.label, "text": "x"}).encode())
    return folder, "auto"


def _image_table(pictures: Sequence[Picture], facts: Facts) -> pa.Table:
    images = [{"bytes": item.data, "path": f"{item.stem}_{facts.wnids[item.label]}.JPEG"} for item in pictures]
    labels = [item.label for item in pictures]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(images, kind), "label": pa.array(labels, pa.int64())})


def parquet(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    """As Hugging Face ships it: a repository with a data folder, and shards of other splits beside."""
    place = folder / "data"
    place.mkdir(parents=True)
    half = len(pictures) // 2
    for shard, part in enumerate((pictures[:half], pictures[half:])):
        pq.write_table(
            _image_table(part, facts), place / f"validation-{shard:05d}-of-00002.parquet", row_group_size=100
        )
    pq.write_table(_image_table(pictures[:1], facts), place / "train-00000-of-00001.parquet")
    return folder, "auto"


def manifest_csv(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    flat(folder, pictures, facts)
    rows = [f"images/{item.name}\t{item.label}" for item in pictures]
    (folder / "manifest.tsv").write_text("\n".join(["path\tlabel", *rows]) + "\n")
    return folder / "manifest.tsv", "auto"


def manifest_parquet(folder: Path, pictures: Sequence[Picture], facts: Facts) -> tuple[Path, str]:
    flat(folder, pictures, facts)
    names = [f"images/{item.name}" for item in pictures]
    table = pa.table({"path": names, "label": pa.array([item.label for item in pictures], pa.int32())})
    pq.write_table(table, folder / "manifest.parquet")
    return folder / "manifest.parquet", "auto"


FORMS: dict[str, tuple[Maker, str]] = {  # the maker, and the form that should be recognised
    "flat": (flat, "flat"),
    "list": (listed, "list"),
    "list_csv": (listed_csv, "list"),
    "wordnet_folders": (wordnet_folders, "class_folders"),
    "number_folders": (number_folders, "class_folders"),
    "devkit": (devkit, "devkit"),
    "kaggle": (kaggle, "kaggle"),
    "annotations": (xml_annotations, "kaggle"),
    "tar": (original_tar, "tar"),
    "tar_with_devkit": (tar_with_devkit, "tar"),
    "tfrecord": (tfrecord, "tfrecord"),
    "tfds": (tfds, "tfds"),
    "webdataset_cls": (webdataset_cls, "webdataset"),
    "webdataset_json": (webdataset_json, "webdataset"),
    "parquet": (parquet, "parquet"),
    "manifest_csv": (manifest_csv, "manifest"),
    "manifest_parquet": (manifest_parquet, "manifest"),
}
NEED_TENSORFLOW = {"tfrecord", "tfds"}
