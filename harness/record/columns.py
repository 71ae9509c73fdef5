"""Columns of the per-image table as arrays, without `to_numpy` and `pyarrow.array`: they would load pandas (0.2 s)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def flat(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece."""
    import pyarrow as pa

    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def lists_of(column: pa.ChunkedArray) -> Any:
    """Return a column of lists of one length as a numpy array (rows, length). Raises ValueError for other columns."""
    import numpy as np
    import pyarrow.types as kinds

    array = flat(column)
    if not kinds.is_fixed_size_list(array.type) or array.null_count or array.flatten().null_count:
        raise ValueError("not a column of lists of equal length")
    return np.from_dlpack(array.flatten()).reshape(len(array), array.type.list_size)


def numbers_of(column: pa.ChunkedArray) -> Any:
    """Return a column of integers or floats as a read-only numpy array; null is NaN, or -1 among integers."""
    import numpy as np
    import pyarrow.types as kinds

    array = flat(column)
    if array.null_count:
        array = array.fill_null(float("nan") if kinds.is_floating(array.type) else -1)
    return np.from_dlpack(array)
