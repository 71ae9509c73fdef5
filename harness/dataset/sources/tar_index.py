"""Where the files of a tar archive are inside it, found in one pass over its headers; nothing is unpacked."""

from __future__ import annotations

import os
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

from harness.dataset.remote.mirror import present
from harness.dataset.sources.suffixes import is_image_name
from harness.errors import DatasetError

_MEMBERS = 20_000_000
_LINKS_IN_A_ROW = 40


def members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield (name, offset, length) of every ordinary file of an uncompressed tar archive, in its order.

    Links to such files (GNU tar writes one for a file that it met before) come after them, with the place of the file.
    Raises DatasetError if the archive is compressed, cut off or damaged, a name leads out of it, or an image is a link
    to what the archive does not have.
    """
    links: dict[str, str] = {}
    yield from _files(path, links)
    if links:
        yield from _linked(path, links)


def _linked(path: Path, links: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    ends = {name: _end(name, links) for name in links}
    wanted = frozenset(ends.values())
    places = {name: (offset, length) for name, offset, length in _files(path, {}) if name in wanted}
    for name, end in ends.items():
        if end in places:
            yield (name, *places[end])
        elif is_image_name(name):
            raise DatasetError(
                f"{path}: the member {name[:80]!r} is a link to {links[name][:80]!r}, which is not a file in the "
                "archive; create the archive again with `tar --dereference`"
            )


def _end(name: str, links: dict[str, str]) -> str:
    """Return what a link leads to, over other links."""
    for _ in range(_LINKS_IN_A_ROW):
        if name not in links:
            break
        name = links[name]
    return name


def _files(path: Path, links: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    """Yield the ordinary files, and note in ``links`` what each link leads to."""
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
                    name = member.name.removeprefix("./")
                    if member.issym() or member.islnk():
                        _refuse_outside(path, name)
                        above = posixpath.dirname(name) if member.issym() else ""
                        links[name] = posixpath.normpath(posixpath.join(above, member.linkname))
                    if (not member.isdir() and not member.isreg() and name not in links) or member.issparse():
                        _refuse_image(path, name)
                    if not member.isreg() or member.issparse():
                        continue
                    if member.offset_data + member.size > size:
                        raise DatasetError(f"{path}: the archive is cut off inside {member.name}; fetch it again")
                    _refuse_outside(path, member.name)
                    yield name, member.offset_data, member.size
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DatasetError(f"{path}: damaged or cut off: {error}; fetch it again") from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from None


def _refuse_outside(path: Path, name: str) -> None:
    if name.startswith("/") or ".." in name.split("/"):
        raise DatasetError(f"{path}: the member {name[:80]!r} leads out of the archive")


def _refuse_image(path: Path, name: str) -> None:
    if is_image_name(name):
        raise DatasetError(
            f"{path}: the member {name[:80]!r} is not an ordinary file (a device, a pipe, or a sparse file); "
            "create the archive again with ordinary files"
        )
