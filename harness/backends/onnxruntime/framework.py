"""ONNX Runtime without its log lines, and what its errors say."""

from __future__ import annotations

import re
from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.errors import ModelError

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (Load model from .* failed:\s*)?")
_PLACE = re.compile(r"^/\S+:\d+ .*?\) (?=[A-Z])")  # of ONNX Runtime's sources, with the function
# What is too new, what the file says, what ONNX Runtime knows.
_TOO_NEW = {
    "opset": re.compile(r"Opset (\d+) is under development.* till opset (\d+)", re.DOTALL),
    "IR version": re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)"),
}


@one_at_a_time
def import_onnxruntime() -> Any:
    """Import ONNX Runtime; it logs errors only and sends no telemetry. Raises ModelError with what to install."""
    try:
        import onnxruntime
    except IMPORT_FAILS as error:
        raise ModelError(
            f"the backend onnxruntime needs ONNX Runtime, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[onnx]'`"
        ) from None
    onnxruntime.set_default_logger_severity(4)
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its errors have no common class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception)]
    return (*own, RuntimeError, ValueError)


def reason(error: Exception) -> str:
    """Return the first line of ONNX Runtime's message, without its code and the place in its sources."""
    lines = str(error).strip().splitlines()
    return _PLACE.sub("", _CODE.sub("", lines[0]))[:300] if lines else type(error).__name__


def refusal(error: Exception) -> str:
    """Return why ONNX Runtime does not load a model, in one sentence."""
    for what, said in _TOO_NEW.items():
        if found := said.search(str(error)):
            return (
                f"written for ONNX {what} {found[1]}, but the installed ONNX Runtime supports up to {found[2]}; "
                "export it for an older one, or install a newer onnxruntime"
            )
    return f"ONNX Runtime cannot load this model: {reason(error)}"
