"""What Accuracy Checker is told, and what is made of how long it took; a stand-in notes what it was given."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.bench.__main__ import beside
from harness.bench.incumbent import measure
from harness.config import Config
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest
from harness.errors import ConfigError

STAND_IN = """
import pathlib, sys, yaml
given = yaml.safe_load(pathlib.Path(sys.argv[2]).read_text())
model = given["models"][0]
data = model["datasets"][0]
listed = pathlib.Path(data["annotation_conversion"]["annotation_file"]).read_text().splitlines()
assert sorted(line.split()[0] for line in listed) == sorted(p.name for p in pathlib.Path(data["data_source"]).iterdir())
with open(sys.argv[0] + ".log", "a") as log:
    log.write(yaml.safe_dump([model, listed], explicit_start=True))
sys.exit(3 if model["name"] == "bad" else 0)
"""


def config(candidate: str = "ir") -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "name": "n",
            "dataset": {"path": "set", "preprocess": {"size": 224, "crop_fraction": 0.875}},
            "reference": {"id": "tf", "model": "m.pb", "output": "o",
                          "input": {"color": "RGB", "mean": 127.5, "scale": 127.5}},
            "candidates": [{"id": candidate, "model": "m.xml", "input": {"color": "BGR"}, "output": "o"}],
        }
    )  # fmt: skip


IMAGES = ImageSet(
    "list", "x", Manifest(tuple(f"{row}.JPEG" for row in range(9)), np.arange(1, 10, dtype=np.int32)),
    lambda row: bytes([row]), str,
)  # fmt: skip


def test_each_model_is_told_of_its_own_contract_and_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clock: tf takes 2 s for one image and 12 for six, ir 1 and 3: 0.5 and 2.5 images/s."""
    clock = iter([0, 2, 10, 22, 30, 31, 40, 43])
    monkeypatch.setattr("harness.bench.incumbent.perf_counter", lambda: next(clock))
    script = tmp_path / "checker.py"
    script.write_text(STAND_IN)
    results = measure(f"{sys.executable} {script}", config(), IMAGES, 6)
    assert [(item["model"], item["images"]) for item in results] == [("tf", 6), ("ir", 6)]
    assert [item["images_per_second"] for item in results] == [0.5, 2.5]
    assert [item["start_seconds"] for item in results] == [2, 1]
    given = list(yaml.safe_load_all(Path(f"{script}.log").read_text()))
    assert [len(listed) for _, listed in given] == [1, 6, 1, 6]
    (tensorflow, listed), (openvino, _) = given[1], given[3]
    assert listed == [f"{row:06d}.JPEG {row}" for row in range(6)]  # classes without the background
    steps = tensorflow["datasets"][0]["preprocessing"]
    assert steps == [
        {"type": "crop", "central_fraction": 0.875},
        {"type": "resize", "dst_height": 224, "dst_width": 224},
        {"type": "bgr_to_rgb"},
        {"type": "normalization", "mean": [127.5] * 3, "std": [127.5] * 3},
    ]
    assert openvino["datasets"][0]["preprocessing"] == steps[:2]
    assert [model["launchers"][0]["framework"] for model in (tensorflow, openvino)] == ["tf", "openvino"]
    assert openvino["launchers"][0]["weights"].endswith("m.bin")


def test_no_rate_is_made_of_a_start_up_that_varies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clock: tf takes 10 s for one image and 9 for six, ir 10 and 12: nothing, and 2.5 images/s."""
    clock = iter([0, 10, 20, 29, 30, 40, 50, 62])
    monkeypatch.setattr("harness.bench.incumbent.perf_counter", lambda: next(clock))
    script = tmp_path / "checker.py"
    script.write_text(STAND_IN)
    results = measure(f"{sys.executable} {script}", config(), IMAGES, 6)
    assert [item["images_per_second"] for item in results] == [None, 2.5]
    shown = beside([{"achieved_images_per_second": 90.0}, {"achieved_images_per_second": 200.0}], results).splitlines()
    assert shown[3].split()[:4] == ["Accuracy", "Checker,", "tf", "?"]
    assert shown[-1].startswith("?: lost in the start-up")


def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    script = tmp_path / "checker.py"
    script.write_text(STAND_IN)
    with pytest.raises(ConfigError, match="ended with exit code 3 for bad"):
        measure(f"{sys.executable} {script}", config("bad"), IMAGES, 2)
