"""A store behind a URL: its list of files, and the bytes of one file. Nothing from a store is trusted or executed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote

from harness.config.secrets import named_like_a_secret, redact, remember, remember_urls
from harness.config.urls import SCHEMES
from harness.errors import ConfigError, DatasetError
from harness.text import first_line

_EXTRA = {"s3": "s3", "gs": "gcs"}
_MODULE = {"s3": "s3fs", "gs": "gcsfs", "https": "aiohttp", "http": "aiohttp"}
_WAITS = (0.2, 1.0, 4.0)  # seconds before each further try
_TRIED = 121  # EREMOTEIO, by which s3fs reports an answer that S3's library rejected five times
_MOST = 20_000_000  # entries of one listing
_DEEPEST = 32
_BLOCK = 1 << 20
_AT_ONCE = 16  # requests for the beginnings of files

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A file in a store.

    ``path``: as the store names it; ``size``: None if it does not say; ``token``: changes with the file.
    """

    path: str
    size: int | None
    token: str


class Store:
    """The files below one URL. Credentials come from the environment, as the store's own tools take them."""

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        remember_urls(url)
        if "::" in url or scheme not in SCHEMES:
            raise ConfigError(f"{redact(url)}: cannot be read; URLs may begin with {', '.join(SCHEMES)}")
        missing = next((name for name in ("fsspec", _MODULE.get(scheme, "fsspec")) if not _is_there(name)), None)
        if missing:
            extra = _EXTRA.get(scheme, "remote")
            raise ConfigError(
                f"{redact(url)}: needs {missing}, which is not installed; run "
                f"`pip install 'conversion-accuracy-harness[{extra}]'`"
            )
        for name, value in os.environ.items():
            if named_like_a_secret(name):
                remember(value)  # libraries may repeat it in their messages
        import fsspec

        self.url, self.scheme = url.rstrip("/"), scheme
        self.is_http = scheme in ("http", "https")
        options = {} if self.is_http or scheme in ("file", "memory") else {"use_listings_cache": False}
        with _in_words(self.url):
            self._files = fsspec.filesystem(scheme, skip_instance_cache=scheme != "memory", **options)
            self.root = self._files._strip_protocol(self.url)  # noqa: SLF001  (the one way to a store's own path)
            self.query = ""
            if self.is_http:  # of a signed URL; it belongs behind the name of each file below, too
                self.root, mark, query = self.root.partition("?")
                self.root, self.query = self.root.rstrip("/"), mark + query
            if scheme == "file" and not self._files.exists(self.root):
                self.root = unquote(self.root)  # as other programs write it, with %20 for a space

    @property
    def shown(self) -> str:
        """The URL for messages, without secrets."""
        return redact(self.url.partition("?")[0])

    def is_folder(self) -> bool:
        """Return whether the URL is that of a folder. A server tells no folders: there it has no suffix."""
        if self.is_http:
            return PurePosixPath(self.root).suffix == "" and not re.search(r"-[0-9]{5}-of-[0-9]{5}$", self.root)
        with _in_words(self.url):
            return bool(_again(lambda: self._files.isdir(self.root)))

    def below(self) -> dict[str, Entry]:
        """Return the files of the folder and those below it, by their names relative to it, with ``/``."""
        if self.query:
            raise DatasetError(
                f"{self.shown}: a folder cannot be listed by a URL with a query; list its images in dataset.labels"
            )
        with _in_words(self.url):
            root = self.root + "/" if self.is_http else self.root
            # Without this, a part that cannot be listed would be left out silently.
            strict = {"on_error": "raise"} if self.scheme not in _EXTRA else {}
            found = _again(lambda: self._files.find(root, detail=True, **strict))
        if len(found) > _MOST:
            raise DatasetError(f"{self.shown}: lists more than {_MOST:,} files")
        entries = {}
        for path, facts in found.items():
            name = path[len(self.root) :].lstrip("/")
            name = unquote(name.partition("?")[0]) if self.is_http else name
            if not path.startswith(self.root) or not _is_safe(name):
                raise DatasetError(f"{self.shown}: lists a file whose name leads out of it: {name[:80]!r}")
            if facts.get("type", "file") == "file":
                entries[name] = _entry(path, facts)
        return entries

    def listing(self, folder: str) -> dict[str, Entry]:
        """Return the files of a folder by their names in it, without those below it; none if it cannot be listed."""
        try:
            with _in_words(self.url):
                found = _again(lambda: self._files.ls(folder, detail=True))
        except DatasetError:
            return {}
        files = [facts for facts in found if facts.get("type") == "file"]
        return {facts["name"].rpartition("/")[2]: _entry(facts["name"], facts) for facts in files}

    def beside(self, name: str) -> Entry | None:
        """Return a file of the folder that the URL is in; None if there is none."""
        return self.at(self.root.rpartition("/")[0] + "/" + name)

    def at(self, path: str | None = None) -> Entry | None:
        """Return a file by its path (None: the URL itself); None if there is none."""
        path = path or self.root
        try:
            with _in_words(self.url):
                facts = _again(lambda: self._files.info(path + self.query))
        except NotThereError:
            return None
        return _entry(path, facts) if facts.get("type", "file") == "file" else None

    def read(self, entry: Entry, most: int) -> Iterator[bytes]:
        """Yield a file's bytes, block by block. Raises DatasetError if there are more than ``most``, or too few."""
        count = 0
        with _in_words(f"{self.url} ({entry.path.rpartition('/')[2]})"):
            if entry.size is not None and entry.size <= _BLOCK * 16:
                whole = _again(lambda: self._files.cat_file(entry.path + self.query))
                count = len(whole)
                if count <= most:
                    yield whole
            else:
                with _again(lambda: self._opened(entry.path + self.query)) as stream:
                    while count <= most and (block := stream.read(_BLOCK)):
                        count += len(block)
                        yield block
        name = redact(entry.path)
        if count > most:
            raise DatasetError(f"{name}: larger than the {most:,} bytes that are allowed; set cache.remote_gb higher")
        if entry.size is not None and count != entry.size:
            raise DatasetError(f"{name}: has {count:,} bytes instead of {entry.size:,}; it was changed or cut off")

    def beginnings(self, entries: Sequence[Entry], count: int) -> list[bytes]:
        """Return the first ``count`` bytes of each file, many at once. Raises DatasetError if one cannot be had."""
        with _in_words(self.url), ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(lambda entry: _again(lambda: self._beginning(entry, count)), entries))

    def _beginning(self, entry: Entry, count: int) -> bytes:
        path = entry.path + self.query
        if self.is_http:  # a server may answer a request for a part with the whole file
            with self._files.open(path, "rb", block_size=0) as stream:
                return bytes(stream.read(count))
        return bytes(self._files.cat_file(path, start=0, end=count))

    def _opened(self, path: str) -> Any:
        try:
            return self._files.open(path, "rb", block_size=_BLOCK * 4)
        except FileNotFoundError:
            if self.is_http:  # said of a server that fails as well; a request for the bytes tells these apart
                self._files.cat_file(path, start=0, end=1)
                raise OSError("the server's first responses were errors") from None
            raise


