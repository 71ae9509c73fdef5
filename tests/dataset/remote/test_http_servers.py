"""Servers as they are met: signed URLs, redirects, odd names, answers that fail."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.dataset.remote import store
from harness.dataset.remote.mirror import RemoteCache
from harness.errors import DatasetError
from tests.conftest import require
from tests.dataset.remote.test_remote import opened

NAMES = ("a b.png", "c%20d.png", "e+f.png", "g#h.png", "i?j.png", "k&l=ü.png")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_WAITS", (0.0,))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of a folder: /moved/ redirects, /signed/ wants a signature, /private/ a password, /broken/ fails."""
    require("fsspec")
    require("aiohttp")
    (tmp_path / "served" / "my set").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (tmp_path / "served" / "my set" / name).write_bytes(b"image %d" % number)
    rows = "".join(f'"{name}",{number}\n' for number, name in enumerate(NAMES))
    (tmp_path / "served" / "labels.csv").write_text("image,label\n" + rows)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def send_head(self) -> Any:
            url = urlsplit(self.path)
            first, _, rest = url.path[1:].partition("/")
            if first == "moved":
                self.send_response(302)
                self.send_header("Location", f"/{rest}")
                self.end_headers()
                return None
            if first == "signed" and url.query != "sig=a-long-signature":
                return self.send_error(403)
            known = "Basic " + base64.b64encode(b"me:pass word").decode()
            if first == "private" and self.headers["Authorization"] != known:
                return self.send_error(401)
            if first == "broken" and not rest.endswith("/"):
                return self.send_error(500)
            if first in ("signed", "broken", "private"):
                self.path = f"/{rest}"
            return super().send_head()

    folder = functools.partial(Handler, directory=str(tmp_path / "served"))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), folder)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize("place", ["my set", "my%20set", "moved/my set", "signed/my set?sig=a-long-signature"])
def test_images_are_read_whatever_their_names_and_the_server_ask_for(
    server: str, place: str, cache: RemoteCache
) -> None:
    images = opened(f"{server}/{place}", f"{server}/labels.csv", cache, classes=6)
    found = {name: images.read(row) for row, name in enumerate(images.manifest.image_ids)}
    assert found == {name: b"image %d" % number for number, name in enumerate(NAMES)}


def test_user_and_password_of_a_url_reach_the_server(server: str, cache: RemoteCache) -> None:
    place = server.replace("http://", "http://me:pass%20word@")
    images = opened(f"{place}/private/my set", f"{server}/labels.csv", cache, classes=6)
    assert images.read(0) == b"image 0"
    refused = opened(f"{server}/private/my set", f"{server}/labels.csv", cache, classes=6)
    with pytest.raises(DatasetError, match="cannot be read: 401"):
        refused.read(0)


def test_a_server_that_fails_is_no_missing_image(server: str, cache: RemoteCache) -> None:
    images = opened(f"{server}/broken/my set", f"{server}/labels.csv", cache, classes=6)
    with pytest.raises(DatasetError, match=r"cannot be read: 500"):
        images.read(0)


def test_a_folder_behind_a_query_needs_a_list(server: str, cache: RemoteCache) -> None:
    with pytest.raises(
        DatasetError,
        match=r"cannot be listed by a URL with a query; list its images in "
        r"dataset.labels",
    ) as caught:
        opened(f"{server}/signed/my set?sig=a-long-signature", "auto", cache, classes=6)
    assert "a-long-signature" not in str(caught.value)


def test_a_file_url_with_escapes(tmp_path: Path, cache: RemoteCache) -> None:
    require("fsspec")
    (tmp_path / "my set").mkdir()
    (tmp_path / "my set" / "a b.png").write_bytes(b"image")
    (tmp_path / "my set.csv").write_text("image,label\na b.png,0\n")
    images = opened((tmp_path / "my set").as_uri(), (tmp_path / "my set.csv").as_uri(), cache, classes=1)
    assert images.read(0) == b"image"
