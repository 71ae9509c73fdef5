"""The names that a LiteRT file's signature gives to its tensors, read without a framework.

The fields are those of LiteRT's schema,
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from pathlib import Path

from harness.backends.litert.flatbuffer import number, offset, tables, text

_SUBGRAPHS, _SIGNATURES = 2, 7  # fields of Model
_TENSORS = 0  # of SubGraph
_TENSOR_NAME = 3  # of Tensor
_INPUTS, _OUTPUTS, _SUBGRAPH_INDEX = 0, 1, 4  # of SignatureDef
_NAME, _TENSOR_INDEX = 0, 1  # of TensorMap


def signature_names(model: Path) -> dict[str, str]:
    """Return name in the signature -> name of the tensor; empty if there is no signature or the file is broken.

    Where several signatures use a name, the first one counts.
    """
    try:
        return _names(memoryview(model.read_bytes()))
    except (OSError, struct.error, IndexError, UnicodeDecodeError, ValueError):
        return {}


def _names(data: memoryview) -> dict[str, str]:
    root = offset(data, 0)
    graphs = list(tables(data, root, _SUBGRAPHS))
    names: dict[str, str] = {}
    for signature in tables(data, root, _SIGNATURES):
        tensors = list(tables(data, graphs[number(data, signature, _SUBGRAPH_INDEX)], _TENSORS))
        for kind in (_INPUTS, _OUTPUTS):
            for entry in tables(data, signature, kind):
                tensor = tensors[number(data, entry, _TENSOR_INDEX)]
                names.setdefault(text(data, entry, _NAME), text(data, tensor, _TENSOR_NAME))
    return names
