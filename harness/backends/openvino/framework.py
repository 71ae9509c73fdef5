"""OpenVINO without its telemetry: nothing is sent, nothing is written to the user's home.

Importing ``openvino`` already reports the import, and ``convert_model`` its parameters, through the separate package
``openvino_telemetry``. OpenVINO has a stub for where that package is not installed; here it finds none, always.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.errors import ModelError

_PACKAGE = "openvino_telemetry"
_USERS = "openvino.tools.ovc"
_FIRST = threading.Lock()
_shared: list[int] = []  # not empty once the bindings know numpy


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """Make ``openvino_telemetry`` look as if it were not installed, for imports made inside the block."""
    absent = object()
    before: Any = sys.modules.get(_PACKAGE, absent)
    sys.modules[_PACKAGE] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        yield
    finally:
        if before is absent:
            sys.modules.pop(_PACKAGE, None)  # another thread may have been as far
        else:
            sys.modules[_PACKAGE] = before


@one_at_a_time
def import_openvino() -> Any:
    """Return the ``openvino`` module with its telemetry off, even if it was imported before.

    Raises ModelError if OpenVINO cannot be imported.
    """
    try:
        with without_telemetry():
            import openvino
            from openvino.tools.ovc import telemetry_stub
    except IMPORT_FAILS as error:
        raise ModelError(
            f"the backend openvino needs OpenVINO, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[openvino]'`"
        ) from None
    for name, module in sys.modules.copy().items():  # at once: another thread may be importing
        if name.startswith(_USERS) and getattr(getattr(module, "tm", None), "__name__", "") == _PACKAGE:
            module.tm = telemetry_stub  # type: ignore[attr-defined]
    _share_an_array(openvino)
    return openvino


def _share_an_array(openvino: Any) -> None:
    """Let the bindings look for numpy, once: two threads that cause it at the same time wait for each other forever.

    One holds the guard of a static variable of the bindings and waits for the interpreter, the other the reverse.
    """
    with _FIRST:
        if not _shared:
            _shared.append(openvino.Tensor(openvino.Type.u8, openvino.Shape([1])).data.size)


_SUMMARY = ("-- No conversion rule", "-- Conversion is failed")  # of a model that was converted in part
_PLACES = ("Exception from", "Check '", "[ GENERAL_ERROR", "FrontEnd")  # of OpenVINO's sources


def undeclared(error: Exception) -> str | None:
    """Return the name of an input that a model needs and does not declare, if that is what OpenVINO says."""
    found = re.search(r"undeclared parameters: \S*Parameter (\S+)", str(error))
    return found[1] if found else None


def reason(error: Exception, *, line: int = -1) -> str:
    """Return the line of OpenVINO's message that says what is wrong, without the places in its sources.

    ``line``: which of those that are left, the last one by default; the frontends say it in the first one.
    """
    lines = [text.strip() for text in str(error).splitlines() if text.strip()]
    if summary := [text for text in lines if text.startswith(_SUMMARY)]:
        return summary[0].removeprefix("-- ")[:300]  # those without a rule come first, and let others fail
    left = [text for text in lines if not text.startswith(_PLACES)]
    return (left or lines or [type(error).__name__])[line][:300]
