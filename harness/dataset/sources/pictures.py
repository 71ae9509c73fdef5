"""What every form gives: its images' names, their encoded bytes at random access, and labels where it has them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.dataset.remote.mirror import present, stamp
from harness.dataset.remote.store import NotThereError
from harness.dataset.sources.carried import Carried
from harness.dataset.sources.suffixes import is_clutter, left_out

LARGEST_IMAGE = 1 << 28  # bytes of one encoded image; ImageNet's largest has 16 MB


@dataclass(frozen=True)
class Pictures:
    """The images of one form.

    ``read(row)`` returns a row's encoded bytes and ``signature(row)`` what tells cheaply that they did not change; both
    may be called from many threads and raise OSError. ``classes``: 0-based class of each image where the form carries
    labels; ``label_source`` says from where. ``notes``: sentences about unusual content. ``carried``: what a capsule
    has in addition. ``wnids``: the WordNet id next to each class, where the form has it.
    """

    form: str
    names: Sequence[str]
    read: Callable[[int], bytes]
    signature: Callable[[int], str]
    classes: Sequence[int] | None = None
    label_source: str = ""
    wnids: Sequence[str | None] = ()
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    carried: Carried | None = None


@dataclass(frozen=True)
class Slice:
    """Where an image is inside a file: bytes ``offset`` to ``offset + length`` of ``files[file]``."""

    file: int
    offset: int
    length: int


def without_clutter(pictures: Pictures, place: Path) -> Pictures:
    """Return the images without the rows whose names tell that a system left them behind, with a note on those."""
    kept = [row for row, name in enumerate(pictures.names) if not is_clutter(name)]
    if len(kept) == len(pictures.names):
        return pictures
    clutter = [name for name in pictures.names if is_clutter(name)]
    return replace(
        pictures,
        names=[pictures.names[row] for row in kept],
        read=lambda row: pictures.read(kept[row]),
        signature=lambda row: pictures.signature(kept[row]),
        classes=None if pictures.classes is None else [pictures.classes[row] for row in kept],
        wnids=[pictures.wnids[row] for row in kept] if pictures.wnids else (),
        notes=(*pictures.notes, *left_out(place, clutter, "rows")),
    )


def slices(files: Sequence[Path], places: Sequence[Slice]) -> tuple[Callable[[int], bytes], Callable[[int], str]]:
    """Return ``read`` and ``signature`` for images inside larger files; nothing is kept open between two reads."""
    paths = [str(path) for path in files]

    def read(row: int) -> bytes:
        place = places[row]
        return read_slice(paths[place.file], place.offset, place.length)

    def signature(row: int) -> str:
        place = places[row]
        return f"{file_signature(paths[place.file])}:{place.offset}:{place.length}"

    return read, signature


def read_slice(path: str, offset: int, length: int) -> bytes:
    """Return bytes of a file. Raises OSError if it is not an ordinary file or ends before them."""
    if length > LARGEST_IMAGE:
        raise OSError(f"{length:,} bytes are more than the {LARGEST_IMAGE:,} that an image may have")
    present(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not an ordinary file")
        data = os.pread(descriptor, length, offset)
        while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
            data += more
    finally:
        os.close(descriptor)
    if len(data) < length:
        raise OSError(f"the file ends {length - len(data):,} bytes too early")
    return data


def whole_files(folder: Path, names: Sequence[str]) -> tuple[Callable[[int], bytes], Callable[[int], str]]:
    """Return ``read`` and ``signature`` for images that are files below ``folder``."""
    root = str(folder)

    def read(row: int) -> bytes:
        return read_file(os.path.join(root, names[row]))

    def signature(row: int) -> str:
        return file_signature(os.path.join(root, names[row]))

    return read, signature


def file_signature(path: str | os.PathLike[str]) -> str:
    """Return what tells cheaply that a file did not change: on disk its size and times, else what its store says."""
    if mark := stamp(path):
        return mark
    status = os.stat(path)  # noqa: PTH116  (a Path a call costs more than the look-up)
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def size_in(signature: str) -> int | None:
    """Return how many bytes an image has, as its signature tells; None if it does not (a row of Parquet)."""
    parts = signature.split(":")
    told = {3: parts[0], 5: parts[-1]}.get(len(parts), "") if ":" in signature else signature.partition("-")[0]
    return int(told) if told.isdecimal() else None


def read_file(path: str) -> bytes:
    """Return a file's bytes. Raises OSError if it is not an ordinary file (a pipe would wait forever) or too large."""
    try:
        present(path)
    except NotThereError:
        raise FileNotFoundError(path) from None  # gone from the store since it was listed: a bad image
    return _read_file(path) or _read_again(path)


def _read_again(path: str) -> bytes:
    """Return the bytes of a file that is empty: that of a mirror may have been emptied for others meanwhile."""
    if stamp(path) is None:
        return b""
    present(path)
    return _read_file(path)


def _read_file(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb", buffering=0) as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not an ordinary file")
        if status.st_size > LARGEST_IMAGE:
            raise OSError(f"{status.st_size:,} bytes are more than the {LARGEST_IMAGE:,} that an image may have")
        return stream.read()
