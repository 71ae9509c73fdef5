"""The probability cache as one file that travels: from a machine that has it to others of the same processor family.

A tar of the cache's own files. The content of an archive is checked as untrusted: names, sizes, checksums and numbers;
whether the predictions are the model's own cannot be checked.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from harness.disk.atomic import cannot_write, replacing
from harness.disk.keyed_rows import read_keyed_rows
from harness.disk.private import exposed, foreign, make_private
from harness.engine.cache import SUFFIX, loaded_in, model_in, plausible
from harness.errors import RecordError

_NAME = re.compile(r"[0-9a-f]{40}/[0-9a-f]{64}" + re.escape(SUFFIX))
_MOST_FILES = 1_000_000


@dataclass(frozen=True)
class Moved:
    """What was exported or imported. ``left_out``: files that were there already, did not fit, or were damaged."""

    files: int
    images: int
    bytes: int
    left_out: int


def export_cache(folder: Path, file: Path, max_bytes: int) -> Moved:
    """Write the probabilities of a cache folder to a file, the last used ones first, up to ``max_bytes``.

    Raises RecordError if the file cannot be written.
    """
    root = folder / "probabilities"
    found = []
    for path in root.glob(f"*/*{SUFFIX}"):
        with contextlib.suppress(OSError):
            found.append((-path.stat().st_mtime_ns, path))
    files = images = size = left_out = 0
    with replacing(file, named_by="") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for _, path in sorted(found):
            rows = None if foreign(path, root) else read_keyed_rows(path)
            length = path.stat().st_size if path.exists() else 0
            if rows is None or size + length > max_bytes:
                left_out += 1
                continue
            member = tarfile.TarInfo(f"{path.parent.name}/{path.name}")
            member.size = length
            with path.open("rb") as data:
                archive.addfile(member, data)
            files, images, size = files + 1, images + len(rows.keys), size + length
    return Moved(files, images, size, left_out)


def import_cache(folder: Path, file: Path, max_bytes: int) -> Moved:
    """Put the probabilities of such a file into a cache folder; existing entries stay.

    ``max_bytes``: no more than this is added. Raises RecordError if the file is none, or nothing can be written.
    """
    root = folder / "probabilities"
    fault = exposed(folder) or foreign(root)
    if fault:
        raise RecordError(f"{folder}: the cache is not used: {fault}")
    files = images = size = left_out = 0
    try:
        with tarfile.open(file, mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= _MOST_FILES:
                    raise RecordError(f"{file}: contains more than {_MOST_FILES:,} files; export a smaller cache")
                target = root / member.name
                known = bool(_NAME.fullmatch(member.name)) and member.isreg()
                if not known or target.exists() or size + member.size > max_bytes:
                    left_out += 1
                    continue
                count = _taken(archive, member, target)
                if count is None:
                    left_out += 1
                    continue
                files, images, size = files + 1, images + count, size + member.size
    except tarfile.TarError as error:
        raise RecordError(f"{file}: not an exported cache ({error}); write one by `harness cache export`") from None
    except OSError as error:
        if not file.is_file() or error.filename == str(file):
            raise RecordError(f"{file}: cannot be read: {error.strerror or error}") from None
        raise cannot_write(root, error, "--folder") from error
    return Moved(files, images, size, left_out)


def _taken(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> int | None:
    """Write one file and return its images; None if it is damaged, and then it is not kept."""
    source = archive.extractfile(member)
    if source is None:
        return None
    make_private(target.parent)
    part = target.with_name(f".{target.name}.part")
    try:
        with replacing(part, private=True, named_by="--folder") as stream:
            while block := source.read(1 << 20):
                stream.write(block)
        rows = read_keyed_rows(part)
        known = rows is not None and loaded_in(rows.notes) and model_in(rows.notes) == target.parent.name
        numbers = rows.read(range(len(rows.keys))) if rows is not None and known else None
        if rows is None or numbers is None or not plausible(numbers, rows.notes):
            return None
        part.replace(target)
        return len(rows.keys)
    finally:
        part.unlink(missing_ok=True)
