"""The nodes of an ONNX model, read without a framework: what they are called, what they read, what is inside them.

The fields are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.backends.wire import DEEPEST, fields

_PASS = ("Identity", "Dropout")
STANDARD = ("", "ai.onnx")
_GRAPH, _OPSET, _FUNCTION = 7, 8, 25  # of a ModelProto
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12  # of a GraphProto
_PORT_NAME = 1  # of a ValueInfoProto
_READS, _GIVES, _NAME, _TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 3, 4, 5, 7  # of a NodeProto
_KEY, _INTEGER, _TENSOR, _SUBGRAPH, _SUBGRAPHS = 1, 3, 5, 6, 11  # of an AttributeProto
_RAW, _INT32, _TENSOR_NAME = 9, 5, 8  # of a TensorProto
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2  # of an OperatorSetIdProto
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN = 1, 7, 10  # of a FunctionProto


@dataclass(frozen=True)
class Node:
    """An operation: its name, type and domain, and the names of the tensors that it reads and gives.

    ``integers``: attributes that are one whole number; ``graphs``: those in its attributes; ``truth``: of a constant
    truth value, None for all else.
    """

    name: str
    kind: str
    domain: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    integers: Mapping[str, int] = field(default_factory=dict)
    graphs: tuple[Graph, ...] = ()
    truth: bool | None = None

    @property
    def shown(self) -> str:
        """The name, or what it gives: nodes need no name."""
        return self.name or next((name for name in self.gives if name), self.kind)

    @property
    def is_standard(self) -> bool:
        """Whether ONNX itself defines the operation."""
        return self.domain in STANDARD


@dataclass(frozen=True)
class Graph:
    """Nodes in order, the names of inputs and outputs, and the initialisers, each with its truth value or None."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    initializers: Mapping[str, bool | None]


@dataclass(frozen=True)
class Model:
    """``functions``: nodes by (domain, name); ``opset``: of ONNX's own operations, 0 where none is stated."""

    graph: Graph
    functions: Mapping[tuple[str, str], tuple[Node, ...]]
    opset: int


def read_model(data: bytes) -> Model:
    """Read the nodes of a model. Raises ValueError if it is none."""
    graph, opset = Graph((), (), (), {}), 0
    functions: dict[tuple[str, str], tuple[Node, ...]] = {}
    for number, value in fields(memoryview(data)):
        if isinstance(value, memoryview):
            if number == _GRAPH:
                graph = _graph(value, 0)
            elif number == _FUNCTION:
                functions |= dict([_function(value)])
            elif number == _OPSET:
                opset = max(opset, _standard_opset(value))
    return Model(graph, functions, opset)


def every_node(nodes: Iterable[Node]) -> Iterator[Node]:
    """Yield nodes and those inside them."""
    for node in nodes:
        yield node
        for graph in node.graphs:
            yield from every_node(graph.nodes)


def needed(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes of a graph that its outputs need."""
    makers = {name: node for node in graph.nodes for name in node.gives if name}
    waiting = list(graph.outputs)
    found: set[int] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and id(node) not in found:
            found.add(id(node))
            for inner in every_node((node,)):
                waiting += [*inner.reads, *(name for each in inner.graphs for name in each.outputs)]
    return tuple(node for node in graph.nodes if id(node) in found)


def passed_on(path: Path) -> dict[str, str]:
    """Return, by the name of an input, the name that its tensor has where a node only passes it on.

    Frameworks that leave such a node out know the input by that name. Empty for a file that is not a model.
    """
    try:
        graph = read_model(path.read_bytes()).graph
    except (OSError, ValueError):
        return {}
    passed = {node.reads[0]: node.gives[0] for node in graph.nodes if node.kind in _PASS and node.reads and node.gives}
    found = {}
    for name in graph.inputs:
        last, entered = name, {name}
        while last in passed and passed[last] not in entered:
            last = passed[last]
            entered.add(last)
        if last != name:
            found[name] = last
    return found


def _parts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    return ((number, value) for number, value in fields(message) if isinstance(value, memoryview))


def _text(value: memoryview) -> str:
    return bytes(value).decode()  # UnicodeDecodeError is a ValueError


def _graph(message: memoryview, depth: int) -> Graph:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    nodes: list[Node] = []
    names: dict[int, list[str]] = {_INPUT: [], _OUTPUT: []}
    initializers: dict[str, bool | None] = {}
    for number, value in _parts(message):
        if number == _NODE:
            nodes.append(_node(value, depth))
        elif number == _INITIALIZER:
            initializers |= dict([_named_truth(value)])
        elif number in names:
            names[number] += [_text(text) for key, text in _parts(value) if key == _PORT_NAME]
    return Graph(tuple(nodes), tuple(names[_INPUT]), tuple(names[_OUTPUT]), initializers)


def _node(message: memoryview, depth: int) -> Node:
    texts: dict[int, list[str]] = {number: [] for number in (_READS, _GIVES, _NAME, _TYPE, _DOMAIN)}
    integers: dict[str, int] = {}
    graphs: list[Graph] = []
    truth = None
    for number, value in _parts(message):
        if number in texts:
            texts[number].append(_text(value))
        elif number == _ATTRIBUTE:
            found = list(fields(value))
            key = next((_text(inner) for kind, inner in found if kind == _KEY and isinstance(inner, memoryview)), "")
            for kind, inner in found:
                if isinstance(inner, int) and kind == _INTEGER:
                    integers[key] = inner
                elif isinstance(inner, memoryview) and kind in (_SUBGRAPH, _SUBGRAPHS):
                    graphs.append(_graph(inner, depth + 1))
                elif isinstance(inner, memoryview) and kind == _TENSOR:
                    truth = _named_truth(inner)[1]
    last = {number: (listed or [""])[-1] for number, listed in texts.items()}
    reads, gives = tuple(texts[_READS]), tuple(texts[_GIVES])
    return Node(last[_NAME], last[_TYPE], last[_DOMAIN], reads, gives, integers, tuple(graphs), truth)


def _named_truth(tensor: memoryview) -> tuple[str, bool | None]:
    """Return a tensor's name and, where it is one number, whether it is not 0."""
    name, truth = "", None
    for number, value in fields(tensor):
        if number == _TENSOR_NAME and isinstance(value, memoryview):
            name = _text(value)
        elif number == _INT32 and isinstance(value, int):
            truth = value != 0
        elif number in (_RAW, _INT32) and isinstance(value, memoryview) and 0 < len(value) <= 8:
            truth = any(value)
    return name, truth


def _function(message: memoryview) -> tuple[tuple[str, str], tuple[Node, ...]]:
    texts = {_FUNCTION_NAME: "", _FUNCTION_DOMAIN: ""}
    nodes: list[Node] = []
    for number, value in _parts(message):
        if number in texts:
            texts[number] = _text(value)
        elif number == _FUNCTION_NODE:
            nodes.append(_node(value, 0))
    return (texts[_FUNCTION_DOMAIN], texts[_FUNCTION_NAME]), tuple(nodes)


def _standard_opset(message: memoryview) -> int:
    domain, version = "", 0
    for number, value in fields(message):
        if number == _OPSET_DOMAIN and isinstance(value, memoryview):
            domain = _text(value)
        elif number == _OPSET_VERSION and isinstance(value, int):
            version = value
    return version if domain in STANDARD else 0
