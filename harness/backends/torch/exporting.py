"""A PyTorch file as OpenVINO's converter for PyTorch reads it, under the names that this backend gives its ports."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from harness.backends.openvino.framework import import_openvino, without_telemetry
from harness.backends.torch.framework import import_torch, reason
from harness.backends.torch.opened import Opened, open_file, require_input
from harness.config import Reference
from harness.errors import ModelError

_TYPES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "uint8": "u8", "int8": "i8"}
_TYPES |= {"int16": "i16", "int32": "i32", "int64": "i64", "uint16": "u16", "uint32": "u32", "uint64": "u64"}
_TYPES["bool"] = "boolean"
_SIDES = {"NCHW": [-1, 3, -1, -1], "NHWC": [-1, -1, -1, 3]}


def exported(reference: Reference, _folder: Path) -> Any:
    """Return the reference as an ``openvino.Model``. Raises ModelError if it cannot be opened or converted."""
    torch, openvino = import_torch(), import_openvino()
    path = str(reference.model)
    opened = open_file(torch, path, "cpu")
    name = require_input(opened, reference.input.name, path)
    try:
        with warnings.catch_warnings(), torch.inference_mode(), without_telemetry():
            warnings.simplefilter("ignore")  # PyTorch's and OpenVINO's own, on what they will no longer have one day
            model = openvino.convert_model(opened.source)
            return _named(openvino, model, opened, name, reference.input.layout or "NCHW")
    except Exception as error:  # noqa: BLE001  (the converter raises all kinds for what it does not know)
        raise ModelError(f"{path}: OpenVINO cannot convert this model: {reason(error)}") from None


def _named(openvino: Any, model: Any, opened: Opened, name: str, layout: str) -> Any:
    """Name input and outputs, and give the input the shape and type that PyTorch knows: the converter drops both."""
    source = model.inputs[0]
    source.get_tensor().set_names({name})
    sides = _SIDES[layout] if opened.sides is None else [-1 if side is None else side for side in opened.sides]
    source.get_node().set_partial_shape(openvino.PartialShape(sides))
    source.get_node().set_element_type(getattr(openvino.Type, _TYPES[str(opened.dtype).removeprefix("torch.")]))
    model.validate_nodes_and_infer_types()
    for output, at in opened.outputs.items():
        model.outputs[at].get_tensor().set_names({output})
    return model
