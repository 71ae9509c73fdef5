"""The mark of near-ties as columns of the per-image table, for reports that show the table as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.record.schema import RunRecord

if TYPE_CHECKING:
    import pyarrow as pa


def with_near_ties(record: RunRecord, table: pa.Table) -> pa.Table:
    """Return the table with a column ``<candidate>.near_tie`` for every comparison: 1 for a near-tie, else 0."""
    import numpy as np
    import pyarrow as pa

    from harness.report.facts.per_image import pairs, per_image

    images = per_image(record, table)
    if images is None:
        return table
    for reference, candidate in pairs(record, images):
        marks = images.near_ties(reference, candidate).astype(np.int32)
        # From the buffer: `pa.array` of numbers imports pandas where it is installed.
        column = pa.Array.from_buffers(pa.int32(), len(marks), [None, pa.py_buffer(marks)])
        table = table.append_column(f"{candidate}.near_tie", column)
    return table
