"""Folders that only this user writes to: what others could have put there is not believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_private(folder: Path) -> None:
    """Make a folder, and the missing ones above it, which only this user may read and write. Raises OSError."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def exposed(folder: Path) -> str | None:
    """Say why others may have put the contents of a folder there, regardless of their owner; None if they cannot.

    Others that may write to a folder can rename what is in it, but not if it is sticky as ``/tmp`` is. A folder of the
    system's administrator counts as safe, and so does one that is missing. Links are followed.
    """
    if os.name != "posix":
        return None
    try:
        owners = {folder.lstat().st_uid, folder.stat().st_uid}
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{folder} cannot be inspected ({error.strerror})"
    if not owners <= {os.geteuid(), 0}:
        return f"{folder} belongs to another user"
    if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
        return f"others may write to {folder}; run `chmod go-w {folder}`, or remove it"
    return None


def foreign(path: Path, stop: Path | None = None) -> str | None:
    """Return why a file or folder cannot be trusted; None if only this user writes to it, or if it is missing.

    Looked at are the path and the folders above it up to ``stop``, itself included (None: the path alone). Not known
    on Windows, where it is always None.
    """
    if os.name != "posix":
        return None
    places = [path]
    if stop is not None and path != stop:
        places += [folder for folder in path.parents if folder == stop or folder.is_relative_to(stop)]
    for place in places:
        try:
            status = place.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{place} cannot be inspected ({error.strerror})"
        if status.st_uid != os.geteuid():
            return f"{place} belongs to another user"
        if stat.S_ISLNK(status.st_mode):
            return f"{place} is a link"
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return f"{place} is neither a file nor a folder"  # reading from a pipe would wait for a writer
        if status.st_mode & _OTHERS_WRITE:
            return f"others may write to {place}; run `chmod go-w {place}`, or remove it"
    return None
