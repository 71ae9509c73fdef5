"""The tiny network as an ONNX file, written without the package `onnx`: fields as in onnx.proto3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.conftest import CLASSES, SIZE, Network

Side = int | str
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7, "float16": 10}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, array: NDArray[np.generic], location: str | None = None) -> bytes:
    data = b"".join(field(1, side) for side in array.shape) + field(2, _TYPES[array.dtype.name]) + field(8, name)
    if location is None:
        return data + field(9, array.tobytes())
    return data + field(13, field(1, "location") + field(2, location)) + field(14, 1)


def node(operation: str, inputs: Sequence[str], output: str, *, domain: str = "", **ints: int | list[int]) -> bytes:
    data = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operation) + field(7, domain)
    for name, value in ints.items():
        listed = isinstance(value, list)
        values = b"".join(field(8, each) for each in value) if isinstance(value, list) else field(3, value)
        data += field(5, field(1, name) + values + field(20, 7 if listed else 2))
    return data


def port(name: str, kind: str, sides: Sequence[Side]) -> bytes:
    shape = b"".join(field(1, field(2 if isinstance(side, str) else 1, side)) for side in sides)
    return field(1, name) + field(2, field(1, field(1, _TYPES[kind]) + field(2, shape)))


def write_onnx(
    path: Path,
    network: Network,
    *,
    batch: Side = "n",
    layout: str = "NHWC",
    element: str = "float32",
    form: str = "NC",
    location: str | None = None,
    factors: str | None = None,
    operation: str = "Relu",
    domain: str = "",
    opset: int = 13,
    second_input: bool = False,
) -> Path:
    """``form``: of the output, NC, C, NC11, N1C or CN; ``location``: where the file says that its first weights are;
    ``factors``: where it says that factors of its features are: those are used as they lie, matrices are packed.
    """
    x, nodes = "input", []
    if element != "float32":
        nodes, x = [node("Cast", [x], "cast", to=1)], "cast"
    if layout == "NCHW":
        nodes, x = [*nodes, node("Transpose", [x], "nhwc", perm=[0, 2, 3, 1])], "nhwc"
    nodes += [
        node("MatMul", [x, "first"], "hidden"),
        node(operation, ["hidden"], "relu", domain=domain),
        node("ReduceMean", ["relu"], "pooled", axes=[1, 2], keepdims=0),
        *([node("Mul", ["pooled", "factors"], "scaled")] if factors else []),
        node("MatMul", ["scaled" if factors else "pooled", "second"], "logits"),
        node("Softmax", ["logits"], "softmax", axis=1),
    ]
    lengths: dict[str, list[int]] = {"NC": [], "CN": [], "C": [0], "NC11": [2, 3], "N1C": [1]}
    axes = np.array(lengths[form], np.int64)
    if form == "CN":
        nodes.append(node("Transpose", ["softmax"], "probabilities", perm=[1, 0]))
    else:
        change = {"NC": ("Identity", ["softmax"]), "C": ("Squeeze", ["softmax", "axes"])}
        nodes.append(node(*change.get(form, ("Unsqueeze", ["softmax", "axes"])), "probabilities"))
    forms: dict[str, list[Side]] = {
        "NC": [batch, CLASSES + 1],
        "C": [CLASSES + 1],
        "NC11": [batch, CLASSES + 1, 1, 1],
        "N1C": [batch, 1, CLASSES + 1],
        "CN": [CLASSES + 1, batch],
    }
    sides: list[Side] = [batch, SIZE, SIZE, 3] if layout == "NHWC" else [batch, 3, SIZE, SIZE]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "tiny")
    graph += field(5, tensor("first", network.first, location)) + field(5, tensor("second", network.second))
    graph += field(5, tensor("axes", axes)) + field(11, port("input", element, sides))
    if factors:
        graph += field(5, tensor("factors", np.ones(8, np.float32), factors))
    if second_input:
        graph += field(11, port("other", "float32", [1]))
    graph += field(12, port("probabilities", "float32", forms[form]))
    versions = field(8, field(2, opset)) + (field(8, field(1, domain) + field(2, 1)) if domain else b"")
    path.write_bytes(field(1, 8) + field(7, graph) + versions)
    return path
