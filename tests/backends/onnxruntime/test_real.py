"""The real network of the test bed, counted by a plain script of ONNX Runtime; and what stops a whole run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.backends.real_runs import correct, run, stopped
from tests.conftest import CLASSES, SIZE, Network, write_images

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; it is the extra [onnx]")


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("images", "count", "top1", "top5"), [("val", 650, 432, 571), ("fullres", 200, 126, 162)])
def test_the_counts_of_a_plain_script(
    shared: Path, tmp_path: Path, images: str, count: int, top1: int, top5: int
) -> None:
    model = {
        "backend": "onnxruntime",
        "model": str(shared / "models/mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx"),
        "input": {"name": "keras_tensor", "color": "RGB", "mean": 127.5, "scale": 127.5},
        "output": "output_0",
    }
    dataset = {"path": str(shared / "imagenet" / images), "images": count, "background_class": False}
    record = run(tmp_path, model, dataset)
    assert correct(record) == {"original": (top1, top5), "candidate": (top1, top5)}
    assert record.exit_code == 0


def tiny(path: Path) -> dict[str, Any]:
    contract = {"name": "input", "color": "RGB"}
    return {"backend": "onnxruntime", "model": str(path), "input": contract, "output": "probabilities"}


def test_a_bad_model_stops_the_run(network: Network, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    dataset = {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}}
    path = write_onnx(tmp_path / "m.onnx", network)
    code, message = stopped(tmp_path, {**tiny(path), "output": "probability"}, dataset)
    assert (code, "did you mean 'probabilities'?" in message) == (2, True)
    path.write_bytes(path.read_bytes()[:-9])
    code, message = stopped(tmp_path, tiny(path), dataset)
    assert (code, "not an ONNX model, or cut off; fetch or export it again" in message) == (3, True)
    write_onnx(path, network, location="../m.data")
    code, message = stopped(tmp_path, tiny(path), dataset)
    assert (code, "'../m.data' is outside the model's folder" in message) == (3, True)
    write_onnx(path, network, location="m.data")
    code, message = stopped(tmp_path, tiny(path), dataset)
    assert (code, "copy the .data that belongs to the .onnx" in message) == (2, True)  # before any model loads


def test_a_missing_package_stops_the_run_with_exit_code_3(network: Network, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    dataset = {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}}
    absent = tmp_path / "absent"
    (absent / "onnxruntime").mkdir(parents=True)
    (absent / "onnxruntime/__init__.py").write_text("raise ImportError('it is not there')\n")
    from tests.conftest import PROJECT

    path = f"{absent}:{PROJECT}"
    code, message = stopped(tmp_path, tiny(write_onnx(tmp_path / "m.onnx", network)), dataset, PYTHONPATH=path)
    assert (code, "run `pip install 'conversion-accuracy-harness[onnx]'`" in message) == (3, True)
