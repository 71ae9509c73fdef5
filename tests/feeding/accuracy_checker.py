"""The keys that the public files of ../shared/accuracy-check use, as a decoder, steps and an input contract."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.config import Input
from harness.config.preprocess import Preprocess

_FILTERS = {"CUBIC": "bicubic", "BICUBIC": "bicubic", "BILINEAR": "bilinear", "LINEAR": "bilinear"}


def _three(value: Any) -> np.ndarray[Any, Any]:
    numbers = [float(part) for part in value.strip("()").split(",")] if isinstance(value, str) else value
    return np.broadcast_to(np.asarray(numbers, np.float64), (3,))


def protocol(dataset: dict[str, Any]) -> tuple[Preprocess, Input]:
    pillow = dataset.get("reader") == "pillow_imread"
    color, steps, floating = ("RGB" if pillow else "BGR"), [], False
    mean, scale = np.zeros(3), np.ones(3)  # in the order of `color`
    for step in dataset["preprocessing"]:
        kind = step["type"]
        library = "pillow" if step.get("use_pillow") else "opencv"
        if kind in ("bgr_to_rgb", "rgb_to_bgr"):
            color = "BGR" if color == "RGB" else "RGB"
            mean, scale = mean[::-1], scale[::-1]
        elif kind == "normalization":
            mean = mean + scale * _three(step.get("mean", 0.0))
            scale = scale * _three(step.get("std", 1.0))
            floating = True
        elif kind == "crop":
            what = {"fraction": step["central_fraction"]} if "central_fraction" in step else {"size": step["size"]}
            steps.append({"crop": {**what, "library": library}})
        else:
            assert kind == "resize"
            if floating and not any("normalize" in written for written in steps):
                steps.append({"normalize": {"mean": 0, "scale": 1}})
            size = step["size"] if "size" in step else [step["dst_height"], step["dst_width"]]
            to = "short_side" if step.get("aspect_ratio_scale") == "greater" else "size"
            steps.append(
                {
                    "resize": {
                        to: size,
                        "interpolation": _FILTERS[step.get("interpolation", "LINEAR")],
                        "library": library,
                    }
                }
            )
            floating = floating or library == "opencv"
    decoder = {"decoder": "pillow"} if pillow else {"decoder": "opencv", "exif": "apply"}
    return Preprocess.model_validate({**decoder, "steps": steps}), Input.model_validate(
        {"color": color, "mean": mean.tolist(), "scale": scale.tolist()}
    )
