"""The errors that pyarrow raises for invalid data; the data is untrusted, so any of them may occur."""

from __future__ import annotations


def arrow_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of reading damaged or foreign Arrow and Parquet files, for an ``except`` clause."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, LookupError, TypeError, NotImplementedError, MemoryError)
