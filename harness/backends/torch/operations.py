"""The operators that a PyTorch model must not have: those that draw numbers, and batch norms that are in training.

`eval()` ends the training of a network only where the file still asks for its mode: what was traced, frozen or exported
in training mode has the mode written into each call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.backends.dependence import batch_statistics, random_operation
from harness.backends.torch.untrusted import REACHES_OUTSIDE, outside

_RANDOM = re.compile(
    r"(rand|randn|randint|randperm|bernoulli|normal|multinomial|uniform|exponential|poisson|cauchy|geometric|log_normal"
    r"|random|binomial|standard_gamma)(_like|_functional)?_?"
)
_OF_THE_BATCH = re.compile(r"_batch_norm_with_update(_functional)?")
_SWITCHES = ("train", "training")
_RATES = ("p", "dropout", "dropout_p")


@dataclass(frozen=True)
class Call:
    """An operator as a graph calls it. ``values``: those arguments that are constants, by their names."""

    name: str
    operator: str
    values: Mapping[str, Any]


def refuse_operations(torch: Any, kind: str, source: Any, model: object) -> None:
    """Refuse a model whose prediction depends on chance or on the batch.

    ``kind``: program or script; ``source``: what PyTorch loaded, a script in inference. Raises ModelError that names
    the operator.
    """
    for call in _of_program(source) if kind == "program" else _of_script(torch, source):
        if call.operator in REACHES_OUTSIDE:
            raise outside(model, call.operator)
        shown = f"aten::{call.operator}"
        trains = any(call.values.get(name) is True for name in _SWITCHES)
        rates = [call.values[name] for name in _RATES if isinstance(call.values.get(name), (int, float))]
        if _OF_THE_BATCH.fullmatch(call.operator) or (trains and "norm" in call.operator):
            raise batch_statistics(model, call.name, shown)
        drops = trains and (not rates or any(rates))
        if _RANDOM.fullmatch(call.operator) or drops or call.values.get("dropout_p"):
            raise random_operation(model, call.name, shown)


def _of_program(program: Any) -> Iterator[Call]:
    for node in program.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function" or schema is None:
            continue
        names = [argument.name for argument in schema.arguments]
        values = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        yield Call(str(node.name), str(schema.name).rpartition("::")[2], values)


def _of_script(torch: Any, module: Any) -> Iterator[Call]:
    """Yield the calls of TorchScript that inference reaches: freezing leaves out what only training does."""
    try:
        # `torch.jit.freeze` does this, warns that it is deprecated, and also rewrites numerics.
        graph = torch._C._freeze_module(module._c)._get_method("forward").inlined_graph  # noqa: SLF001
    except RuntimeError:  # frozen already, or it changes an attribute of its own
        graph = module.inlined_graph
    waiting = list(graph.nodes())
    while waiting:
        node = waiting.pop()
        waiting += [inner for block in node.blocks() for inner in block.nodes()]
        space, _, operator = node.kind().partition("::")
        if space != "aten" and operator in REACHES_OUTSIDE:
            yield Call(operator, operator, {})
        if space != "aten" or node.schema() == "(no schema)":
            continue
        names = [argument.name for argument in torch._C.parse_schema(node.schema()).arguments]  # noqa: SLF001
        values = {name: value.toIValue() for name, value in zip(names, node.inputs(), strict=False)}
        shown = next((output.debugName() for output in node.outputs()), operator)
        yield Call(shown, operator, values)
