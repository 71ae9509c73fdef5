"""Stores on this machine: a server that speaks S3, one that speaks HTTP, and fsspec's own memory."""

from __future__ import annotations

import functools
import http.server
import importlib
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.config import secrets
from harness.dataset.remote import mirror, store
from harness.disk.kept_folders import release_all
from tests.conftest import require

SECRET = "a-secret-that-is-never-shown"


@dataclass
class Served:
    """``put(folder)`` uploads a folder and returns its URL; ``asked``: what was asked for, where that is known."""

    put: Callable[[Path], str]
    asked: list[str] = field(default_factory=list)


@pytest.fixture(autouse=True)
def _no_mirror_is_left() -> Iterator[None]:
    mirror._open.clear()
    yield
    mirror._open.clear()
    release_all()
    secrets.forget()  # those of URLs, which other tests' records would be redacted by


@pytest.fixture
def cache(tmp_path: Path) -> mirror.RemoteCache:
    return mirror.RemoteCache(tmp_path / "cache", 10**9)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    require("moto")
    require("s3fs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _pipe(files: Any, folder: Path, root: str) -> None:
    """Write a folder's files to a file system of fsspec, by their paths from the folder's parent."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.pipe(f"{root}{path.relative_to(folder.parent).as_posix()}", path.read_bytes())


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Served:
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "an-access-key-id",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    files = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket = f"bucket-{abs(hash(tmp_path)) % 10**10}"
    files.mkdir(bucket)

    def put(folder: Path) -> str:
        _pipe(files, folder, f"{bucket}/")
        return f"s3://{bucket}/{folder.name}"

    return Served(put)


@pytest.fixture
def memory() -> Iterator[Served]:
    require("fsspec")
    import fsspec

    files = fsspec.filesystem("memory")

    def put(folder: Path) -> str:
        _pipe(files, folder, "/")
        return f"memory://{folder.name}"

    yield Served(put)
    files.store.clear()


@pytest.fixture
def file() -> Served:
    require("fsspec")
    return Served(lambda folder: folder.as_uri())


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Memory that calls itself gs://: there is no local server of Google, so paths and listings alone are tested."""
    require("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    class Bucket(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = ("gs", "gcs")
        store: dict[str, Any] = {}  # noqa: RUF012  (as fsspec declares it)
        pseudo_dirs = [""]  # noqa: RUF012

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.removeprefix("gs://")))

    monkeypatch.setitem(importlib.import_module("fsspec.registry")._registry, "gs", Bucket)
    monkeypatch.setattr(store, "_is_there", lambda module: True)
    files = Bucket()

    def put(folder: Path) -> str:
        _pipe(files, folder, "/bucket/")
        return f"gs://bucket/{folder.name}"

    return Served(put)


@pytest.fixture
def http_server() -> Iterator[Served]:
    require("fsspec")
    require("aiohttp")
    served = Served(lambda folder: "")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            served.asked.append(self.path)
            super().do_GET()

    server: list[http.server.ThreadingHTTPServer] = []

    def put(folder: Path) -> str:
        server.append(
            http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder.parent)))
        )
        threading.Thread(target=server[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server[-1].server_port}/{folder.name}"

    served.put = put
    yield served
    for item in server:
        item.shutdown()
        item.server_close()
