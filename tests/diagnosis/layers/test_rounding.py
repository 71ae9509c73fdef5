from __future__ import annotations

import numpy as np
import pytest

from harness.diagnosis.layers.rounding import class_of, expected_rounding
from tests.diagnosis.layers.networks import layer

VALUES = np.random.default_rng(2).normal(size=(8, 4, 3, 3)).astype(np.float32).astype(np.float64)


def as_bf16(values: np.ndarray) -> np.ndarray:
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)


def test_each_way_to_hold_weights_is_told_by_how_far_they_are_off() -> None:
    one = layer(VALUES)
    half, brain = VALUES.astype(np.float16).astype(np.float64), as_bf16(VALUES)
    assert class_of(one, layer(VALUES), VALUES, VALUES)[0] == "equal"
    assert class_of(one, layer(half, storage="f16"), VALUES, half)[0] == "f16"
    assert class_of(one, layer(half), VALUES, half)[0] == "f16"  # saved as f32 afterwards
    assert class_of(one, layer(brain, storage="bf16"), VALUES, brain)[0] == "bf16"
    assert class_of(one, layer(brain), VALUES, brain)[0] != "equal"


@pytest.mark.parametrize("factor", [1.01, 0.97])
def test_what_is_beyond_rounding_is_a_change(factor: float) -> None:
    one = layer(VALUES)
    for storage in ("f32", "f16", "bf16"):
        assert class_of(one, layer(VALUES * factor, storage=storage), VALUES, VALUES * factor)[0] == "changed"


def test_8_bits_by_channel() -> None:
    step = np.abs(VALUES).max(axis=(1, 2, 3)) / 127
    whole = np.rint(VALUES / step[:, None, None, None]) * step[:, None, None, None]
    one = layer(VALUES)
    assert class_of(one, layer(whole), VALUES, whole)[0] == "int8"
    stated = layer(whole, storage="int", step=step)
    assert class_of(one, stated, VALUES, whole)[0] == "int8"
    # The error of rounding to a step is uniform: its variance is step^2 / 12.
    error = float(np.linalg.norm(whole - VALUES))
    assert expected_rounding(one, stated, VALUES) == pytest.approx(error, rel=0.1)
    assert expected_rounding(one, layer(VALUES), VALUES) == 0.0


def test_a_channel_of_almost_nothing_is_rounded_to_zeros() -> None:
    """Its integers are all 0, so that its own step cannot be known; a channel that was lost is a change."""
    ours = VALUES.copy()
    ours[5] *= 1e-6
    step = np.abs(ours).max(axis=(1, 2, 3)) / 127
    step[5] = 0
    whole = np.rint(ours / np.where(step > 0, step, 1)[:, None, None, None]) * step[:, None, None, None]
    one = layer(ours)
    assert class_of(one, layer(whole, storage="int", step=step), ours, whole)[0] == "int8"
    step[2], whole[2] = 0, 0
    assert class_of(one, layer(whole, storage="int", step=step), ours, whole)[0] == "changed"
