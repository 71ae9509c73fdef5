"""Scale and zero point of a tensor: real value = scale * (stored value - zero point).

Source: https://ai.google.dev/edge/litert/models/quantization_spec
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantization:
    """``scale`` and ``zero_point`` of a whole tensor that stores ``dtype``, an integer type of 8 or 16 bits."""

    scale: float
    zero_point: int
    dtype: np.dtype[Any]

    def unbounded(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what would be stored without the limits of the type: rounded half to even, in float64."""
        return np.asarray(np.rint(values.astype(np.float64) / self.scale) + self.zero_point)

    def stored(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return what is stored for real values: rounded half to even, saturated at the limits of the type."""
        limits = np.iinfo(self.dtype)
        return np.clip(self.unbounded(values), limits.min, limits.max).astype(self.dtype)

    def saturates(self, values: NDArray[np.float32]) -> int:
        """Return how many values lie more than one step outside the limits of the type."""
        limits, free = np.iinfo(self.dtype), self.unbounded(values)
        return int(((free < limits.min - 1) | (free > limits.max + 1)).sum())

    def real(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return the real values, computed in float64."""
        return ((stored.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)


def quantization_of(details: Mapping[str, Any]) -> Quantization | None:
    """Return what an interpreter's details of a tensor say; None if it has no scale, or one for each channel."""
    parameters = details["quantization_parameters"]
    dtype = np.dtype(details["dtype"])
    if (
        len(parameters["scales"]) != 1
        or len(parameters["zero_points"]) != 1
        or dtype not in (np.int8, np.uint8, np.int16)
    ):
        return None
    return Quantization(float(parameters["scales"][0]), int(parameters["zero_points"][0]), dtype)
