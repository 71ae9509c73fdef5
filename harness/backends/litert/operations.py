"""The operations of a LiteRT file that it must not have, looked for before a framework opens it.

The fields and numbers are those of LiteRT's schema,
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.backends.dependence import kept_state, random_operation
from harness.backends.litert.flatbuffer import number, numbers, offset, place_of, tables, text
from harness.errors import ModelError

_CODES, _SUBGRAPHS = 1, 2  # fields of Model
_OLD_CODE, _CUSTOM_CODE, _CODE = 0, 1, 3  # of OperatorCode
_TENSORS, _OPERATORS = 0, 3  # of SubGraph
_TENSOR_NAME = 3  # of Tensor
_CODE_INDEX, _OUTPUTS, _OPTIONS = 0, 2, 4  # of Operator
_CALLED = 0  # of CallOnceOptions
_CUSTOM, _CALL_ONCE, _CUSTOM_CALL = 32, 129, 173  # of BuiltinOperator
_RANDOM = {
    146: "RANDOM_STANDARD_NORMAL",
    148: "RANDOM_UNIFORM",
    149: "MULTINOMIAL",
    204: "STABLEHLO_RNG_BIT_GENERATOR",
}
_ASSIGNS = {144: "ASSIGN_VARIABLE"}
_LOOPS = frozenset({31, 119, 200})  # CALL, WHILE, STABLEHLO_WHILE
# Custom operations that LiteRT brings along.
_BROUGHT = frozenset({"TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify"})
_OF_TENSORFLOW = "Flex"


@dataclass(frozen=True)
class Operation:
    """``name``: of what it gives, since operations have none; ``code``: its number; ``custom``: its name, if custom.

    ``graph``: the number of the graph that it is in; ``once``: the graph that it calls once, before all others.
    """

    name: str
    code: int
    custom: str
    graph: int
    once: int | None = None


def require_known(path: Path) -> None:
    """Refuse a file that is not a LiteRT model, or has operations that cannot be validated.

    Raises ModelError that names the operation.
    """
    try:
        found = list(operations(memoryview(path.read_bytes())))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except (struct.error, IndexError, ValueError):
        raise ModelError(f"{path}: not a LiteRT model, or cut off; fetch or convert it again") from None
    before = {each.once for each in found}
    for each in found:
        if each.code in (_CUSTOM, _CUSTOM_CALL) and each.custom not in _BROUGHT:
            raise _custom(path, each)
        if each.code in _RANDOM:
            raise random_operation(path, each.name, _RANDOM[each.code])
        if each.code in _ASSIGNS and each.graph not in before:
            raise kept_state(path, each.name, _ASSIGNS[each.code])


def may_loop(path: Path) -> bool:
    """Return whether a model may have a loop: one by name, or more than one graph, as bodies of loops are."""
    try:
        data = memoryview(path.read_bytes())
        if len(list(tables(data, offset(data, 0), _SUBGRAPHS))) > 1:
            return True
        return any(each.code in _LOOPS for each in operations(data))
    except (OSError, struct.error, IndexError, ValueError):
        return False


def _custom(path: Path, found: Operation) -> ModelError:
    kind = found.custom or "STABLEHLO_CUSTOM_CALL"
    if kind.startswith(_OF_TENSORFLOW):
        return ModelError(
            f"{path}: refused: '{found.name}' ({kind}) is an operation of TensorFlow, whose library for LiteRT "
            "is not loaded; convert the model with LiteRT's own operations (`TFLITE_BUILTINS`)"
        )
    return ModelError(
        f"{path}: refused: '{found.name}' ({kind}) is a custom operation, and no library of custom operations is "
        "loaded; convert the model with LiteRT's own operations"
    )


def operations(data: memoryview) -> Iterator[Operation]:
    """Yield the operations of all graphs of a model. Raises struct.error, IndexError or ValueError if it is none."""
    root = offset(data, 0)
    codes = [
        (max(number(data, each, _OLD_CODE, "<b"), number(data, each, _CODE, "<i")), text(data, each, _CUSTOM_CODE))
        for each in tables(data, root, _CODES)
    ]
    for at, graph in enumerate(tables(data, root, _SUBGRAPHS)):
        names = [text(data, each, _TENSOR_NAME) for each in tables(data, graph, _TENSORS)]
        for each in tables(data, graph, _OPERATORS):
            code, custom = codes[number(data, each, _CODE_INDEX)]
            given = [names[index] for index in numbers(data, each, _OUTPUTS) if 0 <= index < len(names)]
            yield Operation(given[0] if given else f"operation {at}", code, custom, at, _once(data, each, code))


def _once(data: memoryview, operation: int, code: int) -> int | None:
    place = place_of(data, operation, _OPTIONS)
    if code != _CALL_ONCE or place is None:
        return None
    return number(data, offset(data, place), _CALLED, "<i")
