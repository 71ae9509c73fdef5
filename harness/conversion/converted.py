"""What a conversion gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.openvino.contract import IrContract

if TYPE_CHECKING:
    from harness.conversion.check import Check
    from harness.conversion.int8.calibration import Calibration


@dataclass(frozen=True)
class Converted:
    """A model that was written and checked: its files, its contract, what was checked, and how long it took (seconds).

    ``files``: the model's own first; of an IR then its .bin, of another format then its contract file.
    ``calibration``: the images that INT8 was calibrated on; None for other weights.
    """

    files: tuple[Path, ...]
    contract: IrContract
    checks: tuple[Check, ...]
    seconds: float
    calibration: Calibration | None = None

    @property
    def xml(self) -> Path:
        """The model's own file, of an IR its .xml."""
        return self.files[0]

    @property
    def bin(self) -> Path:
        """The second file, of an IR its .bin."""
        return self.files[1]
