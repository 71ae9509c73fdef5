"""What many tests share: a tiny network that numpy follows by hand, as graph and IR; small images; configurations."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

SIZE = 16
CLASSES = 4  # and background
MEAN = (120.0, 110.0, 100.0)  # of R, G, B
SCALE = (60.0, 50.0, 40.0)
PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"

_parsing = threading.RLock()
_parse = ast.parse


def _parse_alone(*arguments: Any, **keywords: Any) -> Any:
    """Parse in one thread at a time: pytest parses what it imports, and the engine imports in several threads.

    CPython 3.11 counts the depth of a tree for all threads together: "AST constructor recursion depth mismatch".
    """
    with _parsing:
        return _parse(*arguments, **keywords)


ast.parse = _parse_alone

# pytest-xdist hands the width of the terminal to its workers, and commands draw their tables as wide as that.
os.environ.pop("COLUMNS", None)


def require(module: str) -> None:
    """Skip where a framework is missing; on a CI machine that is a failure, since nothing would have been tested."""
    if importlib.util.find_spec(module) is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{module} is not installed, so these tests would test nothing")
        pytest.skip(f"{module} is not installed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files with slow tests come first, so that no process is left with one when the others have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def _no_user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep every test, and every process that one starts, away from the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("user-cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _interrupts_arrive() -> Iterator[None]:
    """Take SIGINT also where the parent ignores it, as `nohup make test &` does: processes inherit that."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"the test bed of real weights and images is not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def tensorflow() -> Any:
    require("tensorflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TensorFlow's own imports
        import tensorflow as tf
    return tf


@pytest.fixture(scope="session")
def openvino() -> Any:
    require("openvino")
    import openvino as ov

    return ov


@pytest.fixture
def fake_backend() -> Iterator[dict[str, Any]]:
    """Register the backend ``fake`` for one test; the value maps a model's id to its ``fake.Behaviour``."""
    from harness.backends.registry import register, unregister
    from tests.backends.fake import FACTS, FakeBackend

    FakeBackend.behaviours.clear()
    register(FACTS)
    yield FakeBackend.behaviours
    unregister(FACTS.name)
    FakeBackend.behaviours.clear()


@dataclass(frozen=True)
class Network:
    """softmax(mean over pixels of relu(((x - MEAN) / SCALE) @ first) @ second), x of (n, 16, 16, 3) RGB; (n, 5)."""

    first: NDArray[np.float32]
    second: NDArray[np.float32]

    def of_normalised(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probabilities for inputs (n, 16, 16, 3), RGB, after mean and scale."""
        hidden = np.maximum(inputs.astype(np.float64) @ self.first, 0).mean(axis=(1, 2))
        logits = hidden @ self.second
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def of_pixels(self, bgr: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return the probabilities for decoded pixels, uint8 (n, 16, 16, 3) BGR."""
        rgb = bgr[..., ::-1].astype(np.float64)
        return self.of_normalised((rgb - np.array(MEAN)) / np.array(SCALE))


def the_network() -> Network:
    generator = np.random.default_rng(7)
    first = generator.normal(size=(3, 8)).astype(np.float32)
    return Network(first, (3 * generator.normal(size=(8, CLASSES + 1))).astype(np.float32))


@pytest.fixture(scope="session")
def network() -> Network:
    return the_network()


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """Seven images of one colour each, with noise: uint8 (7, 16, 16, 3) BGR, far apart in their probabilities."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (7, 1, 1, 3))
    return np.asarray(np.clip(colours + generator.integers(-30, 30, (7, SIZE, SIZE, 3)), 0, 255), np.uint8)


GraphMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_graph(tensorflow: Any, network: Network) -> GraphMaker:
    """Return a function that writes the network as a frozen TensorFlow graph."""

    def make(path: Path, *, batch: int | None = None, add: Callable[[Any, Any], Any] | None = None) -> Path:
        """``add(tf, probabilities)`` may put more operations behind the network; its result gets no name."""
        tf = tensorflow
        with tf.Graph().as_default() as graph:
            pixels = tf.compat.v1.placeholder(tf.float32, [batch, SIZE, SIZE, 3], name="input")
            hidden = tf.nn.relu(tf.nn.conv2d(pixels, network.first[None, None], 1, "SAME"))
            logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second), name="Net/Logits")
            softmax = tf.nn.softmax(logits, name="Net/Softmax")
            tf.reshape(softmax, [-1, CLASSES + 1], name="Net/Reshape_1")
            if add:
                add(tf, softmax)
            path.write_bytes(graph.as_graph_def().SerializeToString())
        return path

    return make


IrMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_ir(openvino: Any, network: Network) -> IrMaker:
    """Return a function that writes the network as an IR, built operation by operation with OpenVINO."""
    from openvino import opset13 as ops

    def make(
        path: Path,
        *,
        batch: int = 1,
        element: str = "f32",
        layout: str = "NHWC",
        color: str = "BGR",
        inside: bool = True,
        names: Sequence[str] = ("Net/Probabilities",),
        friendly: str = "Net/Softmax",
        reshape: bool = False,
        scale_weights: float = 1.0,
        second_input: bool = False,
        second_output: bool = False,
        cast: str = "",
    ) -> Path:
        """``inside``: mean and scale are part of the model; batch -1 is free; ``reshape``: one follows the softmax."""
        shape = [batch, SIZE, SIZE, 3] if layout == "NHWC" else [batch, 3, SIZE, SIZE]
        given = ops.parameter(shape, openvino.Type(np.uint8) if element == "u8" else _TYPES[element], name="input")
        given.output(0).get_tensor().set_names({"input"})
        x: Any = given if element == "f32" else ops.convert(given, "f32")
        if layout == "NCHW":
            x = ops.transpose(x, np.array([0, 2, 3, 1], np.int32))
        order = slice(None, None, -1) if color == "BGR" else slice(None)
        if inside:
            x = ops.subtract(x, np.array(MEAN, np.float32)[order])
            x = ops.divide(x, np.array(SCALE, np.float32)[order])
        if cast:
            x = ops.convert(ops.convert(x, cast), "f32")
        hidden = ops.relu(ops.matmul(x, network.first[order], False, False))
        pooled: Any = ops.reduce_mean(hidden, np.array([1, 2], np.int32))
        parameters = [given]
        if second_input:
            parameters.append(ops.parameter([1], np.float32, name="other"))
            pooled = ops.multiply(pooled, parameters[1])
        last: Any = ops.softmax(ops.matmul(pooled, scale_weights * network.second, False, False), 1)
        last.set_friendly_name(friendly)
        outputs = [ops.result(ops.negative(last))] if second_output else []
        if reshape:
            last = ops.reshape(last, np.array([-1, CLASSES + 1], np.int32), False)
            last.set_friendly_name("Net/Reshape_1")
        last.output(0).get_tensor().set_names(set(names))
        model = openvino.Model([*outputs, ops.result(last)], parameters, "tiny")
        openvino.save_model(model, str(path), compress_to_fp16=False)
        return path

    return make


_TYPES: dict[str, Any] = {"f32": np.float32, "f16": np.float16}


@dataclass(frozen=True)
class Tiny:
    """The network as both files: a graph that wants RGB, mean and scale; an IR that wants BGR and has them inside."""

    graph: Path
    ir: Path
    network: Network


@pytest.fixture(scope="session")
def tiny(make_graph: GraphMaker, make_ir: IrMaker, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    return Tiny(make_graph(folder / "tiny.pb"), make_ir(folder / "tiny.xml"), network)


def write_images(folder: Path, count: int, *, seed: int = 0, different: int | None = None) -> list[tuple[str, int]]:
    """Write ``count`` small JPEG and PNG files and their list, ``<folder>.txt``; return the (name, class) pairs.

    The network is right for at least five of six and takes none for background. ``different``: how many files are
    really written, the rest are hard links to them.
    """
    from PIL import Image

    network = the_network()
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    pairs: list[tuple[str, int]] = []
    for number in range(count):
        first = number % (different or count)
        suffix = "png" if first % 3 == 0 else "jpg"
        path = folder / f"image {number:05d}.{suffix}"
        if number != first:
            path.hardlink_to(folder / f"image {first:05d}.{suffix}")
            pairs.append((path.name, pairs[first][1]))
            continue
        answer = 0
        while answer == 0:
            height, width = generator.integers(SIZE, 2 * SIZE, 2)
            colour = generator.integers(0, 256, 3)
            noise = generator.integers(-40, 40, (height, width, 3))
            Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)).save(path)
            answer = _answer(network, path)
        wrong = int(generator.integers(0, CLASSES))
        pairs.append((path.name, wrong if number % 6 == 5 else answer - 1))
    write_list(folder, pairs)
    return pairs


def _answer(network: Network, path: Path) -> int:
    """Return the network's class, as numpy follows it, of an image after the published crop and resize."""
    import cv2

    image = cv2.imread(str(path))
    assert image is not None
    height, width = (int(side * 0.875) for side in image.shape[:2])
    top, left = ((whole - part) // 2 for whole, part in zip(image.shape[:2], (height, width), strict=True))
    pixels = cv2.resize(image[top : top + height, left : left + width], (SIZE, SIZE))
    return int(network.of_pixels(pixels[None]).argmax())


def write_list(folder: Path, pairs: Sequence[tuple[str, int]]) -> Path:
    """Write the `name class` list that belongs to a folder and return its path."""
    path = folder.parent / f"{folder.name}.txt"
    path.write_text("".join(f"{name} {label}\n" for name, label in pairs), encoding="utf-8")
    return path


Change = Callable[[dict[str, Any]], None]


def write_config(folder: Path, tiny: Tiny, change: Change | None = None) -> Path:
    """Write a configuration of the tiny network on ``folder/images``, its cache in ``folder/cache``; return its path.

    The set is its own whole, and says so; no published accuracy. ``change`` may alter the plain data first.
    """
    data: dict[str, Any] = {
        "version": 1,
        "name": "tiny",
        "dataset": {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}},
        "reference": {
            "id": "tf",
            "model": str(tiny.graph),
            "input": {"name": "input", "color": "RGB", "mean": list(MEAN), "scale": list(SCALE)},
            "output": "Net/Reshape_1",
        },
        "candidates": [
            {
                "id": "ir",
                "model": str(tiny.ir),
                "input": {"name": "input", "color": "BGR"},
                "output": "Net/Probabilities",
            }
        ],
        "cache": {"folder": "cache"},
    }
    there = len(list((folder / "images").glob("*"))) if (folder / "images").is_dir() else 0
    if there:
        data["dataset"]["images"] = there
    if change:
        change(data)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def harness_environment(**more: str) -> dict[str, str]:
    """Return the environment for a process of the harness: nothing is compiled into the checkout."""
    return {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(PROJECT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **more,
    }


def run_harness(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m harness` in a process of its own, which is forked after the imports: tests/preloaded/."""
    if "PYTHONPATH" in environment:  # other packages than those that were imported
        return run_harness_afresh(*arguments, cwd=cwd, **environment)
    from tests.preloaded.starting import server

    process = server().start([*map(str, arguments)], cwd=cwd, env=harness_environment(**environment))
    stdout, stderr = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.wait(), stdout, stderr)


def run_harness_afresh(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m harness` from the interpreter's start: where the imports are a part of what is tested."""
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=cwd,
        env=harness_environment(**environment),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 320 kB; `mount -o remount,size=...` makes it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", place], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here ({error})")
    yield place
    subprocess.run(["umount", place], check=True)
