"""Parquet files as people write them: which column is the image, which the label, and in which types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_images_as_plain_bytes(tmp_path: Path, kind: Any) -> None:
    check(opened(tmp_path, [("image", pa.array(BYTES, kind)), ("label", [3, 4])]), [3, 4])


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        (pa.array(WNIDS), [0, 999]),
        (pa.array(WNIDS).dictionary_encode(), [0, 999]),
        (pa.array(WNIDS, pa.large_string()), [0, 999]),
        (pa.array([3.0, 4.0]), [3, 4]),
        (pa.array([3.0, 4.0], pa.float32()), [3, 4]),
        (pa.array(["3", "4"]), [3, 4]),
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
        ([("image", pa.array([{"bytes": "text"}] * 2)), ("label", [3, 4])], r"image\.bytes holds string"),
        ([("image", pa.array([{"bytes": 5}] * 2)), ("label", [3, 4])], r"image\.bytes holds int64"),
        ([("image", STRUCT), ("label", [3.5, 4.0])], "'3.5' is no class"),
        ([("image", STRUCT), ("label", [True, False])], "'True' is no class"),
        ([("image", STRUCT), ("label", ["n00000000", "n01440764"])], "none of the 1,000 WordNet ids"),
        ([("image", STRUCT), ("label", [3, 4]), ("label", [5, 6])], "the column label stands twice"),
        ([("image", STRUCT), ("image", STRUCT), ("label", [3, 4])], "the column image stands twice"),
        ([("one", STRUCT), ("two", STRUCT), ("label", [3, 4])], "the columns one and two may both be the images"),
        ([("image", STRUCT), ("label", pa.array([None, 4], pa.float64()))], "no label .None."),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, columns: list[tuple[str, Any]], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        opened(tmp_path, columns)
