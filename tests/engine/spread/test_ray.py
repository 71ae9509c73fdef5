"""A real Ray cluster of three nodes on this machine: placement by device, a node that is killed, a driver that dies."""

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
import yaml

from tests.conftest import CLASSES, PROJECT, SIZE, harness_environment, require, write_images

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
        said = self._said()
        self.address, self.processes = said["address"], said["nodes"]

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise AssertionError("the cluster ended")

    def kill(self, process: int) -> None:
        """Let a node leave without a word; another one joins."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{process}\n")
        self._process.stdin.flush()
        self.processes = self._said()["nodes"]
        assert process not in self.processes

    def end(self) -> None:
        self._process.communicate("\n", timeout=60)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """A node without processors, which the driver is on, and two others; starting them takes some ten seconds."""
    require("ray")
    cluster = Nodes(tmp_path_factory.mktemp("nodes"), {"num_cpus": 1}, {"num_cpus": 2, "resources": {"NPU": 1}})
    yield cluster
    cluster.end()


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


def fake_started(config: Path, out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.engine.spread.fake_driver", "validate", str(config), "--out", str(out)]
    return subprocess.Popen(
        [*command, *arguments],
        cwd=PROJECT,
        env=harness_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fake_run(config: Path, out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = fake_started(config, out, *arguments)
    printed, told = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, printed, told)


@pytest.fixture
def fake_config(tmp_path: Path) -> Path:
    """Three shards of few different images; a candidate on the processor, one on an NPU that no machine here has."""
    write_images(tmp_path / "images", 600, different=6)
    fed = {"backend": "fake", "input": {"color": "RGB"}, "output": "out"}
    for name in ("tf", "ir", "npu"):
        (tmp_path / f"{name}.fake").write_text("{}")
    data = {
        "version": 1,
        "name": "mixed",
        "dataset": {
            "path": "images",
            "classes": CLASSES,
            "images": 600,
            "labels": {"source": "images.txt", "trust": True},
            "preprocess": {"size": SIZE},
        },
        "reference": {"id": "tf", "model": "tf.fake", **fed},
        "candidates": [
            {"id": "ir", "model": "ir.fake", **fed},
            {"id": "npu", "model": "npu.fake", "device": "NPU", "isolate": False, **fed},
        ],
        "cache": {"folder": "cache"},
    }
    path = tmp_path / "mixed.yml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_candidate_runs_where_its_device_is(nodes: Nodes, fake_config: Path, tmp_path: Path) -> None:
    ray = ("--engine", "ray", "--set", f"engine.address={nodes.address}")
    local = fake_run(fake_config, tmp_path / "local")
    spread = fake_run(fake_config, tmp_path / "spread", *ray)
    assert spread.returncode == local.returncode, spread.stderr
    assert counts(tmp_path / "spread") == counts(tmp_path / "local")
    assert not counts(tmp_path / "spread")["comparisons"][1]["max_abs_diff"]  # the same weights: compared, and equal
    refused = fake_run(fake_config, tmp_path / "refused", *ray, "--set", "candidates.npu.device=GPU")
    assert refused.returncode == 3
    assert "npu: no node of the cluster offers GPU" in refused.stderr
    assert not (tmp_path / "refused").exists()  # before anything ran


def test_a_node_that_leaves_with_work_in_hand_is_told(nodes: Nodes, fake_config: Path, tmp_path: Path) -> None:
    """Three shards and two workers that stop in their second one: whichever has a second one is killed in it."""
    hold = tmp_path / "hold"
    hold.mkdir()
    (tmp_path / "ir.fake").write_text(json.dumps({"hold": str(hold), "hold_after": 300}))  # a shard has 256 images
    options = ("--engine", "ray", "--set", f"engine.address={nodes.address}")
    spread = fake_started(fake_config, tmp_path / "spread", *options)
    while not (held := list(hold.glob("*.held"))):
        assert spread.poll() is None, spread.communicate()
        time.sleep(0.02)
    nodes.kill(int(held[0].stem))
    (hold / "go").touch()
    out, err = spread.communicate(timeout=240)
    local = fake_run(fake_config, tmp_path / "local")
    assert spread.returncode == local.returncode, out + err
    assert "ended during the run" in " ".join(json.loads((tmp_path / "spread" / "run.json").read_text())["warnings"])
    assert counts(tmp_path / "spread") == counts(tmp_path / "local")


def test_a_node_that_is_killed_in_the_middle_costs_no_count(nodes: Nodes, tmp_path: Path) -> None:
    require("tensorflow")
    require("openvino")
    # The demo has three shards; smaller ones would not be those of a real run, so one node leaves after the first.
    ir = f"candidates.ir.model={tmp_path / 'demo.xml'}"
    local = started(tmp_path / "local", "--set", ir)
    out, err = local.communicate(timeout=240)
    assert local.returncode == 0, out + err
    spread = started(tmp_path / "spread", "--set", ir, "--set", f"engine.address={nodes.address}", "--engine", "ray")
    wait_for(tmp_path / "spread" / "shards" / "000000.table", spread)
    nodes.kill(nodes.processes[0])
    out, err = spread.communicate(timeout=240)
    assert spread.returncode == 0, out + err
    assert counts(tmp_path / "spread") == counts(tmp_path / "local")
    record = json.loads((tmp_path / "spread" / "run.json").read_text())
    assert record["config"]["engine"]["kind"] == "ray"
    # Published with the demo's model (datasets/demo/MODEL_CARD.md), measured without this engine.
    assert [round(model["top1"]["percent"], 2) for model in record["models"]] == [89.44, 89.44]
    _a_driver_that_died_is_resumed(nodes, tmp_path, ir)


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
