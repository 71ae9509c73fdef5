"""The nodes of a frozen TensorFlow graph (.pb), read without TensorFlow.

Only the wire format of the few fields that are needed is read: ``GraphDef.node`` (1) and of each node ``name`` (1),
``op`` (2) and ``input`` (3), as in tensorflow/core/framework/graph.proto and node_def.proto. That is enough to suggest
the nearest name, and to distinguish a cut-off file from one that is not a graph, before any framework loads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.backends.tensorflow.nodes import PLACEHOLDERS
from harness.backends.tensorflow.operations import Operation, Operations
from harness.errors import ModelError, WrongNameError, nearest

_LARGEST = 2**31 - 1  # a protocol buffer's own limit
_VARINT, _BYTES = 0, 2
_TOP_LEVEL = {1: _BYTES, 2: _BYTES, 3: _VARINT, 4: _BYTES, 5: _BYTES}  # node, library, version, versions, debug_info
_FETCH = "run `harness fetch CONFIG` again, or copy the file again"


class _CutOffError(Exception):
    pass


class _NoGraphError(Exception):
    pass


@dataclass(frozen=True)
class Node:
    """One operation: its name, its type, and the names of the nodes that it reads."""

    name: str
    op: str
    inputs: tuple[str, ...]
    calls: frozenset[str] = frozenset()
    is_training: bool | None = None


@dataclass(frozen=True)
class Graph:
    """The nodes of a graph file by name, and the sha256 (hex) of the file."""

    path: Path
    nodes: dict[str, Node]
    sha256: str
    functions: dict[str, tuple[Node, ...]] = field(default_factory=dict)

    def operations_for(self, output: str) -> Operations:
        """Return the operations that a node needs, with the library's functions."""
        waiting, needed = [output], {output}
        while waiting:
            more = {name for name in self.nodes[waiting.pop()].inputs if name in self.nodes} - needed
            needed |= more
            waiting += more
        nodes = tuple(_operation(node) for name, node in self.nodes.items() if name in needed)
        return Operations(nodes, {name: tuple(map(_operation, inner)) for name, inner in self.functions.items()})

    def reached_from(self, output: str) -> Operations:
        """Return the operations that a node needs, with the functions that these call, directly or not."""
        whole = self.operations_for(output)
        waiting, entered = list(whole.nodes), set[str]()
        while waiting:
            node = waiting.pop()
            new = {node.op, *node.calls} & whole.functions.keys() - entered
            entered |= new
            waiting += [each for name in new for each in whole.functions[name]]
        return Operations(whole.nodes, {name: whole.functions[name] for name in entered})

    @property
    def inputs(self) -> list[str]:
        """Names of what may be fed."""
        return [node.name for node in self.nodes.values() if node.op in PLACEHOLDERS]

    @property
    def outputs(self) -> list[str]:
        """Names of the computed nodes that no other node reads."""
        read = {name for node in self.nodes.values() for name in node.inputs}
        none = (*PLACEHOLDERS, "Const", "NoOp")
        return [node.name for node in self.nodes.values() if node.name not in read and node.op not in none]

    def find_input(self, name: str, where: str) -> str:
        """Return the tensor name (``x:0``) of an input given with or without ``:0``. Raises ModelError."""
        return self._find(name, where, "input", self.inputs, self.inputs)

    def find_output(self, name: str, where: str) -> str:
        """Return the tensor name (``x:0``) of a node given with or without ``:0``. Raises ModelError."""
        return self._find(name, where, "output", self.outputs, list(self.nodes))

    def _find(self, name: str, where: str, kind: str, shown: list[str], known: list[str]) -> str:
        tensor = tensor_name(name)
        node = tensor.rpartition(":")[0]
        if node in known:
            return tensor
        close = nearest(node, shown) or nearest(node, known)
        mend = f"did you mean `{close[0]}`? " if close else ""
        listed = ", ".join(shown[:10]) + (", ..." if len(shown) > 10 else "") or "none"
        raise WrongNameError(f"{where}: {self.path} has no {kind} `{name}`; {mend}its {kind}s are: {listed}")


