"""URLs where a configuration may name files in an object store or on a server, instead of a path.

A ``Path`` keeps one slash of two, ``s3:/bucket/val``; :func:`url_of` gives the URL back.
"""

from __future__ import annotations

import re
from pathlib import Path

SCHEMES = ("s3", "gs", "https", "http", "file", "memory")
_ANY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://.+")
_KEPT = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):/+(.+)", re.DOTALL)


def is_url(text: str) -> bool:
    """Return whether a value is written as a URL, of any scheme."""
    return bool(_ANY.match(text))


def url_of(path: Path | str) -> str | None:
    """Return the URL that a path stands for; None if it is an ordinary path."""
    found = _KEPT.fullmatch(str(path))
    if not found or found[1].lower() not in (*SCHEMES, *_REFUSED):
        return None
    scheme = found[1].lower()
    return f"{scheme}://{'/' if scheme == 'file' else ''}{found[2]}"


_REFUSED = ("gcs", "ftp", "sftp", "hdfs", "az", "abfs", "adl", "github", "hf", "zip", "reference", "simplecache")
