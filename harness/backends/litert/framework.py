"""LiteRT without its banner, and what its errors say."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from harness.backends.native_output import without_lines
from harness.errors import ModelError

_BANNER = (b"XNNPACK delegate for CPU",)


def import_litert() -> Any:
    """Return the module with the class `Interpreter`. Raises ModelError with what to install."""
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        raise ModelError(
            f"the backend litert needs LiteRT, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[litert]'`"
        ) from None
    return interpreter


def without_banner() -> AbstractContextManager[None]:
    """Hold back the banner, which no setting stops."""
    return without_lines(_BANNER)


def reason(error: Exception) -> str:
    """Return the first line of LiteRT's message."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
