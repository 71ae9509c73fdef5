"""What a model's file says of itself before anything of it runs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.config.color import Color, Triple


@dataclass(frozen=True)
class Port:
    """An input or output: its names, its shape (-1 where free; None where unknown) and its element type."""

    names: tuple[str, ...]
    shape: tuple[int, ...] | None
    element: str

    @property
    def name(self) -> str:
        """The name to write."""
        return self.names[0] if self.names else ""


@dataclass(frozen=True)
class Description:
    """What a file says.

    ``inputs``, ``outputs``: in the file's order. ``color``, ``mean``, ``scale``: what the file says that it wants to be
    fed, in the order of ``color``; None where it does not say. ``source``: where the file says so, for a comment.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    color: Color | None = None
    mean: Triple | None = None
    scale: Triple | None = None
    source: str = ""

    @property
    def layout(self) -> str | None:
        """NHWC or NCHW by the first input's shape; None where it does not tell."""
        shape = self.inputs[0].shape if self.inputs else None
        if shape is None or len(shape) != 4 or (shape[1] == 3) == (shape[3] == 3):
            return None
        return "NHWC" if shape[3] == 3 else "NCHW"

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the first input; None where they are free or unknown."""
        if self.layout is None:
            return None
        shape = self.inputs[0].shape or ()
        height, width = shape[1:3] if self.layout == "NHWC" else shape[2:4]
        return (height, width) if min(height, width) > 0 else None

    @property
    def width(self) -> int | None:
        """How many values the last output has for one image; None where that is unknown."""
        shape = self.outputs[-1].shape if self.outputs else None
        own = [side for side in (shape or ())[1:] if side != 1] if shape and len(shape) > 1 else list(shape or ())
        return own[0] if len(own) == 1 and own[0] > 0 else None
