from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.dataset.image_set import ImageSet
from harness.engine.checks import finished_tables
from harness.engine.run_folder import RunFolder
from harness.errors import ConfigError
from tests.engine.conftest import Memory, picture, table

SHARDS = [(0, range(4)), (1, range(4, 8))]


def finished(tmp_path: Path, memory: Memory) -> tuple[ImageSet, RunFolder]:
    """Return an image set and a run folder in which shard 1 is finished; image 5 could not be read then."""
    import hashlib

    made = table(1, range(4, 8))
    digests = tuple(b"" if row == 5 else hashlib.sha256(picture(memory.values[row])).digest() for row in range(4, 8))
    signatures = tuple("" if row == 5 else f"signature {row}" for row in range(4, 8))
    folder = RunFolder(tmp_path)
    with folder:
        folder.save(dataclasses.replace(made, image_digests=digests, signatures=signatures))
    return memory.set(), folder


def gone(memory: Memory) -> Memory:
    memory.bad[5] = FileNotFoundError("gone")
    return memory


def test_untouched_images_are_not_even_read(tmp_path: Path) -> None:
    memory = gone(Memory(range(8)))
    images, folder = finished(tmp_path, memory)
    assert [each.index for each in finished_tables(images, folder, SHARDS)] == [1]
    assert set(memory.reads) <= {5}


def test_a_touched_image_with_the_same_bytes_is_the_same(tmp_path: Path) -> None:
    memory = gone(Memory(range(8)))
    images, folder = finished(tmp_path, memory)
    touched = dataclasses.replace(images, signature=lambda row: f"touched {row}")
    assert len(finished_tables(touched, folder, SHARDS)) == 1
    assert {4, 6, 7} <= set(memory.reads)


@pytest.mark.parametrize("instead", [picture(99), FileNotFoundError("gone")])
def test_a_replaced_image_is_refused_by_name(tmp_path: Path, instead: bytes | OSError) -> None:
    memory = gone(Memory(range(8)))
    images, folder = finished(tmp_path, memory)
    memory.bad[6] = instead
    touched = dataclasses.replace(images, signature=lambda row: "other" if row == 6 else images.signature(row))
    with pytest.raises(ConfigError, match="the image image-6 was replaced since the run began"):
        finished_tables(touched, folder, SHARDS)


def test_an_image_that_was_unreadable_and_is_there_now_is_refused(tmp_path: Path) -> None:
    images, folder = finished(tmp_path, Memory(range(8)))
    with pytest.raises(ConfigError, match="image-5 was replaced"):
        finished_tables(images, folder, SHARDS)
