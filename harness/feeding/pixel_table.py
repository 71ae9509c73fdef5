"""Mean and scale as a table: a pixel has 256 values, so 256 numbers a channel are the whole normalisation, exactly.

A framework may rewrite ``(x - mean) / scale`` into ``x * a + b`` and be off in the last bit; a table cannot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.config import Input


def pixel_table(contract: Input) -> NDArray[np.float32]:
    """Return float32 (3, 256): what each pixel value becomes, by channel in the model's own colour order.

    Computed as the published preprocessing does, in float32: ``(value - mean) / scale``.
    """
    values = np.arange(256, dtype=np.float32)
    mean = np.asarray(contract.mean_per_channel, np.float32)[:, None]
    scale = np.asarray(contract.scale_per_channel, np.float32)[:, None]
    return ((values - mean) / scale).astype(np.float32)


def is_identity(contract: Input) -> bool:
    """Tell whether the contract asks for the plain values 0..255."""
    return set(contract.mean_per_channel) == {0.0} and set(contract.scale_per_channel) == {1.0}
