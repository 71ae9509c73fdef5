"""A public IR of version 10 without its original: the counts of a plain OpenVINO script."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness import load_config, validate
from harness.engine.run import Options


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("images", "count", "top1", "top5"), [("val", 650, 467, 590), ("fullres", 200, 139, 182)])
def test_squeezenet_without_a_reference(
    shared: Path, tmp_path: Path, images: str, count: int, top1: int, top5: int
) -> None:
    pytest.importorskip("openvino")
    data = {
        "version": 1,
        "name": "squeezenet",
        "dataset": {
            "path": str(shared / "imagenet" / images),
            "background_class": False,
            "images": count,
            "preprocess": {"size": 227},
        },
        "reference": None,
        "candidates": [
            {
                "id": "ir",
                "model": str(shared / "models/squeezenet1.1_fp16_mo2021.2/squeezenet1.1.xml"),
                "input": {"color": "BGR"},
            }
        ],
        "cache": {"folder": "cache"},
    }
    (tmp_path / "c.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    record = validate(load_config(tmp_path / "c.yml"), Options(out=tmp_path / "run", quiet=True))
    (model,) = record.models
    assert model.top1 is not None
    assert model.top5 is not None
    assert (model.top1.correct, model.top5.correct) == (top1, top5)
    assert record.exit_code == 5  # nothing judges it
    assert model.details["activation"] == "none"  # its softmax is inside
