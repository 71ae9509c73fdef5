"""The demo on a real Ray cluster of several nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT, harness_environment, require

pytestmark = pytest.mark.slow


class Nodes:
    """A Ray cluster in a process of its own."""

    def __init__(self, folder: Path, *nodes: dict[str, Any]) -> None:
        with (folder / "nodes.log").open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).parent / "ray_nodes.py", *map(json.dumps, nodes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=harness_environment(),
                text=True,
            )
        self.address = self._said()["address"]

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise AssertionError("the cluster ended")

    def kill(self, node: int) -> None:
        """Let a node leave without a word."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{node}\n")
        self._process.stdin.flush()
        assert self._said() == {"left": node}

    def end(self) -> None:
        self._process.communicate("\n", timeout=60)


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[Nodes]:
    require("ray")
    require("tensorflow")
    require("openvino")
    nodes = Nodes(tmp_path, {"num_cpus": 1}, {"num_cpus": 1})
    yield nodes
    nodes.end()


def started(out: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "validate", "configs/demo.yml", "--out", str(out), *arguments, "--no-cache"],
        cwd=PROJECT,
        env=harness_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"no {path}"
        time.sleep(0.02)


def counts(out: Path) -> dict[str, Any]:
    """Return what must not depend on where shards were evaluated."""
    record = json.loads((out / "run.json").read_text())
    models = [{key: model[key] for key in ("id", "top1", "top5", "model_sha256")} for model in record["models"]]
    return {"models": models, **{key: record[key] for key in ("comparisons", "gates", "status", "exit_code")}}


def test_a_node_that_is_killed_in_the_middle_costs_no_count(two_nodes: Nodes, tmp_path: Path) -> None:
    # The demo has three shards; smaller ones would not be those of a real run, so one node leaves after the first.
    ir = f"candidates.ir.model={tmp_path / 'demo.xml'}"
    local = started(tmp_path / "local", "--set", ir)
    assert local.wait(240) == 0, local.communicate()
    spread = started(
        tmp_path / "spread", "--set", ir, "--set", f"engine.address={two_nodes.address}", "--engine", "ray"
    )
    wait_for(tmp_path / "spread" / "shards" / "000000.table", spread)
    two_nodes.kill(0)
    out, err = spread.communicate(timeout=240)
    assert spread.returncode == 0, out + err
    assert counts(tmp_path / "spread") == counts(tmp_path / "local")
    record = json.loads((tmp_path / "spread" / "run.json").read_text())
    assert record["config"]["engine"]["kind"] == "ray"
    assert any("1 worker ended before the run did" in warning for warning in record["warnings"])
    # Published with the demo's model (datasets/demo/MODEL_CARD.md), measured without this engine.
    assert [round(model["top1"]["percent"], 2) for model in record["models"]] == [89.44, 89.44]
    _a_driver_that_died_is_resumed(two_nodes, tmp_path, ir)


def _a_driver_that_died_is_resumed(nodes: Nodes, folder: Path, ir: str) -> None:
    options = ("--set", ir, "--set", f"engine.address={nodes.address}", "--engine", "ray")
    dying = started(folder / "dying", *options)
    wait_for(folder / "dying" / "shards" / "000000.table", dying)
    os.kill(dying.pid, 9)
    dying.communicate(timeout=60)
    resumed = started(folder / "dying", *options, "--resume")
    out, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, out + err
    assert counts(folder / "dying") == counts(folder / "local")
