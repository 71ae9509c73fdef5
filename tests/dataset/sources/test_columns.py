"""Parquet files as people write them: which column is the image, which the label, and in which types."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError

BYTES = [b"first", b"second"]
WNIDS = ["n01440764", "n15075141"]  # the first and the last of the 1,000
STRUCT = pa.array(
    [{"bytes": data, "path": f"{data.decode()}.jpg"} for data in BYTES],
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
)


def opened(folder: Path, columns: list[tuple[str, Any]], **keys: Any) -> ImageSet:
    arrays = [pa.array(values) if isinstance(values, list) else values for _, values in columns]
    path = folder / "validation.parquet"
    pq.write_table(pa.Table.from_arrays(arrays, [name for name, _ in columns]), path)
    return open_image_set(Dataset(path=path, background_class=False, **keys))


def check(images: ImageSet, labels: list[int]) -> None:
    assert images.form == "parquet"
    assert images.manifest.labels.tolist() == labels
    assert [images.read(row) for row in range(2)] == BYTES


PLAIN = [
    pa.array(BYTES),
    pa.array(BYTES, pa.large_binary()),
    pa.array(BYTES, pa.binary_view()),
    pa.array(BYTES).dictionary_encode(),
    pa.array([list(data) for data in BYTES], pa.list_(pa.uint8())),
    pa.array([list(data) for data in BYTES], pa.large_list(pa.uint8())),
]


@pytest.mark.parametrize("images", PLAIN)
def test_images_as_plain_bytes(tmp_path: Path, images: Any) -> None:
    check(opened(tmp_path, [("image", images), ("label", [3, 4])]), [3, 4])


@pytest.mark.parametrize("images", PLAIN)
def test_images_as_plain_bytes_in_arrow_files(tmp_path: Path, images: Any) -> None:
    table = pa.table({"image": images, "label": [3, 4]})
    with pa.ipc.new_stream(str(tmp_path / "cache.arrow"), table.schema) as writer:
        writer.write_table(table)
    check(open_image_set(Dataset(path=tmp_path, background_class=False)), [3, 4])


def test_images_of_one_size_in_bytes(tmp_path: Path) -> None:
    data = [b"12345678", b"abcdefgh"]
    for kind in (pa.array(data, pa.binary(8)), pa.array([list(item) for item in data], pa.list_(pa.uint8(), 8))):
        images = opened(tmp_path, [("image", kind), ("label", [3, 4])])
        assert [images.read(row) for row in range(2)] == data


def test_a_list_of_bytes_with_a_gap_is_a_bad_image(tmp_path: Path) -> None:
    images = opened(tmp_path, [("image", pa.array([[1, None], [2, 3]], pa.list_(pa.uint8()))), ("label", [3, 4])])
    with pytest.raises(OSError, match="a list with gaps in its row"):
        images.read(0)
    assert images.read(1) == b"\2\3"


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        (pa.array(WNIDS), [0, 999]),
        (pa.array(WNIDS).dictionary_encode(), [0, 999]),
        (pa.array(WNIDS, pa.large_string()), [0, 999]),
        (pa.array([3.0, 4.0]), [3, 4]),
        (pa.array([3.0, 4.0], pa.float32()), [3, 4]),
        (pa.array(["3", "4"]), [3, 4]),
        (pa.array([Decimal(3), Decimal("4.00")]), [3, 4]),
        (pa.array([3, 4], pa.uint8()), [3, 4]),
        (pa.array([3, 4], pa.int16()).dictionary_encode(), [3, 4]),
    ],
)
def test_labels_of_every_type(tmp_path: Path, labels: Any, right: list[int]) -> None:
    check(opened(tmp_path, [("image", STRUCT), ("label", labels)]), right)


def test_names_of_classes(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    images = opened(
        tmp_path, [("image", STRUCT), ("label", ["cat", "dog"])], classes=2, class_names=tmp_path / "names.txt"
    )
    check(images, [1, 0])


@pytest.mark.parametrize(
    "before",
    [
        pa.array([{"bytes": 5, "path": "x"}] * 2),
        pa.array([{"bytes": "text"}] * 2),
        pa.array([{"x": 1.5, "y": 2.5}] * 2),
        pa.array([{"bytes": b"mask", "path": "mask.png"}] * 2, STRUCT.type),
        pa.array([b"thumbnail"] * 2),
    ],
)
def test_another_column_first(tmp_path: Path, before: Any) -> None:
    check(opened(tmp_path, [("extra", before), ("image", STRUCT), ("label", [3, 4])]), [3, 4])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([("image", pa.array([{"bytes": "text"}] * 2)), ("label", [3, 4])], r"image\.bytes contains string"),
        ([("image", pa.array([{"bytes": 5}] * 2)), ("label", [3, 4])], r"image\.bytes contains int64"),
        ([("image", STRUCT), ("label", [3.5, 4.0])], "'3.5' is not a class"),
        ([("image", STRUCT), ("label", [True, False])], "'True' is not a class"),
        ([("image", STRUCT), ("label", ["n00000000", "n01440764"])], "is not one of the 1,000 WordNet ids"),
        ([("image", STRUCT), ("label", [3, 4]), ("label", [5, 6])], "the column label appears twice"),
        ([("image", STRUCT), ("image", STRUCT), ("label", [3, 4])], "the column image appears twice"),
        (
            [
                ("image", pa.StructArray.from_arrays([pa.array(BYTES), pa.array(BYTES)], names=["bytes", "bytes"])),
                ("label", [3, 4]),
            ],
            r"image\.bytes appears twice",
        ),
        ([("image", pa.array([{"path": "a"}] * 2)), ("label", [3, 4])], "image contains struct.*where names of images"),
        ([("image", pa.array([[1, 2], [3, 4]])), ("label", [3, 4])], "image contains list.*where names of images"),
        ([("path", ["a", "b"]), ("label", pa.array([{"id": 1}] * 2))], "label contains struct.*where classes are"),
        ([("path", ["a", "b"]), ("label", [3, 4]), ("label", [5, 6])], "the column label appears twice"),
        ([("one", STRUCT), ("two", STRUCT), ("label", [3, 4])], "the columns one and two may both contain the images"),
        ([("image", STRUCT), ("label", pa.array([None, 4], pa.float64()))], "no label .None."),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, columns: list[tuple[str, Any]], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        opened(tmp_path, columns)


@pytest.mark.parametrize("write", [pa.ipc.new_stream, pa.ipc.new_file])
@pytest.mark.parametrize("shards", [False, True])
def test_arrow_files_of_a_cache(tmp_path: Path, write: Any, *, shards: bool) -> None:
    """A cache folder has shards of several splits, and `dataset_info.json` beside them."""
    table = pa.table({"image": STRUCT, "label": pa.array([3, 4])})
    parts = {"x-train.arrow": table, "x-validation-00000-of-00002.arrow": table[:1]}
    parts["x-validation-00001-of-00002.arrow"] = table[1:]
    (tmp_path / "dataset_info.json").write_text("{}")
    for name, part in (parts if shards else {"x-validation.arrow": table}).items():
        with write(str(tmp_path / name), table.schema) as sink:
            sink.write_table(part, max_chunksize=1)
    images = open_image_set(Dataset(path=tmp_path, background_class=False))
    check(images, [3, 4])
    assert images.manifest.image_ids == ("first.jpg", "second.jpg")


def test_damaged_arrow_files_are_refused_or_read_and_never_crash(tmp_path: Path) -> None:
    path = tmp_path / "validation.arrow"
    with pa.ipc.new_stream(str(path), pa.schema([("image", STRUCT.type), ("label", pa.int64())])) as sink:
        sink.write_table(pa.table({"image": STRUCT, "label": [3, 4]}))
    data, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for turn in range(300):
        changed = bytearray(data)
        for place in random.integers(0, len(data), 3):
            changed[place] = int(random.integers(0, 256))
        path.unlink()
        path.write_bytes(changed if turn % 2 else data[: int(random.integers(1, len(data)))])
        try:
            images = open_image_set(Dataset(path=path, background_class=False))
            [images.read(row) for row in range(len(images.manifest))]
        except (DatasetError, OSError):
            refused += 1
    assert refused > 100


def stated(names: list[str]) -> dict[str, str]:
    """Return the metadata that Hugging Face's `datasets` writes for labels that are a `ClassLabel`."""
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def as_parquet(table: pa.Table, folder: Path) -> Path:
    pq.write_table(table, folder / "validation.parquet")
    return folder


