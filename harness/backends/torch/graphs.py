"""A PyTorch file as operations with named arguments, and runs of it in which these are looked at or fed.

Programs of `torch.export` are walked node by node; TorchScript runs a copy of its graph with more outputs and inputs.
"""

from __future__ import annotations

import abc
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from harness.backends.torch.opened import Opened
from harness.errors import ModelError

SHAPES = frozenset({"size", "sym_size", "numel", "sym_numel", "dim", "len", "prim::device", "prim::dtype"})


class Flow(str):
    """Stands for an argument: the name of an operation whose result depends on the input."""

    __slots__ = ()


UNKNOWN = object()  # an argument that is not a constant, or none that can be read


@dataclass(frozen=True)
class Node:
    """One operation. ``name``: unique; ``kind``: the operator without its overload; ``arguments``: by their names.

    An argument is a ``Flow``, a constant (tensor, number, text, None), a list of these, or ``UNKNOWN``.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The operations that it takes from."""
        return tuple(dict.fromkeys(_flows(list(self.arguments.values()))))


def _flows(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, Flow):
            yield str(value)
        elif isinstance(value, (list, tuple)):
            yield from _flows(value)


class Graph(abc.ABC):
    """``nodes``: in an order in which they can run; ``source``: the input; ``output``: of the chosen one."""

    nodes: tuple[Node, ...]
    source: str
    output: str

    @abc.abstractmethod
    def run(self, given: Any, wanted: Sequence[str], fed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of the wanted nodes for a tensor; consumers of fed nodes get the fed tensors instead.

        Raises RuntimeError if PyTorch fails.
        """


def open_graph(torch: Any, opened: Opened, output: int) -> Graph:
    """Return the graph of an opened file. Raises ModelError if it cannot be read."""
    if opened.kind == "program":
        return ProgramGraph(torch, opened, output)
    return ScriptGraph(torch, opened, output)


class ProgramGraph(Graph):
    """A program, interpreted."""

    def __init__(self, torch: Any, opened: Opened, output: int) -> None:
        self._torch = torch
        self._module = cast("Any", opened.run)
        graph = self._module.graph
        (source,) = (node for node in graph.nodes if node.op == "placeholder")
        (end,) = (node for node in graph.nodes if node.op == "output")
        outputs = end.args[0] if isinstance(end.args[0], (tuple, list)) else (end.args[0],)
        self._names = {source.name: source.name}  # of each node that depends on the input: its operation's
        self.nodes = tuple(self._nodes(graph))
        self.source, self.output = source.name, self._names[outputs[output].name]

    def _nodes(self, graph: Any) -> Iterator[Node]:
        for node in graph.nodes:
            if node.op not in ("call_function", "call_method"):
                continue
            kind = _kind(node.target)
            if kind in SHAPES or not any(item.name in self._names for item in node.all_input_nodes):
                continue
            schema = getattr(node.target, "_schema", None)
            names = [item.name for item in schema.arguments] if schema else [str(at) for at in range(len(node.args))]
            arguments = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
            held = arguments.get("weight")
            called = str(held.target) if isinstance(held, self._torch.fx.Node) and held.op == "get_attr" else ""
            read = {name: self._argument(value) for name, value in arguments.items()}
            name = self._names[node.name] = _unique(called.removesuffix(".weight"), node.name, self._names)
            yield Node(name, kind, read)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        if not isinstance(value, self._torch.fx.Node):
            return value
        if value.name in self._names:
            return Flow(self._names[value.name])
        return self._constant(value)

    def _constant(self, node: Any) -> Any:
        """Return a tensor that the program holds, or that it computes of such ones alone."""
        if node.op == "get_attr":
            found = self._module
            for name in str(node.target).split("."):
                found = getattr(found, name)
            return found
        if node.op != "call_function" or _kind(node.target) in SHAPES:
            return UNKNOWN
        arguments = [self._argument(item) for item in node.args]
        named = {name: self._argument(item) for name, item in node.kwargs.items()}
        if any(item is UNKNOWN for item in (*arguments, *named.values())):
            return UNKNOWN
        return node.target(*arguments, **named)

    def run(self, given: Any, wanted: Sequence[str], fed: Mapping[str, Any]) -> dict[str, Any]:
        """As ``Graph.run``. A result is copied at once, since a later operation may write into it."""
        names, kept, seen = self._names, frozenset(wanted), dict[str, Any]()

        class Walk(self._torch.fx.Interpreter):  # type: ignore[misc, name-defined]
            def run_node(self, node: Any) -> Any:
                value = super().run_node(node)
                name = names.get(node.name, "")
                if name in kept:
                    seen[name] = first(value).detach().clone()
                if name not in fed:
                    return value
                return (fed[name], *value[1:]) if isinstance(value, (tuple, list)) else fed[name]

        Walk(self._module).run(given)
        return seen


def _unique(wanted: str, otherwise: str, known: Mapping[str, str]) -> str:
    """Return the wanted name, or the other one where it is empty or known already."""
    return wanted if wanted and wanted not in known.values() else otherwise


def first(value: Any) -> Any:
    """Return a result, or the first one of several."""
    return value[0] if isinstance(value, (tuple, list)) else value


def _kind(target: Any) -> str:
    """Return an operator's name without its library and overload: `aten.add_.Tensor` is `add`, in place or not."""
    name = getattr(target, "_schema", None)
    word = name.name.partition("::")[2] if name else getattr(target, "__name__", str(target))
    return word.removesuffix("_") if not word.endswith("__") else word


class ScriptGraph(Graph):
    """TorchScript, frozen, so that one graph has all constants; nothing is folded or fused."""

    def __init__(self, torch: Any, opened: Opened, output: int) -> None:
        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript's, of PyTorch itself
            try:
                module = torch.jit.freeze(opened.source, optimize_numerics=False)
            except RuntimeError:
                module = opened.source  # it was frozen before it was saved
        self._graph = module.inlined_graph.copy()
        torch._C._jit_pass_inline(self._graph)  # noqa: SLF001  # nothing public reads or extends a graph
        torch._C._jit_pass_remove_mutation(self._graph)  # noqa: SLF001
        own, *given = list(self._graph.inputs())
        if own.uses() or len(given) < 1:
            raise ModelError(
                "its TorchScript keeps weights outside of its graph; apply `torch.jit.freeze` before saving it"
            )
        self._graph.eraseInput(0)
        self.source = given[0].debugName()
        self._names = {self.source: self.source}  # of each value that depends on the input: its operation's
        self._places: dict[str, int] = {}  # of each operation among the graph's nodes
        self.nodes = tuple(self._nodes(self._graph))
        self.output = self._names.get(self._end(output).debugName(), "")
        if not self.output:
            raise ModelError("its output does not depend on its input")

    def _end(self, output: int) -> Any:
        value = next(iter(self._graph.outputs()))
        made = value.node()
        return list(made.inputs())[output] if made.kind() == "prim::TupleConstruct" else value

    def _nodes(self, graph: Any) -> Iterator[Node]:
        for place, node in enumerate(graph.nodes()):
            kind = node.kind()
            if kind in ("prim::Constant", "prim::ListConstruct", "prim::TupleConstruct", "prim::Return"):
                continue
            word = kind.partition("aten::")[2] or kind
            needed = [value.debugName() for value in _free(node)]
            if word in SHAPES or not any(self._depends(value) for value in _free(node)):
                continue
            named = self._named(node)
            arguments = {argument: self._argument(value) for argument, value in named.items()}
            inner = {f"inside {at}": Flow(self._names[each]) for at, each in enumerate(needed) if each in self._names}
            held = named["weight"].debugName() if "weight" in named else ""
            called = held.removeprefix("self.").removesuffix(".weight") if held.startswith("self.") else ""
            name = _unique(called, f"{word.removesuffix('_')}_{place}", self._names)
            self._places[name] = place
            for value in node.outputs():
                self._names[value.debugName()] = name
            yield Node(name, word.removesuffix("_"), arguments if kind != "prim::If" else {**arguments, **inner})

    def _named(self, node: Any) -> dict[str, Any]:
        values = list(node.inputs())
        try:
            names = [item.name for item in self._torch._C.parse_schema(node.schema()).arguments]  # noqa: SLF001
        except RuntimeError:
            names = []
        return dict(zip(names or [str(at) for at in range(len(values))], values, strict=False))

    def _depends(self, value: Any) -> bool:
        if value.debugName() in self._names:
            return True
        made = value.node()
        return made.kind() in ("prim::ListConstruct", "prim::TupleConstruct") and any(
            self._depends(item) for item in made.inputs()
        )

    def _argument(self, value: Any) -> Any:
        if value.debugName() in self._names:
            return Flow(self._names[value.debugName()])
        made = value.node()
        if made.kind() == "prim::Constant":
            return value.toIValue()
        if made.kind() in ("prim::ListConstruct", "prim::TupleConstruct"):
            return [self._argument(item) for item in made.inputs()]
        return UNKNOWN

    def run(self, given: Any, wanted: Sequence[str], fed: Mapping[str, Any]) -> dict[str, Any]:
        """As ``Graph.run``."""
        graph = self._graph.copy()
        nodes = list(graph.nodes())
        values = {name: next(iter(nodes[self._places[name]].outputs())) for name in (*wanted, *fed)}
        while list(graph.outputs()):
            graph.eraseOutput(0)
        for name in fed:
            taken = graph.addInput()
            taken.setType(values[name].type())
            values[name].replaceAllUsesWith(taken)
        ends = [values[name] for name in wanted]
        together = graph.create("prim::TupleConstruct", ends, 1)
        together.output().setType(self._torch._C.TupleType([end.type() for end in ends]))  # noqa: SLF001
        graph.appendNode(together)
        graph.registerOutput(together.output())
        run = self._torch._C._create_function_from_graph("observed", graph)  # noqa: SLF001
        found = run(given, *fed.values())
        return dict(zip(wanted, found, strict=True))


def _free(node: Any) -> Iterator[Any]:
    """Yield what a node takes, in its blocks as well."""
    yield from node.inputs()
    for block in node.blocks():
        for inner in block.nodes():
            yield from _free(inner)