class NotThereError(DatasetError):
    """A file is missing."""


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _entry(path: str, facts: dict[str, Any]) -> Entry:
    size = facts.get("size")
    of_content = [facts.get(name) for name in ("ETag", "etag", "md5Hash")]
    of_time = [facts.get(name) for name in ("LastModified", "mtime", "updated", "created")]
    marks = of_content if any(mark is not None for mark in of_content) else of_time
    token = "-".join(re.sub(r"[^0-9A-Za-z.\-]", "", str(mark)) for mark in marks if mark is not None)
    return Entry(path, size if isinstance(size, int) and size >= 0 else None, f"{size}-{token}")


def _is_safe(name: str) -> bool:
    parts = name.split("/")
    return (
        bool(name) and len(parts) <= _DEEPEST and all(part not in ("", ".", "..") for part in parts)
        and not any(ord(letter) < 32 or letter == "\\" for letter in name)
    )  # fmt: skip


def _again(ask: Callable[[], T]) -> T:
    """Try several times: a store may be busy. A missing file is not tried again."""
    for wait in _WAITS:
        try:
            return ask()
        except (FileNotFoundError, PermissionError, NotImplementedError, IsADirectoryError, NotADirectoryError):
            raise
        except Exception as error:
            if "credential" in str(error).lower() or getattr(error, "errno", None) == _TRIED:
                raise
            time.sleep(wait)
    return ask()


@contextlib.contextmanager
def _in_words(place: str) -> Iterator[None]:
    """Raise DatasetError for any error of a store, without secrets."""
    try:
        yield
    except (DatasetError, ConfigError, GeneratorExit):
        raise
    except FileNotFoundError:
        raise NotThereError(f"{redact(place)}: nothing found; check the URL") from None
    except Exception as error:  # noqa: BLE001  (as above)
        kind = type(error).__name__
        raise DatasetError(
            f"{redact(place)}: cannot be read: {redact(first_line(error))[:300] or kind} ({kind}); check the URL "
            "and the credentials in the environment"
        ) from None
