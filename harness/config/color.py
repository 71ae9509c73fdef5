"""Per-channel numbers and the colour order that they are given in."""

from __future__ import annotations

from typing import Literal

Triple = tuple[float, float, float]
Color = Literal["RGB", "BGR"]


def in_order(values: Triple, of: Color, wanted: Color) -> Triple:
    """Return per-channel numbers given in the colour order ``of`` in the order ``wanted``."""
    return values if of == wanted else (values[2], values[1], values[0])
