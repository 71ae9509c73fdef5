"""What pyarrow raises for data that are not what they claim to be; they come from outside, so any of it may happen."""

from __future__ import annotations


def arrow_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of reading damaged or foreign Arrow and Parquet files, for an ``except`` clause."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, LookupError, TypeError, NotImplementedError, MemoryError)
