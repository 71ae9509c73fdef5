"""A download that can be continued: the received part is kept, and only the rest is requested.

pooch verifies and places the file, but always starts from zero; this is its ``downloader``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.disk.own_json import read_own_json
from harness.errors import DownloadError

_TRIES = 4  # in a row, without one new byte
_MOST_REQUESTS = 50
_TIMEOUT = (10, 30)  # seconds: to connect, to wait for the next bytes
_BLOCK = 1 << 16
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_WAIT = 1.0  # seconds before the second try; doubled each time


class _TryAgainError(Exception):
    """The connection failed in a way that may pass."""


@dataclass
class ResumingDownload:
    """Downloads one archive of a known size; call it as pooch calls a ``downloader``.

    ``part`` keeps what has arrived, ``part`` + ``.json`` the server's ETag or Last-Modified, so that what is appended
    belongs to the same file (If-Range). ``resumed``: bytes of the finished file that an earlier call had fetched.
    ``size`` in bytes; a server that offers or sends another size is refused. Raises DownloadError.
    """

    part: Path
    size: int
    sha384: str
    quiet: bool = False
    resumed: int = field(default=0, init=False)

    def __call__(self, url: str, output_file: str, _pooch: Any = None) -> None:
        """Download ``url`` into ``output_file``."""
        with _alone(self.part) as stream, self._bar() as bar:
            self.resumed = self._take_up(stream)
            bar.update(self.resumed)
            self._fetch_all(url, stream, bar)
            stream.flush()
            os.fsync(stream.fileno())
            self.part.replace(output_file)
        self._notes.unlink(missing_ok=True)

    def forget(self) -> None:
        """Drop what has arrived."""
        self.part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    @property
    def _notes(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _bar(self) -> Any:
        from tqdm import tqdm

        # disable=None: no bar where stderr is not a terminal
        disable = True if self.quiet else None
        return tqdm(total=self.size, unit="B", unit_scale=True, desc=self.part.stem, disable=disable, leave=True)

    def _take_up(self, stream: IO[bytes]) -> int:
        """Return how many bytes of this very archive are there already; anything else is dropped."""
        there = stream.seek(0, os.SEEK_END)
        if there > self.size or self._read_notes().get("sha384") != self.sha384:
            stream.truncate(0)
            there = 0
        return there

    def _fetch_all(self, url: str, stream: IO[bytes], bar: Any) -> None:
        failures = 0
        for _ in range(_MOST_REQUESTS):
            before = stream.seek(0, os.SEEK_END)
            if before == self.size:
                return
            try:
                self._request(url, stream, bar)
            except _TryAgainError as error:
                failures = 1 if stream.seek(0, os.SEEK_END) > before else failures + 1
                if failures >= _TRIES:
                    raise DownloadError(
                        f"{url}: {error}; {stream.tell()} of {self.size} bytes are in {self.part}; run the same "
                        "command again to continue"
                    ) from None
                time.sleep(_WAIT * 2 ** (failures - 1))
        if stream.seek(0, os.SEEK_END) != self.size:
            raise DownloadError(f"{url}: the connection was cut {_MOST_REQUESTS} times; try again later")

    def _request(self, url: str, stream: IO[bytes], bar: Any) -> None:
        """Ask once for what is missing and append it. Raises _TryAgainError if the connection fails."""
        import requests
        import urllib3

        have = stream.tell()
        headers = {"Accept-Encoding": "identity", **self._range(url, have)}
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                if not self._goes_on(url, response, have):
                    stream.truncate(0)
                    self.resumed = 0
                    bar.reset(total=self.size)
                    if response.status_code != 200:
                        raise _TryAgainError("the server does not support continuing a download")
                    self._write_notes(url, response)
                for block in response.raw.stream(_BLOCK, decode_content=False):
                    if stream.tell() + len(block) > self.size:
                        raise DownloadError(
                            f"{url}: sends more than the {self.size} bytes that `archive.bytes` "
                            "states; correct `archive.bytes`"
                        )
                    stream.write(block)
                    bar.update(len(block))
        except (requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema) as error:
            raise DownloadError(
                f"{url}: redirects to an address that is not http or https ({error}); refused"
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.TooManyRedirects) as error:
            raise DownloadError(f"{url}: {error}; fix `archive.url`") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _TryAgainError(_reason(error)) from None
        if stream.tell() < self.size:
            raise _TryAgainError("the connection was cut")

    def _range(self, url: str, have: int) -> dict[str, str]:
        if not have:
            return {}
        notes = self._read_notes()
        validator = notes.get("validator") if notes.get("url_sha256") == _sha256(url) else None
        return {"Range": f"bytes={have}-", **({"If-Range": validator} if validator else {})}

    def _goes_on(self, url: str, response: Any, have: int) -> bool:
        """Return whether this response continues after ``have`` bytes.

        Raises for an invalid one, or one of another file.
        """
        status = response.status_code
        if status in _PASSING:
            raise _TryAgainError(f"the server answered {status} {response.reason}")
        if status == 416 and have:
            return False  # it ends before that: begin again, and see what it is
        if status not in (200, 206):
            raise DownloadError(f"{url}: the server answered {status} {response.reason}")
        if status == 200:
            total = response.headers.get("Content-Length", "")
        else:
            match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
            if match is None or int(match[1]) != have:
                return False
            total = match[2]
        if total.isdecimal() and int(total) != self.size:
            raise DownloadError(
                f"{url}: the file has {total} bytes, but `archive.bytes` states {self.size}; "
                "correct `archive.bytes` or `archive.url`"
            )
        return bool(status == 206)

    def _read_notes(self) -> dict[str, str]:
        return {str(key): str(value) for key, value in (read_own_json(self._notes) or {}).items()}

    def _write_notes(self, url: str, response: Any) -> None:
        etag = response.headers.get("ETag", "")
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")  # no weak ETag
        notes = {"sha384": self.sha384, "url_sha256": _sha256(url), "validator": validator}
        self._notes.write_text(json.dumps(notes), encoding="utf-8")


def _sha256(url: str) -> str:
    """Return what recognises an address again without telling it: it may hold a token."""
    return hashlib.sha256(url.encode()).hexdigest()


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """Open the part for reading and appending; refuse where another process is at it."""
    with part.open("ab+") as stream:
        try:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"{part}: another process is downloading this file; wait for it") from None
        except (ImportError, OSError):
            pass  # no locks on this system: the digest still decides
        yield stream


def _reason(error: BaseException) -> str:
    """Return a description of a connection's failure, without addresses of Python objects."""
    import requests
    import urllib3

    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)):
        return "the server did not respond in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not trusted"
    text = str(error)
    for sign, words in (
        ("resolve", "the server's name cannot be resolved"),
        ("refused", "the connection was refused"),
        ("unreachable", "the network is unreachable"),
        ("roxy", "the proxy failed"),
    ):
        if sign in text:
            return words
    return "the connection was cut"
