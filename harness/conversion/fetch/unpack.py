"""Unpacking a tar archive without trusting it: nothing is written before every member was looked at."""

from __future__ import annotations

import contextlib
import filecmp
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from harness.disk.leftovers import work_folder
from harness.errors import DownloadError, nearest
from harness.text import first_line

_MOST_MEMBERS = 10_000
_LEAST_LIMIT = 64 * 2**20
_MOST_PARTS = 64  # folders in the name of a member
_RATIO = 20  # unpacked size to packed size; weights hardly compress


def unpack(archive: Path, folder: Path, members: Sequence[str] = ()) -> list[Path]:
    """Unpack a tar archive (plain, gz, bz2, xz) into ``folder`` and return the files, in the order of ``members``.

    ``members``: names in the archive; none: every file. A file that is there with the same content is left alone.
    Raises DownloadError: no tar archive, cut off, a member is missing, is outside of the folder, is a link or a device,
    or has no usable name, or everything together would be larger than 20 times the archive (but at least 64 MiB are
    allowed).
    """
    try:
        with tarfile.open(archive) as tar, contextlib.ExitStack() as stack:
            wanted = _choose(archive, _listed(archive, tar), members)
            targets = {name: _target(archive, folder, name) for name in wanted}
            folder.stat()  # a missing folder is an error, and is not created
            staging = stack.enter_context(work_folder(folder, "unpack"))
            for member in wanted.values():
                _ask_python(archive, member, staging)
            staged = {name: staging / str(index) for index, name in enumerate(wanted)}
            for name, member in wanted.items():
                _extract(tar, member, staged[name])
            for name, target in targets.items():
                _place(staged[name], target)
            return list(targets.values())
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = first_line(error)
        raise DownloadError(
            f"{archive}: cut off, or not a tar archive: {reason}; `archive.url` must lead to one"
        ) from None
    except OSError as error:
        where = error.filename or folder
        raise DownloadError(f"{archive}: cannot be unpacked: {where}: {error.strerror or error}") from error


def _listed(archive: Path, tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Return the members by name. Raises DownloadError for a member that has no business in an archive of models."""
    limit = max(_LEAST_LIMIT, _RATIO * archive.stat().st_size)
    found: dict[str, tarfile.TarInfo] = {}
    total = 0
    for count, member in enumerate(tar, 1):
        total += member.size
        if total > limit or count > _MOST_MEMBERS:
            raise DownloadError(
                f"{archive}: refused, so nothing was unpacked: it would unpack to more than {limit} bytes or "
                f"{_MOST_MEMBERS} members"
            )
        path = PurePosixPath(member.name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or PureWindowsPath(member.name).drive:
            raise _refused(archive, member, "leads outside of the folder")
        if len(path.parts) > _MOST_PARTS or (not path.parts and not member.isdir()):
            raise _refused(archive, member, f"has no name, or one of more than {_MOST_PARTS} folders")
        if not (member.isfile() or member.isdir() or member.islnk() or member.issym()):
            raise _refused(archive, member, "is a device or a pipe")
        if not member.isdir():
            found[str(path)] = member
    return found


def _choose(archive: Path, found: dict[str, tarfile.TarInfo], members: Sequence[str]) -> dict[str, tarfile.TarInfo]:
    wanted = {}
    for name in members or found:
        key = str(PurePosixPath(name))
        if key not in found:
            close = nearest(key, found) or [at for at in found if PurePosixPath(at).name == PurePosixPath(key).name]
            mend = f"; did you mean `{close[0]}`?" if close else ""
            listed = ", ".join(list(found)[:10]) + (", ..." if len(found) > 10 else "") or "nothing"
            raise DownloadError(
                f"{archive}: `archive.members`: it does not contain `{name}`{mend} It contains: {listed}"
            )
        wanted[key] = found[key]
        if not found[key].isfile():
            raise _refused(archive, found[key], f"is a link to {found[key].linkname!r}")
    for key in wanted:
        above = next((str(parent) for parent in PurePosixPath(key).parents if str(parent) in wanted), None)
        if above is not None:
            raise _refused(archive, found[key], f"is in {above!r}, which is a file")
    if not wanted:
        raise DownloadError(f"{archive}: it contains no file")
    return wanted


def _refused(archive: Path, member: tarfile.TarInfo, why: str) -> DownloadError:
    return DownloadError(f"{archive}: refused, so nothing was unpacked: its member {member.name[:200]!r} {why}")


def _target(archive: Path, folder: Path, name: str) -> Path:
    """Return where a member goes. Raises DownloadError if a link in the folder would lead it elsewhere."""
    target = folder / name
    inside = target.parent.resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise DownloadError(
            f"{archive}: refused, so nothing was unpacked: {target.parent} is a link to {inside}, outside"
        )
    if target == archive or target.is_dir():
        raise DownloadError(f"{archive}: refused, so nothing was unpacked: its member {name!r} would replace {target}")
    return target


def _ask_python(archive: Path, member: tarfile.TarInfo, staging: Path) -> None:
    """Have the standard library's own filter refuse what it would (Python 3.11.4 and later): a second opinion."""
    data_filter = getattr(tarfile, "data_filter", None)
    if data_filter is None:
        return
    try:
        data_filter(member, str(staging))
    except tarfile.TarError as error:
        raise _refused(archive, member, f"is not safe: {error}") from None


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, staged: Path) -> None:
    source = tar.extractfile(member)
    if source is None:  # only regular files get here, and these have content
        raise DownloadError(f"{member.name}: has no content")
    with source, staged.open("wb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())


def _place(staged: Path, target: Path) -> None:
    """Put a file whole in its place; leave alone what is the same already."""
    if target.is_file() and not target.is_symlink() and filecmp.cmp(staged, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(target)
