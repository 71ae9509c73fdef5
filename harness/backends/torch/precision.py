"""What a run really computed with: PyTorch's dispatcher names each operator and the types of its tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SHORT = {"qint8": "int8", "quint8": "int8", "int8": "int8", "float16": "f16", "bfloat16": "bf16", "float32": "f32"}
_SHORT |= {"float64": "f64"}
_COMPUTE = ("conv", "linear", "addmm", "matmul", "mm", "bmm", "batch_norm", "softmax", "pool", "mean")


def types_of(torch: Any, run: Callable[[], Any]) -> str:
    """Run once and return the types of what the computing operators take, such as ``f32``; ``unknown`` if none did."""
    from torch.utils._python_dispatch import TorchDispatchMode

    seen: set[str] = set()

    class Recorder(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
            if any(word in str(function) for word in _COMPUTE):
                tensors = [each for each in arguments if isinstance(each, torch.Tensor)]
                seen.update(str(each.dtype).removeprefix("torch.") for each in tensors)
            return function(*arguments, **(keywords or {}))

    with Recorder():
        run()
    return "+".join(dict.fromkeys(short for name, short in _SHORT.items() if name in seen)) or "unknown"
