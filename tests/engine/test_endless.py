"""A reference that never answers: the time limit ends the run with exit code 3, and the first Ctrl-C with 130.

One has a loop without end, and runs in a separate process. The other has no loop, so it is not recognised: it
multiplies matrices for hours, in this process and without hearing of an interrupt.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SIZE, Network, Tiny, harness_environment, write_config, write_images
from tests.preloaded.starting import Process, server

PATIENCE = 300


@pytest.fixture
def config(tensorflow: Any, network: Network, tiny: Tiny, tmp_path: Path) -> Path:
    tf, v1 = tensorflow, tensorflow.compat.v1
    with tf.Graph().as_default() as graph, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        first = tf.constant(0)
        _, x = tf.while_loop(lambda i, _: i < 1, lambda i, y: (i * 1, y), [first, given])
        hidden = tf.nn.relu(tf.nn.conv2d(x, network.first[None, None], 1, "SAME"))
        logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second))
        tf.nn.softmax(logits, name="Net/Reshape_1")
        (tmp_path / "endless.pb").write_bytes(graph.as_graph_def().SerializeToString())
    write_images(tmp_path / "images", 6)

    def change(data: dict[str, Any]) -> None:
        data["reference"] |= {"model": "endless.pb", "timeout_seconds": 3}

    return write_config(tmp_path, tiny, change)


def start(config: Path, *more: str) -> Process:
    arguments = ["validate", str(config), "--out", "run", *more]
    return server().start(arguments, cwd=config.parent, env=harness_environment())


def test_the_time_limit_ends_the_run(config: Path) -> None:
    process = start(config)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, err
    assert "tf: CPU did not respond within 3 s and was stopped" in err


def seconds_in_the_loop(process: int) -> float:
    """Return the processor's seconds that TensorFlow's threads spent in all that a process and its children started."""
    spent = 0.0
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with contextlib.suppress(OSError):  # it has ended
            spent += sum(seconds_in_the_loop(int(child)) for child in (thread / "children").read_text().split())
            if (thread / "comm").read_text().startswith("tf_Compute"):
                user = (thread / "stat").read_text().rpartition(")")[2].split()[11]
                spent += int(user) / os.sysconf("SC_CLK_TCK")
    return spent


def test_the_first_interrupt_ends_it(config: Path) -> None:
    process = start(config, "--set", "reference.timeout_seconds=600")
    deadline = time.monotonic() + PATIENCE
    while seconds_in_the_loop(process.server) < 0.5:  # the model is loaded in a moment, but its loop has no end
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (config.parent / "run" / "run.json").exists()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)  # not the 600 s of the limit
    assert process.returncode == 130, err
    assert "interrupted" in err


@pytest.fixture
def slow(tensorflow: Any, network: Network, tiny: Tiny, tmp_path: Path) -> Path:
    tf = tensorflow
    with tf.Graph().as_default() as graph:
        given = tf.compat.v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        matrix = tf.fill([6000, 6000], 1e-9 * tf.reduce_mean(given))
        for _ in range(5000):  # a second or more each
            matrix = tf.matmul(matrix, matrix)
        hidden = tf.nn.relu(tf.nn.conv2d(given + matrix[0, 0], network.first[None, None], 1, "SAME"))
        logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(network.second))
        tf.nn.softmax(logits, name="Net/Reshape_1")
        (tmp_path / "slow.pb").write_bytes(graph.as_graph_def().SerializeToString())
    write_images(tmp_path / "images", 6)

    def change(data: dict[str, Any]) -> None:
        data["reference"]["model"] = "slow.pb"
        data["candidates"][0] |= {"model": "made/made.xml", "output": "Net/Probabilities"}
        data["candidates"][0]["conversion"] = {"automatic": False}

    return write_config(tmp_path, tiny, change)


def seconds_of(process: int) -> float:
    """Return the processor's seconds that all threads of a process have spent."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("command", ["validate", "convert"])
def test_the_first_interrupt_ends_a_model_without_loops(slow: Path, tiny: Tiny, command: str) -> None:
    more = ["--out", "run", "--no-cache", "--set", f"candidates[0].model={tiny.ir}"] if command == "validate" else []
    process = server().start([command, str(slow), *more], cwd=slow.parent, env=harness_environment())
    deadline = time.monotonic() + PATIENCE
    while seconds_of(process.pid) < 10:  # the rest takes less
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    made = slow.parent / "made"
    assert not made.exists() or not list(made.iterdir())
