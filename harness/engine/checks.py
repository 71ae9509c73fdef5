"""What may stop a run before its end: labels that cannot be right, too many bad images, no candidate left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from harness.config import Config
from harness.dataset.image_set import ImageSet
from harness.dataset.labels.answer_check import suspicion
from harness.dataset.manifest import Manifest
from harness.engine.run_folder import RunFolder
from harness.engine.shard import error_of
from harness.errors import ConfigError, DatasetError, HarnessError
from harness.record.shard_table import Failure, ShardTable


def refuse_suspect_labels(config: Config, manifest: Manifest, source: str, table: ShardTable) -> None:
    """Raise DatasetError if the first shard's answers say that the labels of ``manifest`` are wrong in a known way.

    Does nothing for the other shards, and where `labels: {trust: true}` is configured. ``source``: of the labels.
    """
    dataset = config.dataset
    if table.index != 0 or dataset.labels_trusted:
        return
    # Without a reference all candidates have to agree: one alone may be what is wrong.
    asked = [config.reference] if config.reference else config.candidates
    reasons = [
        suspicion(
            table.outcomes[model.id].top1,
            manifest.labels[table.rows.start : table.rows.stop],
            classes=dataset.classes,
            background_class=dataset.background_class,
            model="the reference" if config.reference else model.id,
        )
        for model in asked
        if model.id in table.outcomes
    ]
    if reasons and all(reasons):
        raise DatasetError(f"{source}: {reasons[0]}")


def refuse_failures(reference: str | None, candidates: Sequence[str], failures: Mapping[str, Failure]) -> None:
    """Raise where the reference failed, or every candidate: what is wrong with each, required ones first."""
    if reference is not None and reference in failures:
        raise error_of(failures[reference])
    failed = [failures[model] for model in candidates if model in failures]
    if len(failed) < len(candidates):
        return
    errors: list[HarnessError] = [error_of(failure) for failure in sorted(failed, key=lambda item: item.unavailable)]
    reasons = list(dict.fromkeys(str(error) for error in errors))
    raise errors[0] if len(reasons) == 1 else type(errors[0])("\n  ".join(["no candidate can run", *reasons]))


def too_many_bad_images(config: Config, manifest: Manifest, bad: Mapping[int, str], images: int) -> DatasetError:
    """Return the error that names the bad images, the first twenty of them. ``images``: they are a share of so many."""
    limit = config.dataset.bad_images.tolerated(images)
    names = [f"{manifest.image_ids[row]}: {reason}" for row, reason in sorted(bad.items())]
    shown = "\n  ".join(names[:20]) + (
        f"\n  ... and {len(names) - 20} more, all in run.json" if len(names) > 20 else ""
    )
    asked = config.dataset.bad_images
    by_share = f", which is {asked.max_percent:g} % of {images:,}" if limit < asked.max else ""
    by_share = by_share if asked.policy != "fail" else ""
    allowed = f" (bad_images.policy is {asked.policy}, {limit} allowed{by_share})"
    plural = "s" if len(names) > 1 else ""
    key = "dataset.bad_images.max_percent" if by_share else "dataset.bad_images"
    return DatasetError(f"{len(names)} bad image{plural}{allowed}; fix them, or set {key}\n  {shown}")


def finished_tables(images: ImageSet, folder: RunFolder, shards: Sequence[tuple[int, range]]) -> list[ShardTable]:
    """Return the tables of an interrupted run that still hold: sound ones, whose images are the same bytes.

    Raises ConfigError if an image changed since its shard was made.
    """
    tables = []
    for index, rows in shards:
        table = folder.load(index, rows)
        if table is None:
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
    """Return whether a row's image is the same: by size and time of change, and by its bytes where those differ."""
    try:
        if images.signature(row) == signature:
            return True
        return hashlib.sha256(images.read(row)).digest() == digest
    except OSError:
        return digest == b""
