"""The backend that docs/backends.md shows, run from the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness import load_config, validate
from harness.backends.base import ModelSpec
from harness.backends.opening import open_backend
from harness.backends.registry import load_target, register, unregister
from harness.config import Input
from harness.engine.run import Options
from harness.errors import HarnessError
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.conftest import CLASSES, MEAN, PROJECT, SCALE, SIZE, Tiny, write_images

NAME = "opencv_dnn"


@pytest.fixture
def model(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    page = (PROJECT / "docs/backends.md").read_text(encoding="utf-8")
    files = dict(re.findall(rf"```python\n# {NAME}/(\w+\.py)\n(.*?)```", page, re.DOTALL))
    assert set(files) == {"facts.py", "runner.py"}
    assert sum(text.count("\n") for text in files.values()) < 150
    (tmp_path / NAME).mkdir()
    for name, text in {"__init__.py": "", **files}.items():
        (tmp_path / NAME / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    register(load_target(f"{NAME}.facts:FACTS"))
    yield write_onnx(tmp_path / "m.onnx", tiny.network)
    unregister(NAME)
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_it_runs_alone(model: Path, tiny: Tiny, pixels: NDArray[np.uint8]) -> None:
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE, layout="NHWC")
    plain: dict[str, Any] = {
        "model": str(model),
        "input": contract,
        "output": "probabilities",
        "size": SIZE,
        "batch": 3,
    }
    with open_backend(NAME, ModelSpec("m", outputs=CLASSES + 1, **plain)) as backend:
        np.testing.assert_allclose(backend.infer(pixels), tiny.network.of_pixels(pixels), atol=1e-5)
        assert len(backend.take_latencies()) == 3
    for wrong, message in (
        ({"output": "probabilitys"}, "did you mean 'probabilities'"),
        ({"device": "GPU"}, "runs on the CPU, not on GPU"),
        ({"precision": "bf16"}, "runs f32, not bf16"),
        ({"model": str(model.parent / "none.onnx")}, "No such file"),
    ):
        spec = ModelSpec("m", outputs=CLASSES + 1, **{**plain, **wrong})
        with pytest.raises(HarnessError, match=message), open_backend(NAME, spec):
            pass


def test_it_is_a_candidate_in_a_run(model: Path, tiny: Tiny, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 6, seed=3)
    contract = {"color": "RGB", "mean": list(MEAN), "scale": list(SCALE)}
    data = {
        "version": 1,
        "name": "documented",
        "dataset": {"path": "images", "classes": CLASSES, "images": 6, "preprocess": {"size": SIZE}},
        "reference": {
            "id": "tf",
            "model": str(tiny.graph),
            "input": {"name": "input", **contract},
            "output": "Net/Reshape_1",
        },
        "candidates": [{"id": "own", "backend": NAME, "model": "m.onnx", "input": {**contract, "layout": "NHWC"}}],
        "gates": {"parity": {"images": 6, "max_abs_diff": 1e-4}},
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    record = validate(load_config(tmp_path / "config.yml"), Options(out=tmp_path / "run", use_cache=False, quiet=True))
    (own,) = (part for part in record.models if part.id == "own")
    assert (own.status, own.precision.effective, own.details["batch"]) == ("ok", "f32", 1)
    assert record.comparisons[0].top1_agreement.count == 6
