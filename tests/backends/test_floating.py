"""Floating and non-square pixels: who takes them, and who refuses them in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities
from harness.config import Input
from harness.errors import ModelError

SPEC = ModelSpec(id="m", model="m", input=Input(color="RGB"), output="o", size=(4, 6), outputs=3)


class Plain(Backend):
    def load(self) -> Loaded:
        return Loaded("b", "CPU", "cpu", "f32", "0" * 64)

    def _infer(self, pixels: Pixels) -> Probabilities:
        return np.zeros((len(pixels), 3), np.float32)


class Floating(Plain):
    takes_floating = True


def test_a_backend_that_was_not_made_for_it_refuses_floating_pixels() -> None:
    floating = dataclasses.replace(SPEC, floating=True)
    with pytest.raises(ModelError, match="m: this backend takes only whole pixel values; leave `normalize` out"):
        Plain(floating).__enter__()
    with Floating(floating) as backend:
        assert backend.infer(np.zeros((2, 4, 6, 3), np.float32)).shape == (2, 3)
        with pytest.raises(ModelError, match=r"expected float32 \(n, 4, 6, 3\)"):
            backend.infer(np.zeros((2, 4, 6, 3), np.uint8))


def test_height_and_width() -> None:
    assert SPEC.sides == (4, 6)
    assert dataclasses.replace(SPEC, size=5).sides == (5, 5)
    with Plain(SPEC) as backend:
        assert backend.infer(np.zeros((2, 4, 6, 3), np.uint8)).shape == (2, 3)
        with pytest.raises(ModelError, match=r"expected uint8 \(n, 4, 6, 3\)"):
            backend.infer(np.zeros((2, 6, 4, 3), np.uint8))
