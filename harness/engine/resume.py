"""Which shards of an interrupted run still hold: their tables are sound, and their images are the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from harness.dataset.image_set import ImageSet
from harness.engine.run_folder import RunFolder
from harness.errors import ConfigError
from harness.record.shard_table import ShardTable


def resumable(
    images: ImageSet, folder: RunFolder, shards: Sequence[tuple[int, range]], models: Sequence[str]
) -> list[ShardTable]:
    """Return the finished tables of ``shards`` that have all ``models``.

    Raises ConfigError where an image changed since its shard was made.
    """
    wanted = set(models)
    tables = []
    for index, rows in shards:
        table = folder.load(index, rows)
        if table is None or not wanted <= set(table.outcomes):
            continue
        for place, row in enumerate(rows):
            if not _same(images, row, table.signatures[place], table.image_digests[place]):
                raise ConfigError(
                    f"{folder.folder}: cannot be resumed, because the image {images.manifest.image_ids[row]} was "
                    "replaced since the run began. Start a new run without --resume"
                )
        tables.append(table)
    return tables


def _same(images: ImageSet, row: int, signature: str, digest: bytes) -> bool:
    """Tell whether a row's image is the same: by size and time of change, and by its bytes where those differ."""
    try:
        if images.signature(row) == signature:
            return True
        return hashlib.sha256(images.read(row)).digest() == digest
    except OSError:
        return digest == b""
