"""Where the files of a tar archive lie inside it, found in one pass over its headers; nothing is unpacked."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from harness.dataset.remote.mirror import present
from harness.errors import DatasetError

_MEMBERS = 20_000_000


def members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (name, offset, length) of every ordinary file of an uncompressed tar archive, in its order.

    Raises DatasetError where the archive is compressed, cut off or damaged, or a name leads out of it.
    """
    present(path)
    try:
        size = os.stat(path).st_size  # noqa: PTH116
        with path.open("rb") as stream:
            if stream.read(2) == b"\x1f\x8b":
                raise DatasetError(f"{path}: compressed, so that images cannot be read in place; `gunzip` it first")
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                for count, member in enumerate(archive):
                    archive.members = []  # type: ignore[attr-defined]  # otherwise every header stays in memory
                    if count >= _MEMBERS:
                        raise DatasetError(f"{path}: more than {_MEMBERS:,} members")
                    if not member.isreg() or member.issparse():
                        continue
                    if member.offset_data + member.size > size:
                        raise DatasetError(f"{path}: the archive is cut off inside {member.name}; fetch it again")
                    if member.name.startswith("/") or ".." in member.name.split("/"):
                        raise DatasetError(f"{path}: the member {member.name[:80]!r} leads out of the archive")
                    yield member.name.removeprefix("./"), member.offset_data, member.size
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DatasetError(f"{path}: damaged or cut off: {error}; fetch it again") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from None
