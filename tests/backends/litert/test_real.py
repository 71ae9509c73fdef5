"""The real networks of the test bed, counted by plain scripts of LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.backends.real_runs import correct, run

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed; it is the extra [litert]")

FLOAT: dict[str, Any] = {
    "model": "models/mobilenet_v1_0.25_224/mobilenet_v1_0.25_224_float.tflite",
    "input": {"name": "keras_tensor", "color": "RGB", "mean": 127.5, "scale": 127.5},
    "output": "output_0",
}
QUANTISED: dict[str, Any] = {
    "model": "models/mobilenet_v1_0.25_128_quant.tflite",
    "input": {"name": "input", "color": "RGB", "mean": 128, "scale": 128},
    "output": "MobilenetV1/Predictions/Reshape_1",
}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "precision", "images", "count", "top1", "top5"),
    [
        (FLOAT, "f32", "val", 650, 432, 571),
        (FLOAT, "f32", "fullres", 200, 126, 162),
        (QUANTISED, "int8", "val", 650, 373, 532),
        (QUANTISED, "int8", "fullres", 200, 106, 151),
    ],
)
def test_the_counts_of_a_plain_script(
    shared: Path, tmp_path: Path, model: dict[str, Any], precision: str, images: str, count: int, top1: int, top5: int
) -> None:
    dataset = {"path": str(shared / "imagenet" / images), "images": count}
    if model is QUANTISED:
        dataset |= {"background_class": True, "preprocess": {"size": 128}}
    else:
        dataset |= {"background_class": False}
    record = run(tmp_path, {**model, "backend": "litert", "model": str(shared / model["model"])}, dataset)
    assert correct(record) == {"original": (top1, top5), "candidate": (top1, top5)}
    assert {part.precision.effective for part in record.models} == {precision}
