"""Names in the rows of Parquet, Arrow and TFRecord files: the position is the identity, and clutter is no image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError
from tests.dataset.sources.tfrecord_files import Row, write_tfrecord

Write = Callable[[Path, Sequence[Row]], None]


def _table(rows: Sequence[Row]) -> pa.Table:
    images = [{"bytes": data, "path": name} for name, data, _ in rows]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(images, kind), "label": pa.array([label for *_, label in rows], pa.int64())})


def _parquet(folder: Path, rows: Sequence[Row]) -> None:
    pq.write_table(_table(rows), folder / "validation.parquet", row_group_size=2)


def _arrow(folder: Path, rows: Sequence[Row]) -> None:
    with pa.ipc.new_stream(folder / "validation.arrow", _table(rows).schema) as writer:
        writer.write_table(_table(rows), max_chunksize=2)


@pytest.fixture(params=[_parquet, _arrow, write_tfrecord], ids=["parquet", "arrow", "tfrecord"])
def write(request: pytest.FixtureRequest) -> Write:
    made: Write = request.param
    return made


def opened(folder: Path, write: Write, *rows: Row) -> ImageSet:
    write(folder, rows)
    return open_image_set(Dataset(path=folder, background_class=False, classes=10, class_names=_names(folder)))


def _names(folder: Path) -> Path:
    """Ten classes, so that no table of ImageNet is asked."""
    path = folder / "names.txt"
    path.write_text("".join(f"class {number}\n" for number in range(10)))
    return path


def test_a_name_that_repeats_with_other_bytes_is_told_by_its_position(tmp_path: Path, write: Write) -> None:
    images = opened(tmp_path, write, ("a.jpg", b"1", 1), ("b.jpg", b"2", 2), ("a.jpg", b"3", 3))
    first, second, third = images.manifest.image_ids
    assert second == "b.jpg"
    assert first != third
    assert all(name.endswith("/a.jpg") for name in (first, third))
    assert images.manifest.labels.tolist() == [1, 2, 3]
    assert [images.read(row) for row in range(3)] == [b"1", b"2", b"3"]


def test_a_name_that_repeats_with_the_same_bytes_is_an_image_twice(tmp_path: Path, write: Write) -> None:
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        opened(tmp_path, write, ("a.jpg", b"1", 1), ("a.jpg", b"1", 1))


def test_rows_that_a_system_left_behind_are_ignored_with_a_note(tmp_path: Path, write: Write) -> None:
    rows = [("__MACOSX/._a.jpg", b"x", 7), ("a.jpg", b"1", 1), ("Thumbs.db", b"x", 7), ("b.jpg", b"2", 2)]
    images = opened(tmp_path, write, *rows, ("@eaDir/a.jpg", b"x", 7))
    assert list(images.manifest.image_ids) == ["a.jpg", "b.jpg"]
    assert images.manifest.labels.tolist() == [1, 2]
    assert [images.read(row) for row in range(2)] == [b"1", b"2"]
    assert images.signature(0) != images.signature(1)
    assert any(
        "3 rows that are not images, created by the system, such as @eaDir/a.jpg" in note for note in images.notes
    )