def tensor_name(name: str) -> str:
    """Return ``x:0`` for ``x``; a name that has a port keeps it."""
    return name if re.search(r":\d+$", name) else f"{name}:0"


def read_graph(path: Path) -> Graph:
    """Read the nodes of a frozen graph. Raises ModelError: missing, unreadable, cut off, or no frozen graph."""
    data = _read(path)
    if not data:
        raise ModelError(f"{path}: the file is empty; {_FETCH}")
    return graph_of(path, data)


def graph_of(path: Path, data: bytes) -> Graph:
    """Read the nodes of a graph's bytes, which ``path`` holds. Raises ModelError if they are none or cut off."""
    try:
        nodes = {node.name: node for node in _nodes(memoryview(data))}
        _require_whole(nodes)
    except _CutOffError as error:
        raise ModelError(f"{path}: the graph is cut off: {error}; {_FETCH}") from None
    except _NoGraphError as error:
        raise ModelError(
            f"{path}: not a frozen TensorFlow graph: {error}; set `model` to a frozen graph (.pb)"
        ) from None
    return Graph(path, nodes, hashlib.sha256(data).hexdigest(), dict(_functions(memoryview(data))))


def _operation(node: Node) -> Operation:
    return Operation(node.name, node.op, node.calls, node.is_training)


