from __future__ import annotations

from harness.backends.base import ModelSpec, Pixels
from harness.config import Input
from tests.backends.observed import check
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Tiny

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)


def test_what_each_operation_gives(tiny: Tiny, pixels: Pixels) -> None:
    spec = ModelSpec("tf", str(tiny.graph), CONTRACT, "Net/Reshape_1", SIZE, CLASSES + 1, batch=3)
    check("tensorflow", spec, tiny.network, pixels, slice(None))
