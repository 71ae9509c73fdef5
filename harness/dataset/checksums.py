"""Compares a `sha256sum` list with its files: each missing or altered file is named."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from harness.errors import DatasetError

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_SHOWN = 10


def verify_checksums(file: Path) -> int:
    """Check every file of a `sha256sum` list, names relative to its folder; return how many there are.

    Raises DatasetError that names the files that are missing or altered, or the line that is not a checksum.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file}: cannot be read as a list of checksums: {error}") from None
    missing, altered, count = [], [], 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        wanted, name = _parse(file, number, line)
        count += 1
        try:
            found = hashlib.sha256((file.parent / name).read_bytes()).hexdigest()
        except (OSError, ValueError):  # such as a null byte in the name
            missing.append(name)
            continue
        if found != wanted:
            altered.append(name)
    if count == 0:
        raise DatasetError(f"{file}: lists no file, so nothing would be checked")
    if missing or altered:
        differing = [*(f"{name}: missing" for name in missing), *(f"{name}: altered" for name in altered)]
        more = f"\n  ... and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        raise DatasetError(
            f"{file.parent}: {len(differing)} of {count} files differ from {file.name}; restore them "
            "(in a checkout: `git checkout -- FOLDER`)\n  " + "\n  ".join(differing[:_SHOWN]) + more
        )
    return count


def _parse(file: Path, number: int, line: str) -> tuple[str, str]:
    match = _LINE.fullmatch(line.rstrip())
    if match is None:
        raise DatasetError(f"{file}:{number}: not a checksum line; write the list with `sha256sum FILES`")
    name = PurePosixPath(match[2])
    if name.is_absolute() or ".." in name.parts:
        raise DatasetError(f"{file}:{number}: {match[2]} leads out of the folder")
    return match[1], str(name)
