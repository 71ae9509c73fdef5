"""The reverse: a configuration of OpenVINO's Accuracy Checker for a model of the harness, for a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config import Config
from harness.config.models import Model

_FRAMEWORKS = {"openvino": "openvino", "tensorflow": "tf"}


def can_be_told(model: Model) -> bool:
    """Return whether the other tool runs models of this backend."""
    return model.backend in _FRAMEWORKS


def accuracy_checker(config: Config, model: Model, folder: Path) -> Mapping[str, Any]:
    """Return the settings for Accuracy Checker: the same preprocessing, colour order, mean and scale.

    ``folder``: has `images` and `list.txt`, names with 0-based classes.
    """
    framework = _FRAMEWORKS[model.backend]
    preprocess, contract = config.dataset.preprocess, model.input
    file = Path(model.model).resolve()
    launcher: dict[str, Any] = {
        "framework": framework,
        "device": "CPU",
        "model": str(file),
        "adapter": "classification",
    }
    if framework == "openvino":
        launcher["weights"] = str(file.with_suffix(".bin"))
    else:
        launcher["output_names"] = [str(model.output_name)]
    height, width = preprocess.output_size
    steps: list[dict[str, Any]] = [
        {"type": "crop", "central_fraction": preprocess.crop_fraction},
        {"type": "resize", "dst_height": height, "dst_width": width},
    ]
    if contract.color == "RGB":
        steps.append({"type": "bgr_to_rgb"})
    mean, scale = contract.mean_per_channel, contract.scale_per_channel
    if any(mean) or any(value != 1 for value in scale):
        steps.append({"type": "normalization", "mean": list(map(float, mean)), "std": list(map(float, scale))})
    dataset = {
        "name": "bench",
        "data_source": str(folder / "images"),
        "annotation_conversion": {
            "converter": "imagenet",
            "annotation_file": str(folder / "list.txt"),
            "has_background": bool(config.dataset.background_class),
        },
        "preprocessing": steps,
        "metrics": [{"type": "accuracy", "top_k": 1}],
    }
    return {"models": [{"name": model.id, "launchers": [launcher], "datasets": [dataset]}]}
