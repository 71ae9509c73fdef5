"""The original model's archive: download, verify, unpack."""

from __future__ import annotations

import logging
import sys
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.config import Config
from harness.config.secrets import redact
from harness.conversion.fetch.download import ResumingDownload
from harness.conversion.fetch.unpack import unpack
from harness.disk.leftovers import remove_temporary_files
from harness.errors import ConfigError, DownloadError
from harness.text import printable

_ADD = """add to the configuration
  archive:
    url: https://...       # where the archive is
    bytes: ...             # its size
    sha384: ...            # its sha384, in hexadecimal
    members: [...]         # what to unpack; leave it out for everything
    folder: build          # where to"""


def fetch(config: Config, *, quiet: bool = False) -> list[Path]:
    """Download ``config.archive`` from its URL or the first mirror that has it, verify and unpack it; return the files.

    An existing archive with the right size and sha384 is not downloaded again, and no network is used. A broken
    download continues where it stopped. Progress is shown on stderr where that is a terminal, unless ``quiet``.

    Raises ConfigError if the configuration names no archive; DownloadError if it cannot be fetched, is not the archive
    that was stated, or must not be unpacked.
    """
    wanted = config.archive
    if wanted is None:
        raise ConfigError(f"{config.where('archive')}: nothing to fetch; {_ADD}")
    folder = wanted.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_temporary_files(folder)  # of downloads that were killed
        file = folder / _file_name(wanted.url)
        if file.exists():
            _require_right(file, wanted.bytes, wanted.sha384)
        else:
            _download(file, (wanted.url, *wanted.mirrors), wanted.bytes, wanted.sha384, quiet=quiet)
    except OSError as error:
        raise DownloadError(
            f"{config.where('archive.folder')}: {error.filename or folder}: {error.strerror or error}; free space, "
            "fix the permissions, or name another folder with `--set archive.folder=FOLDER`"
        ) from error
    return unpack(file, folder, wanted.members)


def _file_name(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return name if name not in ("", ".", "..") and "\0" not in name and "\\" not in name else "archive"


def _require_right(file: Path, size: int, sha384: str) -> None:
    """Raise DownloadError if a file that is there is not the archive that was stated."""
    import pooch

    mend = f"delete it (`rm {file}`) and run `harness fetch CONFIG` again, or fix `archive` if it is the right one"
    if not file.is_file():
        raise DownloadError(f"{file}: is not a file, but the archive is saved there; move it away")
    there = file.stat().st_size
    if there != size:
        raise DownloadError(f"{file}: not the archive: it has {there} bytes, but `archive.bytes` states {size}; {mend}")
    found = pooch.file_hash(str(file), alg="sha384")
    if found != sha384:
        raise DownloadError(
            f"{file}: not the archive: its sha384 is {found}, but `archive.sha384` states {sha384}; {mend}"
        )


def _download(file: Path, urls: tuple[str, ...], size: int, sha384: str, *, quiet: bool) -> None:
    """Try one address after the other. Raises DownloadError that says what each of them answered."""
    failures = []
    for url in urls:
        download = ResumingDownload(file.with_name(f"{file.name}.part"), size, sha384, quiet)
        try:
            _retrieve(url, file, download)
            return
        except DownloadError as error:
            failures.append(str(error))
    raise DownloadError(f"{file.name} could not be downloaded\n  " + "\n  ".join(failures))


def _retrieve(url: str, file: Path, download: ResumingDownload) -> None:
    """Let pooch download, verify and place the file; what was put together from two tries gets a second chance."""
    import pooch

    if not download.quiet:
        print(f"downloading {printable(redact(url))} ({download.size / 1e6:.1f} MB)", file=sys.stderr)
    logger: Any = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        for _ in range(2):
            try:
                pooch.retrieve(url, f"sha384:{download.sha384}", fname=file.name, path=file.parent, downloader=download)
                return
            except ValueError:
                download.forget()
                if not download.resumed:
                    break
    finally:
        logger.setLevel(level)
    raise DownloadError(
        f"{url}: not the archive: its size is right, but its sha384 is not the one in `archive.sha384`; it was deleted"
    )
