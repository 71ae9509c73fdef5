"""PyTorch imported, and what its errors say."""

from __future__ import annotations

from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.errors import ModelError


@one_at_a_time
def import_torch() -> Any:
    """Import PyTorch. Raises ModelError with what to install."""
    try:
        import torch
    except IMPORT_FAILS as error:
        raise ModelError(
            f"the backend torch needs PyTorch, which cannot be imported ({error}); "
            "run `pip install 'conversion-accuracy-harness[torch]'`"
        ) from None
    return torch


def reason(error: Exception) -> str:
    """Return the line of PyTorch's message that says what is wrong: the last one of an error inside TorchScript."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return (lines[-1] if "TorchScript" in lines[0] else lines[0]).strip()[:300]
