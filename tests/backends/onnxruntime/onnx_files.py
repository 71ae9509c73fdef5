"""The tiny network as an ONNX file, written without the package `onnx`: fields as in onnx.proto3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

Side = int | str
_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "string": 8, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip


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


def graph_of(name: str, nodes: Sequence[bytes], output: str) -> bytes:
    """Return a branch of an `If`: a graph without inputs."""
    return b"".join(field(1, each) for each in nodes) + field(2, name) + field(12, field(1, output))


def node(
    operation: str,
    inputs: Sequence[str],
    output: str,
    *more: str,
    domain: str = "",
    name: str = "",
    graphs: Mapping[str, bytes] | None = None,
    **ints: int | list[int],
) -> bytes:
    """``more``: further outputs; ``graphs``: attributes that are graphs."""
    data = b"".join(field(1, each) for each in inputs) + b"".join(field(2, each) for each in (output, *more))
    data += field(3, name) + field(4, operation) + field(7, domain)
    for key, graph in (graphs or {}).items():
        data += field(5, field(1, key) + field(6, graph) + field(20, 5))
    for key, value in ints.items():
        listed = isinstance(value, list)
        values = b"".join(field(8, each) for each in value) if isinstance(value, list) else field(3, value)
        data += field(5, field(1, key) + values + field(20, 7 if listed else 2))
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
    before: Sequence[bytes] = (),
    constants: Sequence[bytes] = (),
    functions: Sequence[bytes] = (),
    domains: Sequence[str] = (),
    whole: bool = False,
    mean: NDArray[np.float32] | None = None,
    end: Sequence[bytes] = (),
    kind: str = "float32",
    ir_version: int = 8,
    names: tuple[str, str] = ("input", "probabilities"),
) -> Path:
    """Write the network.

    ``form``: of the output, NC, C, NC11, NC1, N1C, 11NC or CN; ``location``: where the file says that its first weights
    are; ``factors``: where it says that factors of its features are: those are used as they lie, matrices are packed;
    ``before``: nodes that make `ready` of `x`, the input, with ``constants``; ``functions``, ``domains``: those of the
    model; ``whole``: whether mean and scale are inside; ``mean``: they are, with this mean; ``end``: nodes that make
    `ended` of `softmax`, of the type ``kind``; ``names``: of input and output.
    """
    source, answer = names
    x, nodes = source, []
    if element != "float32":
        nodes, x = [node("Cast", [x], "cast", to=1)], "cast"
    if whole or mean is not None:
        nodes += [node("Sub", [x, "mean"], "centred"), node("Div", ["centred", "scale"], "scaled pixels")]
        constants = [
            *constants,
            *(
                tensor(key, np.array(v, np.float32))
                for key, v in (("mean", MEAN if mean is None else mean), ("scale", SCALE))
            ),
        ]
        x = "scaled pixels"
    if before:
        nodes, x = [*nodes, node("Identity", [x], "x"), *before], "ready"
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
    lengths: dict[str, list[int]] = {
        "NC": [],
        "CN": [],
        "C": [0],
        "NC11": [2, 3],
        "N1C": [1],
        "NC1": [2],
        "11NC": [0, 1],
    }
    axes = np.array(lengths[form], np.int64)
    if form == "CN":
        nodes.append(node("Transpose", ["softmax"], answer, perm=[1, 0]))
    elif end:
        nodes += [*end, node("Identity", ["ended"], answer)]
    else:
        change = {"NC": ("Identity", ["softmax"]), "C": ("Squeeze", ["softmax", "axes"])}
        nodes.append(node(*change.get(form, ("Unsqueeze", ["softmax", "axes"])), answer))
    forms: dict[str, list[Side]] = {
        "NC": [batch, CLASSES + 1],
        "C": [CLASSES + 1],
        "NC11": [batch, CLASSES + 1, 1, 1],
        "N1C": [batch, 1, CLASSES + 1],
        "NC1": [batch, CLASSES + 1, 1],
        "11NC": [1, 1, batch, CLASSES + 1],
        "CN": [CLASSES + 1, batch],
    }
    sides: list[Side] = [batch, SIZE, SIZE, 3] if layout == "NHWC" else [batch, 3, SIZE, SIZE]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "tiny")
    graph += field(5, tensor("first", network.first, location)) + field(5, tensor("second", network.second))
    graph += field(5, tensor("axes", axes)) + field(11, port(source, element, sides))
    graph += b"".join(field(5, each) for each in constants)
    if factors:
        graph += field(5, tensor("factors", np.ones(8, np.float32), factors))
    if second_input:
        graph += field(11, port("other", "float32", [1]))
    graph += field(12, port(answer, kind, forms[form]))
    versions = field(8, field(2, opset)) + (field(8, field(1, domain) + field(2, 1)) if domain else b"")
    versions += b"".join(field(8, field(1, each) + field(2, 1)) for each in domains)
    versions += b"".join(field(25, each) for each in functions)
    path.write_bytes(field(1, ir_version) + field(7, graph) + versions)
    return path
