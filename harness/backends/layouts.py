"""The order of the axes of an image input, determined by its shape. Without numpy and any framework."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Layout = Literal["NHWC", "NCHW"]
CHANNELS = 3


def layout_of(sides: Sequence[int | None]) -> Layout | None:
    """Return the layout of an input's shape; None if it is ambiguous: another rank, or 3 twice or never.

    ``sides``: None or a negative number for a free side.
    """
    if len(sides) != 4 or (sides[1] == CHANNELS) == (sides[3] == CHANNELS):
        return None
    return "NCHW" if sides[1] == CHANNELS else "NHWC"
