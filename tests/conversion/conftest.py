"""A tiny graph that numpy can follow by hand, configurations for it, and an HTTP server that misbehaves on demand."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness.config import Config, load_config

SIZE = 16
CLASSES = 4  # and background
SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def require(module: str) -> None:
    """Skip where a framework is missing; on a CI machine that is a failure, since nothing would have been tested."""
    if importlib.util.find_spec(module) is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{module} is not installed, so these tests would test nothing")
        pytest.skip(f"{module} is not installed")


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the test bed of real weights and images is not at {SHARED}")
    return SHARED


@dataclass(frozen=True)
class TinyGraph:
    """softmax(mean over pixels of relu(x @ first) @ second), input f32 (n, 16, 16, 3) RGB, output (n, 5)."""

    path: Path
    first: NDArray[np.float32]
    second: NDArray[np.float32]

    def expected(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        hidden = np.maximum(inputs.astype(np.float64) @ self.first, 0).mean(axis=(1, 2))
        logits = hidden @ self.second
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyGraph:
    require("tensorflow")
    require("openvino")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TensorFlow's own imports
        import tensorflow as tf
    generator = np.random.default_rng(7)
    first = generator.normal(size=(3, 8)).astype(np.float32)
    second = generator.normal(size=(8, CLASSES + 1)).astype(np.float32)
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        pixels = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        hidden = tf.nn.relu(tf.nn.conv2d(pixels, first[None, None], 1, "SAME"))
        logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(second), name="Net/Logits")
        softmax = tf.nn.softmax(logits, name="Net/Softmax")
        tf.reshape(softmax, [-1, CLASSES + 1], name="Net/Reshape_1")
        data = graph.as_graph_def().SerializeToString()
    path = tmp_path_factory.mktemp("graph") / "tiny.pb"
    path.write_bytes(data)
    return TinyGraph(path, first, second)


def plain_config(model: Path, ir: str = "ir.xml") -> dict[str, Any]:
    return {
        "version": 1,
        "name": "tiny",
        "dataset": {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}},
        "reference": {
            "id": "tf",
            "model": str(model),
            "input": {"name": "input", "color": "RGB", "mean": [120.0, 110.0, 100.0], "scale": [60.0, 50.0, 40.0]},
            "output": "Net/Reshape_1",
        },
        "candidates": [
            {"id": "ir", "model": ir, "input": {"name": "input", "color": "BGR"}, "output": "Net/Probabilities"}
        ],
    }


def save_config(folder: Path, data: dict[str, Any]) -> Config:
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_config(file)


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    """Return a function that makes a configuration of a model; ``change`` may alter the plain data first."""

    def make(model: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Config:
        data = plain_config(model)
        if change:
            change(data)
        return save_config(tmp_path, data)

    return make


@dataclass
class Page:
    """What the server does with one address.

    ``cut``: after how many bytes of each answer the connection is cut, one answer after the other.
    """

    content: bytes = b""
    status: int = 200
    ranges: bool = True
    etag: str = '"one"'
    cut: list[int] = field(default_factory=list)
    location: str = ""
    wrong_part: bool = False
    hide_size: bool = False


@dataclass
class Site:
    """A running server: its address, its pages, and the (path, Range, If-Range) of every request."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            running.requests.append((self.path, wanted, self.headers.get("If-Range")))
            page = running.pages.get(self.path)
            if page is None or page.status != 200:
                self.send_response(page.status if page else 404)
                if page and page.location:
                    self.send_header("Location", page.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = self._start(page, wanted)
            self.send_response(206 if start else 200)
            if start:
                shown = start - 1 if page.wrong_part else start
                self.send_header("Content-Range", f"bytes {shown}-{len(page.content) - 1}/{len(page.content)}")
            if not page.hide_size:
                self.send_header("Content-Length", str(len(page.content) - start))
            if page.etag:
                self.send_header("ETag", page.etag)
            self.end_headers()
            body = page.content[start:]
            self.wfile.write(body[: page.cut.pop(0)] if page.cut else body)

        def _start(self, page: Page, wanted: str | None) -> int:
            condition = self.headers.get("If-Range")
            if not page.ranges or not wanted or (condition is not None and condition != page.etag):
                return 0
            return int(wanted.removeprefix("bytes=").removesuffix("-"))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    server.shutdown()
    thread.join()
    server.server_close()


def sha384(data: bytes) -> str:
    return hashlib.sha384(data).hexdigest()
