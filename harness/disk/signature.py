"""What every write to a file and every replacement of it changes."""

from __future__ import annotations

import os


def signature_of(status: os.stat_result) -> str:
    """Return a file's device, number, size and times as one text."""
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
