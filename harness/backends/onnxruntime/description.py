"""What an ONNX file states about itself: its inputs and outputs, and WinML's metadata on its images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.backends.description import ModelDescription, Stated, Tensor, shape_of
from harness.backends.onnxruntime.framework import errors, import_onnxruntime, refusal
from harness.config.color import Color, Triple
from harness.errors import ModelError

_DTYPES = {"float": "float32", "float16": "float16", "double": "float64"}
# https://learn.microsoft.com/windows/ai/windows-ml/get-onnx-model and onnx/docs/MetadataProps.md
_COLORS: dict[str, Color] = {"Bgr8": "BGR", "Rgb8": "RGB"}
_RANGES: dict[str, tuple[float, float]] = {
    "NominalRange_0_255": (0.0, 1.0),
    "Normalized_0_1": (0.0, 255.0),
    "Normalized_1_1": (127.5, 127.5),
}


def describe(model: Path) -> ModelDescription:
    """Return what an ONNX file says. Raises ModelError if ONNX Runtime cannot load it."""
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # nothing is run
    try:
        session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except errors() as error:
        raise ModelError(f"{model}: {refusal(error)}") from None
    metadata = session.get_modelmeta().custom_metadata_map
    source = f"metadata of {model.name}"
    mean, scale = _range(metadata)
    color = _COLORS.get(metadata.get("Image.BitmapPixelFormat", ""))
    return ModelDescription(
        inputs=tuple(map(_tensor, session.get_inputs())),
        outputs=tuple(map(_tensor, session.get_outputs())),
        source=f"graph of {model.name}",
        derivation="exported",
        color=Stated(color, f"{source}, Image.BitmapPixelFormat") if color else None,
        mean=Stated(mean, f"{source}, Image.NominalPixelRange") if mean else None,
        scale=Stated(scale, f"{source}, Image.NominalPixelRange") if scale else None,
    )


def _range(metadata: Mapping[str, str]) -> tuple[Triple | None, Triple | None]:
    found = _RANGES.get(metadata.get("Image.NominalPixelRange", ""))
    return ((found[0],) * 3, (found[1],) * 3) if found else (None, None)


def _tensor(port: Any) -> Tensor:
    kind = port.type.removeprefix("tensor(").removesuffix(")")
    return Tensor(port.name, shape_of(port.shape), _DTYPES.get(kind, kind))
