"""The labels held against the reference's answers on the first shard, before anything is measured with them."""

from __future__ import annotations

from harness.config import Config
from harness.dataset.labels.answer_check import suspicion
from harness.dataset.manifest import Manifest
from harness.errors import DatasetError
from harness.record.shard_table import ShardTable


def refuse_suspect_labels(config: Config, manifest: Manifest, source: str, table: ShardTable) -> None:
    """Raise DatasetError where the first shard's answers say that the labels of ``manifest`` are wrong in a known way.

    Does nothing for the other shards, and where `labels: {trust: true}` is configured. ``source``: of the labels.
    """
    dataset = config.dataset
    if table.index != 0 or dataset.labels_trusted:
        return
    reason = suspicion(
        table.outcomes[config.reference.id].top1,
        manifest.labels[table.rows.start : table.rows.stop],
        classes=dataset.classes,
        background_class=dataset.background_class,
    )
    if reason:
        raise DatasetError(f"{source}: {reason}")
