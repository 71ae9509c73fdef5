"""A PyTorch file as a function of one tensor, with what the file states about its input and outputs."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.backends.names import find_by_name, require_one_input
from harness.backends.torch.framework import reason
from harness.backends.torch.operations import refuse_operations
from harness.backends.torch.untrusted import kind_of
from harness.errors import ModelError

_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_one_at_a_time = threading.Lock()  # the variable belongs to the whole process


@dataclass(frozen=True)
class Opened:
    """``sides``: of the input, None for a free side, or None if the file does not say; ``dtype``: of the input.

    ``outputs``: position by name; an empty mapping where the file names none. ``kind``: program or script.
    ``source``: what PyTorch loaded, as converters take it.
    ``output_sides``: by name, as ``sides``.
    """

    run: Callable[[Any], Any]
    inputs: tuple[str, ...]
    sides: tuple[int | None, ...] | None
    dtype: Any
    outputs: dict[str, int]
    kind: str
    source: Any
    output_sides: Mapping[str, tuple[int | None, ...] | None] = field(default_factory=dict)


def require_input(opened: Opened, name: str | None, model: str) -> str:
    """Return the name of the only input. Raises ModelError if ``name`` is another, or where there are several."""
    found = find_by_name(name, {each: each for each in opened.inputs}, what="input", model=model)
    require_one_input(model, found, opened.inputs)
    return found


def open_file(torch: Any, model: str, device: str) -> Opened:
    """Open a file that was checked first. Raises ModelError if PyTorch cannot."""
    kind = kind_of(Path(model))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript's, of PyTorch itself
            opened = _program(torch, model, device) if kind == "program" else _script(torch, model, device)
            refuse_operations(torch, kind, opened.source, model)
            return opened
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  (PyTorch raises all kinds for a file that it cannot read)
        raise ModelError(f"{model}: PyTorch cannot load this model: {reason(error)}") from None


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Let PyTorch unpickle tensors only, also where its own code asks for more."""
    with _one_at_a_time:
        before = os.environ.get(_FORCE)
        os.environ[_FORCE] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_FORCE]
            else:
                os.environ[_FORCE] = before


def _program(torch: Any, model: str, device: str) -> Opened:
    with _tensors_only():
        program = torch.export.load(model)
    signature = program.graph_signature
    names = tuple(str(name) for name in signature.user_inputs)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op != "output"}
    value = values.get(names[0]) if names else None
    outputs = {str(name): at for at, name in enumerate(signature.user_outputs)}
    run = program.module(check_guards=False).to(device)
    dtype = torch.float32 if value is None else value.dtype
    of_outputs = {name: _sides(values.get(name)) for name in outputs}
    return Opened(run, names, _sides(value), dtype, outputs, "program", program, of_outputs)


def _sides(value: Any) -> tuple[int | None, ...] | None:
    """Return the sides of an example tensor, None for symbolic ones; None for the whole where it is not a tensor."""
    shape = getattr(value, "shape", None)
    return None if shape is None else tuple(side if isinstance(side, int) else None for side in shape)


def _script(torch: Any, model: str, device: str) -> Opened:
    module = torch.jit.load(model, map_location=device).eval()
    arguments = module.forward.schema.arguments[1:]  # the first is the module itself, under any name
    needed = tuple(each.name for each in arguments if not each.has_default_value())
    answers = next(iter(module.graph.outputs())).type()
    width = len(answers.elements()) if answers.kind() == "TupleType" else 1
    outputs = {"output": 0} if width == 1 else {f"output_{at}": at for at in range(width)}
    first = next((each for each in module.parameters() if each.is_floating_point()), None)
    return Opened(module, needed, None, torch.float32 if first is None else first.dtype, outputs, "script", module)
