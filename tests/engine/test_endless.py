"""A reference that never answers: the time limit ends the run with exit code 3, and the first Ctrl-C with 130."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SIZE, Network, Tiny, harness_environment, write_config, write_images


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


def start(config: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "validate", str(config), "--out", "run", *more]
    return subprocess.Popen(
        command,
        cwd=config.parent,
        env=harness_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_the_time_limit_ends_the_run(config: Path) -> None:
    process = start(config)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    assert "tf: CPU gave no answer within 3 s and was stopped" in err


def test_the_first_interrupt_ends_it(config: Path) -> None:
    process = start(config, "--set", "reference.timeout_seconds=600")
    deadline = time.monotonic() + 60
    while not (config.parent / "run" / "run.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(6)  # the child has loaded TensorFlow and is in its loop
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - begin < 30
    assert "interrupted" in err
