"""A backend that is no part of the harness runs from the configuration to the record, also in its own process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.backends.base import ModelSpec
from harness.backends.opening import open_backend
from harness.cli import main
from harness.config import Input
from harness.errors import ModelError
from tests.conftest import CLASSES, SIZE, write_images

COUNT = 12


def write_model(folder: Path, **behaviour: Any) -> Path:
    path = folder / "model.fake"
    path.write_text(json.dumps(behaviour), encoding="utf-8")
    return path


def spec(model: Path, **more: Any) -> ModelSpec:
    return ModelSpec("m", str(model), Input(color="RGB"), "out", SIZE, CLASSES + 1, **more)


def validated(folder: Path, **candidate: Any) -> tuple[int, dict[str, Any]]:
    """Run `harness validate` on two fake models; return its exit code and its record."""
    write_images(folder / "images", COUNT, seed=3)
    model = {"backend": "fake", "model": str(folder / "reference.fake"), "input": {"color": "RGB"}, "output": "out"}
    (folder / "reference.fake").write_text("{}", encoding="utf-8")
    data = {
        "version": 1,
        "name": "fake",
        "dataset": {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}},
        "reference": {"id": "one", **model},
        "candidates": [{"id": "two", **model, **candidate}],
    }
    (folder / "config.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    code = main(["validate", str(folder / "config.yml"), "--out", str(folder / "run"), "--no-cache"])
    return code, json.loads((folder / "run/run.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("isolate", [False, True])
def test_validate(fake_backend: dict[str, Any], tmp_path: Path, isolate: bool) -> None:
    _, record = validated(tmp_path, isolate=isolate)
    assert record["status"] == "complete"
    assert [model["backend"] for model in record["models"]] == ["fake 1", "fake 1"]
    compared = record["comparisons"][0]
    assert compared["max_abs_diff"] == 0  # both are the same network
    assert compared["top1_agreement"] | {"percent": 100.0} == compared["top1_agreement"]
    assert compared["top1_agreement"]["count"] == COUNT
    assert ("two" in fake_backend) is not isolate  # its calls were in another process


def test_a_candidate_whose_process_dies_is_an_error_of_that_model(fake_backend: dict[str, Any], tmp_path: Path) -> None:
    code, record = validated(tmp_path, isolate=True, model=str(write_model(tmp_path, die=True)))
    assert code == 3
    assert "two: the process that ran CPU died (signal 9)" in json.dumps(record)
    assert fake_backend["one"].calls > 0


def test_the_answers_of_another_process_are_the_same(fake_backend: dict[str, Any], tmp_path: Path) -> None:
    model = write_model(tmp_path)
    pixels = np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    with open_backend("fake", spec(model)) as here, open_backend("fake", spec(model, isolate=True)) as there:
        np.testing.assert_array_equal(here.infer(pixels), there.infer(pixels))
        assert there.loaded.details == {"isolated": True}
        assert fake_backend["m"].loads == 1


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"die": True}, r"m: the process that ran CPU died \(signal 9\)"),
        ({"fail_after": 0}, "m: the fake model failed"),
        ({"hang_seconds": 60.0}, "m: CPU did not respond within 1 s and was stopped"),
    ],
)
def test_failures_of_another_process(
    fake_backend: dict[str, Any], tmp_path: Path, behaviour: dict[str, Any], message: str
) -> None:
    model = write_model(tmp_path, **behaviour)
    pixels = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    limit = 1.0 if "hang_seconds" in behaviour else 60.0  # what ends by itself has its time on a busy machine
    opened = open_backend("fake", spec(model, isolate=True, timeout_seconds=limit))
    with opened as backend, pytest.raises(ModelError, match=message):
        backend.infer(pixels)


def test_a_load_that_fails_in_another_process(fake_backend: dict[str, Any], tmp_path: Path) -> None:
    model = write_model(tmp_path, fail_load=True)
    with pytest.raises(ModelError, match="m: the fake model cannot be loaded"):
        open_backend("fake", spec(model, isolate=True)).__enter__()


def test_what_is_stopped_before_its_process_is_there_ends_when_it_is(
    fake_backend: dict[str, Any], tmp_path: Path
) -> None:
    opened = open_backend("fake", spec(write_model(tmp_path), isolate=True))
    opened.stop()
    with pytest.raises(ModelError, match=r"m: the process that ran CPU died \(signal 9\)"):
        opened.__enter__()


def test_an_interrupt_ends_the_process_at_once(
    fake_backend: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    model = write_model(tmp_path, hang_seconds=60.0)
    with open_backend("fake", spec(model, isolate=True)) as backend:
        child = vars(backend)["_child"]
        monkeypatch.setattr("harness.backends.isolation.backend.receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            backend.infer(np.zeros((2, SIZE, SIZE, 3), np.uint8))
        assert child.wait(5) == -9
