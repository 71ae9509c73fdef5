"""The operations that an ONNX model must not have, looked for before a framework opens it.

An operation that draws numbers, or normalises by the batch, makes a prediction depend on more than the image; an
operation that ONNX does not define needs a library, which is never loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from harness.backends.dependence import EXPORT, batch_statistics, random_operation
from harness.backends.onnxruntime.external_data import require_inside
from harness.backends.onnxruntime.graph import Model, Node, every_node, needed, read_model
from harness.errors import ModelError

_RANDOM = frozenset({
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial",
})  # fmt: skip
# Those that ONNX Runtime brings along: docs/ContribOperators.md and core/graph/constants.h of its sources.
_BROUGHT = frozenset({"ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"})
_TRAINS = frozenset({"ai.onnx.training", "ai.onnx.preview.training"})
_COMPILED = "EPContext"
_MOST_OPSET = 1000  # ONNX has released fewer than 30 in eight years; OpenVINO tries all those below, one by one
_INFERENCE_ONLY = 7  # from this opset on, Dropout and BatchNormalization are for inference where nothing else is said


def require_known(path: Path) -> None:
    """Refuse a model whose external data is elsewhere, or that has operations with which it cannot be validated.

    Raises ModelError that names the node.
    """
    require_inside(path)
    try:
        model = read_model(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise ModelError(f"{path}: not an ONNX model, or cut off; fetch or export it again") from None
    refuse_operations(model, path)


def refuse_operations(model: Model, path: object) -> None:
    """Refuse what the outputs of a model need and must not have. ``path``: as messages name it. Raises ModelError."""
    if not 0 <= model.opset <= _MOST_OPSET:
        raise ModelError(f"{path}: states ONNX opset {model.opset}, which does not exist; fetch or export it again")
    if endless := _recursive(model):
        raise ModelError(f"{path}: refused: its function '{endless}' calls itself and may never end")
    own = list(every_node(needed(model.graph)))
    called = list(every_node(_called(own, model)))
    for node in (*own, *called):
        _require_operation(node, model, path)
    known = _truths(model)
    for node in own:
        _refuse_training(node, model.opset, path, lambda name: known.get(name) is not False)
    for node in called:  # the arguments of a function are unknown; the numerical trial notices it
        _refuse_training(node, model.opset, path, lambda name: known.get(name) is True)


def _called(nodes: Iterable[Node], model: Model) -> list[Node]:
    """Return the nodes of all functions that nodes call, directly or not."""
    waiting, found = list(nodes), list[Node]()
    entered: set[tuple[str, str]] = set()
    while waiting:
        node = waiting.pop()
        key = (node.domain, node.kind)
        if key in model.functions and key not in entered:
            entered.add(key)
            found += model.functions[key]
            waiting += every_node(model.functions[key])
    return found


def _require_operation(node: Node, model: Model, path: object) -> None:
    if node.kind == _COMPILED:
        raise ModelError(
            f"{path}: refused: '{node.shown}' ({_COMPILED}) contains a network that was compiled for one device; "
            "use the ONNX model that it was compiled from"
        )
    if node.domain in _TRAINS:
        raise ModelError(
            f"{path}: in training mode: '{node.shown}' ({node.domain}::{node.kind}) is an operation of training; "
            f"{EXPORT}"
        )
    known = node.is_standard or node.domain in _BROUGHT or (node.domain, node.kind) in model.functions
    if not known:
        raise ModelError(
            f"{path}: refused: '{node.shown}' ({node.domain}::{node.kind}) is a custom operation, and no library "
            "of custom operations is loaded; export the model with standard ONNX operations"
        )


def _refuse_training(node: Node, opset: int, path: object, trains: Callable[[str], bool]) -> None:
    """Refuse one operation. ``trains``: whether the tensor of a name may say that a dropout is in training."""
    if not (node.is_standard or node.domain in _BROUGHT):
        return
    if node.kind in _RANDOM:
        raise random_operation(path, node.shown, node.kind)
    old = 0 < opset < _INFERENCE_ONLY and not node.integers.get("is_test")
    if node.kind.endswith("Dropout"):
        place = 4 if "Bias" in node.kind else 2
        switch = node.reads[place] if len(node.reads) > place else ""
        if (switch and trains(switch)) or (old and node.is_standard):
            raise random_operation(path, node.shown, node.kind)
    if node.kind == "BatchNormalization":
        more = [name for name in node.gives[1:] if name]  # until opset 13, they alone tell that it trains
        if node.integers.get("training_mode") or (0 < opset < 14 and more) or old:
            raise batch_statistics(path, node.shown, node.kind)


def _truths(model: Model) -> dict[str, bool | None]:
    """Return the truth values of constants by name, None if it is not known; inputs may be fed otherwise."""
    found: dict[str, bool | None] = dict(model.graph.initializers)
    called = [node for nodes in model.functions.values() for node in nodes]
    for node in every_node((*model.graph.nodes, *called)):
        if node.kind == "Constant":
            found |= dict.fromkeys(node.gives, node.truth)
        elif node.kind == "Identity" and node.reads:
            found |= dict.fromkeys(node.gives, found.get(node.reads[0]))
        for graph in node.graphs:
            found |= graph.initializers
    return found


def _recursive(model: Model) -> str | None:
    called = {
        key: {(node.domain, node.kind) for node in every_node(nodes)} & model.functions.keys()
        for key, nodes in model.functions.items()
    }
    ended: set[tuple[str, str]] = set()
    while more := {key for key, others in called.items() if key not in ended and others <= ended}:
        ended |= more
    return next((name for domain, name in called if (domain, name) not in ended), None)
