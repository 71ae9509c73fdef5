"""Arrow arrays made from numpy and text, and back, by their buffers.

``pyarrow.array`` and ``to_numpy`` import pandas wherever it is installed, which takes as long as a short run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TYPES: dict[np.dtype[Any], pa.DataType] = {
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.float32): pa.float32(),
    np.dtype(np.float64): pa.float64(),
}
_DTYPES: dict[pa.DataType, np.dtype[Any]] = {kind: dtype for dtype, kind in _TYPES.items()}


def numbers(values: NDArray[Any]) -> pa.Array:
    """Return a one-dimensional array as Arrow has it: int32, int64, float32 or float64."""
    plain = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[plain.dtype], len(plain), [None, pa.py_buffer(plain)])


def texts(values: Sequence[str]) -> pa.Array:
    """Return a column of strings."""
    return _joined(pa.string(), [value.encode() for value in values])


def blobs(values: Sequence[bytes]) -> pa.Array:
    """Return a column of bytes."""
    return _joined(pa.binary(), values)


def _joined(kind: pa.DataType, values: Sequence[bytes]) -> pa.Array:
    ends = np.cumsum([0, *map(len, values)], dtype=np.int64)
    if ends[-1] > np.iinfo(np.int32).max:
        return pa.array(values, kind)
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def as_numpy(array: pa.Array) -> NDArray[Any]:
    """Return an array of numbers, as ``array.to_numpy(zero_copy_only=False)`` does; the caller does not write to it."""
    dtype = _DTYPES.get(array.type)
    if dtype is None or array.null_count:
        return array.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
    data = array.buffers()[1]
    if data is None or not len(array):
        return np.empty(0, dtype)
    found: NDArray[Any] = np.frombuffer(data, dtype, len(array), array.offset * dtype.itemsize)
    return found
