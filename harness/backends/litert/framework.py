"""LiteRT without its banner, and what its errors say."""

from __future__ import annotations

import importlib.metadata
import re
from contextlib import AbstractContextManager
from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.backends.native_output import without_lines
from harness.errors import ModelError

_BANNER = (b"XNNPACK delegate for CPU",)
_PACKAGE = "ai-edge-litert"
# What LiteRT says of a file that is newer than itself.
_SCHEMA = re.compile(r"is schema version (\d+) not equal to supported version (\d+)")
_VERSION = re.compile(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'")
_CODE = re.compile(r"Op builtin_code out of range: (\d+)")


@one_at_a_time
def import_litert() -> Any:
    """Return the module with the class `Interpreter`. Raises ModelError with what to install."""
    try:
        from ai_edge_litert import interpreter
    except IMPORT_FAILS as error:
        raise ModelError(
            f"the backend litert needs LiteRT, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[litert]'`"
        ) from None
    return interpreter


def without_banner() -> AbstractContextManager[None]:
    """Suppress the banner, which no setting turns off."""
    return without_lines(_BANNER)


def reason(error: Exception) -> str:
    """Return the first line of LiteRT's message."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def refusal(error: Exception) -> str:
    """Return why LiteRT does not open a file, in one sentence."""
    said = str(error)
    if found := _SCHEMA.search(said):
        return (
            f"written in version {found[1]} of LiteRT's schema, but the installed LiteRT reads version "
            f"{found[2]}; convert it again, or install a newer {_PACKAGE}"
        )
    here = f"the LiteRT here ({_PACKAGE} {_installed()})"
    mend = f"convert it with an older converter, or install a newer {_PACKAGE}"
    if found := _VERSION.search(said):
        return f"its operation {found[1]} has version {found[2]}, which is newer than what {here} knows; {mend}"
    if found := _CODE.search(said):
        return f"it has an operation of number {found[1]}, which {here} does not know; {mend}"
    return "not a LiteRT model, or cut off; fetch or convert it again"


def _installed() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
