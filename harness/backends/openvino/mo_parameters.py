"""The old Model Optimizer's conversion parameters, as it left them in an IR.

Its documentation: with ``--reverse_input_channels`` the channels are swapped first, so that ``--mean_values`` and
``--scale_values`` go in the order of channels of the **original** model; the mean is subtracted, then it is divided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Triple = tuple[float, float, float]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"[\[(]\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*,?\s*[\])]")


def channels(text: str | None, default: float) -> Triple | None:
    """Return the three numbers of ``input[127.5,127.5,127.5]``, ``(1,2,3)``, ``[127.5]`` or ``127.5``.

    No text: the default for each channel. None if it cannot be read, or where two inputs have different numbers.
    """
    if text is None or text.strip() in ("", "()", "[]", "{}", "None"):
        return (default, default, default)
    found = {_triple(match[1]) for match in _NUMBERS.finditer(text)}
    if not found and re.fullmatch(_NUMBER, text.strip()):
        found = {_triple(text)}
    return found.pop() if len(found) == 1 else None


def _triple(text: str) -> Triple | None:
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) == 1:
        numbers *= 3
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def mean_inside(parameters: Mapping[str, str]) -> Triple | None:
    """Return the mean that was built into the model, in the original model's colour order; None: unreadable."""
    return channels(parameters.get("mean_values"), 0.0)


def scale_inside(parameters: Mapping[str, str]) -> Triple | None:
    """Return the scale that was built into the model, in the original model's colour order; None: unreadable."""
    scale = channels(parameters.get("scale_values") or parameters.get("scale"), 1.0)
    return None if scale and 0.0 in scale else scale


def reversed_channels(parameters: Mapping[str, str]) -> bool:
    """Return whether the model swaps its colour channels first (``--reverse_input_channels``)."""
    return parameters.get("reverse_input_channels", "False").strip().lower() == "true"