def as_arrow(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_stream(str(folder / "cache.arrow"), table.schema) as writer:
        writer.write_table(table)
    return folder


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
def test_numbers_count_in_the_order_of_the_names_that_the_file_states(tmp_path: Path, write: Any) -> None:
    table = pa.table({"image": STRUCT, "label": [0, 1]}).replace_schema_metadata(stated(WNIDS[::-1]))
    folder = write(table, tmp_path)
    check(open_image_set(Dataset(path=folder, background_class=False)), [999, 0])
    (tmp_path / "names.txt").write_text("\n".join(["cat", *WNIDS]))
    own = Dataset(path=folder, background_class=False, class_names=tmp_path / "names.txt", classes=3)
    check(open_image_set(own), [2, 1])


@pytest.mark.parametrize("write", [as_parquet, as_arrow])
@pytest.mark.parametrize("names", [["tench, Tinca tinca", "toilet tissue"], [WNIDS[1], "cat"], []])
def test_names_that_are_not_all_known_leave_numbers_alone(tmp_path: Path, write: Any, names: list[str]) -> None:
    table = pa.table({"image": STRUCT, "label": [1, 0]}).replace_schema_metadata(stated(names))
    check(open_image_set(Dataset(path=write(table, tmp_path), background_class=False)), [1, 0])


@pytest.mark.parametrize("text", ["{", "[]", '{"info": null}', '{"info": {"features": {"label": 3}}}'])
def test_metadata_of_another_kind_are_ignored(tmp_path: Path, text: str) -> None:
    table = pa.table({"image": STRUCT, "label": [1, 0]}).replace_schema_metadata({"huggingface": text})
    check(open_image_set(Dataset(path=as_parquet(table, tmp_path), background_class=False)), [1, 0])


@pytest.mark.parametrize(("image", "label"), [("webp", "cls"), ("image", "class_id"), ("img", "label_idx")])
def test_further_names_of_columns(tmp_path: Path, image: str, label: str) -> None:
    check(opened(tmp_path, [(image, BYTES), (label, [3, 4])]), [3, 4])
