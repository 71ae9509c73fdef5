"""ONNX Runtime without its log lines, and what its errors say."""

from __future__ import annotations

import re
from typing import Any

from harness.errors import ModelError

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")


def import_onnxruntime() -> Any:
    """Import ONNX Runtime; it logs errors only and sends no telemetry. Raises ModelError with what to install."""
    try:
        import onnxruntime
    except ImportError as error:
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
    """Return the first line of ONNX Runtime's message, without its code."""
    lines = str(error).strip().splitlines()
    return _CODE.sub("", lines[0])[:300] if lines else type(error).__name__