def _functions(data: memoryview) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Yield name and nodes of every function: GraphDef.library (2), its functions (1), signature (1), node_def (3)."""
    for number, wire, start, end in _fields(data, 0, len(data)):
        if number != 2 or wire != _BYTES:
            continue
        for kind, inner, first, last in _fields(data, start, end):
            if kind == 1 and inner == _BYTES:
                parts = [item for item in _fields(data, first, last) if item[1] == _BYTES]
                names = [_text(data, *item[2:], 1) for item in parts if item[0] == 1]
                yield (names or [""])[0], tuple(_node(data, *item[2:]) for item in parts if item[0] == 3)


def _text(data: memoryview, start: int, end: int, wanted: int) -> str:
    found = [
        data[first:last] for number, wire, first, last in _fields(data, start, end) if (number, wire) == (wanted, 2)
    ]
    return str(found[-1], "utf-8", "replace") if found else ""


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: larger than {_LARGEST} bytes; this is not a frozen graph")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such graph; run `harness fetch CONFIG`, or fix `reference.model`") from None
    except IsADirectoryError:
        raise ModelError(f"{path}: a folder, not a frozen graph; set `model` to the .pb file") from None
    except OSError as error:
        raise ModelError(f"{path}: the graph cannot be read: {error.strerror or error}") from None


def _nodes(data: memoryview) -> Iterator[Node]:
    found = False
    if bytes(data[:8]).lstrip().startswith((b"node {", b"node{")):
        raise _NoGraphError("it is in text form, which is not supported")
    for number, wire, start, end in _fields(data, 0, len(data)):
        if _TOP_LEVEL.get(number) != wire:
            saved = "it is a SavedModel" if (number, wire) == (1, _VARINT) else f"unknown content at byte {start}"
            raise _NoGraphError(saved)
        if end > len(data):
            if not found and bytes(data[start : start + 1]) != b"\n":  # a node begins with its name
                raise _NoGraphError(f"unknown content at byte {start}")
            raise _CutOffError(
                f"the field at byte {start} needs {end - start} bytes, but only {len(data) - start} are left"
            )
        if number == 1:
            yield _node(data, start, end)
            found = True
    if not found:
        raise _NoGraphError("it contains no node")


def _node(data: memoryview, start: int, end: int) -> Node:
    texts: dict[int, list[str]] = {1: [], 2: [], 3: []}
    calls, training = set(), None
    for number, wire, first, last in _fields(data, start, end):
        if last > end:
            raise _NoGraphError(f"unknown content at byte {first}")
        if number in texts and wire == _BYTES:
            try:
                texts[number].append(str(data[first:last], "utf-8"))
            except UnicodeDecodeError:
                raise _NoGraphError(f"unknown content at byte {first}") from None
        elif number == 5 and wire == _BYTES:
            key, functions, truth = _attribute(data, first, last)
            calls |= functions
            training = truth if key == "is_training" else training
    if not texts[1] or not texts[2]:
        raise _NoGraphError(f"unknown content at byte {start}")
    inputs = tuple(re.sub(r":\d+$", "", name.removeprefix("^")) for name in texts[3])
    return Node(texts[1][-1], texts[2][-1], inputs, frozenset(calls), training)


def _attribute(data: memoryview, start: int, end: int) -> tuple[str, set[str], bool]:
    """Return the name of an attribute, the functions that it names (`func`, `list.func`) and its truth value."""
    try:
        return _read_attribute(data, start, end)
    except (_NoGraphError, _CutOffError):  # its inside is not needed to know the graph's nodes
        return "", set(), False


def _read_attribute(data: memoryview, start: int, end: int) -> tuple[str, set[str], bool]:
    key, calls, truth = _text(data, start, end, 1), set(), False
    for number, wire, first, last in _fields(data, start, end):
        if (number, wire) != (2, _BYTES) or last > end:
            continue
        for kind, inner, begin, stop in _fields(data, first, last):
            if kind == 5 and inner == _VARINT:
                truth = data[begin] != 0
            elif kind == 10 and inner == _BYTES and stop <= last:
                calls.add(_text(data, begin, stop, 1))
            elif kind == 1 and inner == _BYTES and stop <= last:
                calls |= {
                    _text(data, one, other, 1)
                    for item, form, one, other in _fields(data, begin, stop)
                    if (item, form) == (9, _BYTES) and other <= stop
                }
    return key, calls - {""}, truth


def _require_whole(nodes: dict[str, Node]) -> None:
    """Recognise a file that is cut between two nodes: it is well-formed, but some node reads a missing one."""
    for node in nodes.values():
        for name in node.inputs:
            if name not in nodes:
                raise _CutOffError(f"its node `{node.name}` reads `{name}`, which is missing")


def _fields(data: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield ``(number, wire type, first byte, byte after the last)``; the last one may be beyond ``end``."""
    position = start
    while position < end:
        key, position = _varint(data, position, end)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            _, after = _varint(data, position, end)
        elif wire == _BYTES:
            length, position = _varint(data, position, end)
            after = position + length
        elif wire in (1, 5):
            after = position + (8 if wire == 1 else 4)
        else:
            raise _NoGraphError(f"unknown content at byte {position}")
        if number == 0:
            raise _NoGraphError(f"unknown content at byte {position}")
        yield number, wire, position, after
        position = after


def _varint(data: memoryview, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise _NoGraphError(f"unknown content at byte {position}")
    raise _CutOffError(f"a number at byte {end} is not complete")


def with_placeholder(data: bytes, name: str) -> bytes:
    """Return a graph in which one input with a default is an input without: converters fold such a default away.

    ``data``: a GraphDef; ``name``: of the node, which may be a plain placeholder already. Its type and shape stay.
    """
    whole, out = memoryview(data), bytearray()
    before = 0
    for number, wire, start, end in _fields(whole, 0, len(data)):
        if number == 1 and wire == _BYTES and (node := _node(whole, start, end)).name == name:
            if node.op != "PlaceholderWithDefault":
                return data
            out += data[:before] + _field(1, _as_placeholder(whole, start, end)) + data[end:]
            return bytes(out)
        before = end
    return data


def _as_placeholder(data: memoryview, start: int, end: int) -> bytes:
    out = bytearray(_field(2, b"Placeholder"))
    for number, wire, first, last in _fields(data, start, end):
        if wire == _BYTES and number not in (2, 3):  # its operation and its inputs
            out += _field(number, bytes(data[first:last]))
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    out, length = bytearray([number << 3 | _BYTES]), len(content)
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*out, length]) + content
