"""Files that a reader sees whole or not at all, and the words for those that cannot be written."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.disk.temporary_files import TemporaryFile, remove_left
from harness.errors import RecordError

FREE = "free some space, then run the same command again"
_SCHEMES = frozenset(
    ("http", "https", "s3", "gs", "gcs", "ftp", "sftp", "file", "hdfs", "az", "abfs", "hf", "ssh", "git")
)
_UMASK = os.umask(0o022)  # read once, at import, because reading it sets it for every thread
os.umask(_UMASK)


def write_atomically(path: Path, data: bytes, *, private: bool = False, named_by: str | None = None) -> None:
    """Write ``data`` so that a reader sees either the old file or the whole new one, even after a power cut.

    ``private``: only this user may read and write the file, regardless of the umask; ``named_by``: the option that
    names the file, as ``cannot_write`` has it. Raises RecordError with the reason (no permission, no space) and leaves
    no temporary file behind.
    """
    with replacing(path, private=private, named_by=named_by) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False, named_by: str | None = None) -> Iterator[IO[bytes]]:
    """Yield a stream whose bytes are the file once the block ended well; an error leaves what was there before.

    ``private`` and ``named_by``: as ``write_atomically``. Raises RecordError with the reason (no permission, no space)
    and leaves no temporary file behind; what a killed process left of an earlier write of the file is removed.
    """
    refuse_url(path, named_by)
    remove_left(path, every=private)
    try:
        temporary = TemporaryFile.beside(path)
    except OSError as error:
        raise cannot_write(path, error, named_by) from error
    replaced = False
    try:
        with os.fdopen(temporary.handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary.path, 0o600 if private else 0o666 & ~_UMASK)  # noqa: PTH101
        os.replace(temporary.path, path)  # noqa: PTH105
        replaced = True
    except OSError as error:
        raise cannot_write(path, error, named_by) from error
    finally:
        if not replaced:
            with contextlib.suppress(OSError):  # on a file system that is gone
                os.unlink(temporary.path)  # noqa: PTH108
        temporary.close()


def cannot_write(path: Path, error: OSError, named_by: str | None = None) -> RecordError:
    """Return the message for a file that cannot be written: where, why, and what to do.

    ``named_by``: the option of the command that names the file, empty for an argument; None: it belongs to a run, whose
    folder `--out` names and which can be continued.
    """
    option = "--out" if named_by is None else named_by
    chosen = f" with {option}" if option else ""
    if is_full(error):
        mend = FREE if named_by is not None else "free some space, then run the same command with --resume"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        mend = f"choose a folder that you can write to{chosen}"
    else:
        mend = f"choose another folder{chosen}"
    return RecordError(f"{path}: cannot be written: {error.strerror or error}; {mend}")


def is_full(error: OSError) -> bool:
    """Return whether there was no room: on the disk, or within what the user may have of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def refuse_url(path: Path, named_by: str | None = None) -> None:
    """Raise RecordError for a path that was a URL, which would become folders of that name; see ``cannot_write``."""
    if any(part.endswith(":") and part[:-1].lower() in _SCHEMES for part in path.parts):
        option = "--out" if named_by is None else named_by
        chosen = f" with {option}" if option else ""
        raise RecordError(f"{path}: is a URL, but results are written to local folders only; choose another{chosen}")


def make_folder(path: Path, *, named_by: str | None = None) -> None:
    """Create a folder and its parents. ``named_by``: as ``cannot_write``. Raises RecordError with the reason."""
    refuse_url(path, named_by)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error, named_by) from error
