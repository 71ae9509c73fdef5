"""What a kind of the campaign is, and the image that its files hold."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.campaign.mutations import Mutate

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """``make`` writes a sound folder and returns the file to be mutated; ``use`` reads it as the harness does.

    ``use`` may raise HarnessError; anything else that it raises is a bug.
    """

    name: str
    make: Callable[[Path], Path]
    mutate: Mutate
    use: Callable[[Path], object]


def picture(number: int, suffix: str = "JPEG") -> bytes:
    from PIL import Image

    generator = np.random.default_rng(number)
    pixels = np.kron(generator.integers(0, 256, (4, 5, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, suffix)
    return out.getvalue()
