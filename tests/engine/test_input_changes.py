"""Shares of known input changes in an error: against least squares of numpy, and on a network with a planted fault."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities
from harness.config import Input
from harness.engine.input_changes import input_changes, share_of
from harness.errors import ModelError
from harness.judging.ratio_gate import mending_change
from harness.record.schema import InputChange

CLASSES = 20


class Network(Backend):
    """Softmax of fixed weights on all pixels; ``factor``: what the pixels are multiplied by inside."""

    takes_floating = True
    factor = 1.0

    def load(self) -> Loaded:
        return Loaded("fake 1", "CPU", "a CPU", "f32", "0" * 64)

    def _infer(self, pixels: Pixels) -> Probabilities:
        return network(pixels * np.float64(self.factor))


def network(pixels: Any) -> Probabilities:
    weights = np.random.default_rng(7).normal(size=(pixels[0].size, CLASSES)) / 500
    logits = np.asarray(pixels, np.float64).reshape(len(pixels), -1) @ weights
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


SPEC = ModelSpec("ir", "ir.fake", Input(color="BGR"), None, 6, CLASSES)


def images(count: int = 64) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, 6, 6, 3), np.uint8)


def changes(pixels: Pixels, reference: Probabilities, factor: float = 1.0, **others: Pixels) -> dict[str, InputChange]:
    kind = type("Faulty", (Network,), {"factor": factor})

    def answer(backend: Backend, given: Pixels) -> Probabilities:
        return backend.infer(given)

    with kind(SPEC) as own:
        found = input_changes(SPEC, own, kind, answer, pixels, reference, others)
    return {each.change: each for each in found}


def test_the_share_is_that_of_least_squares_in_numpy() -> None:
    generator = np.random.default_rng(3)
    reference, fed, changed = (generator.dirichlet(np.ones(5), 30).astype(np.float32) for _ in range(3))
    root = 1 / np.sqrt(reference.astype(np.float64) * (1 - reference.astype(np.float64)))
    step = (changed.astype(np.float64) - fed) * root
    error = (reference.astype(np.float64) - fed) * root
    solution, *_ = np.linalg.lstsq(step.reshape(-1, 1), error.reshape(-1), rcond=None)
    found = share_of(fed, changed, reference)
    assert found is not None
    assert found[0] == pytest.approx(float(solution[0]), rel=1e-6)


def test_the_standard_error_is_that_of_repeated_draws_of_images() -> None:
    generator = np.random.default_rng(5)
    draws = []
    for _ in range(300):
        reference = generator.dirichlet(np.ones(8) * 5, 64)
        step, noise = generator.normal(size=(2, *reference.shape)) * reference * (1 - reference)
        fed = reference - step / 100 * 0.7 + noise / 50
        three = (np.asarray(each, np.float32) for each in (fed, fed + step / 100, reference))
        draws.append(share_of(*three))
    shares, errors = np.array(draws, float).T
    assert shares.mean() == pytest.approx(0.7, abs=0.05)
    assert errors.mean() == pytest.approx(shares.std(), rel=0.15)


def test_where_it_cannot_be_told() -> None:
    one = np.full((1, 4), 0.25, np.float32)
    assert share_of(one, one * 2, one) is None  # one image has no spread
    two = np.full((2, 4), 0.25, np.float32)
    assert share_of(two, two, two * np.float32(0.5)) is None  # the change moves nothing
    assert share_of(two, np.full_like(two, np.nan), two) is None


@pytest.mark.parametrize(("factor", "named"), [(255 / 256, "times 256/255"), (256 / 255, "times 255/256")])
def test_another_scale_inside_the_network_is_named(factor: float, named: str) -> None:
    pixels = images()
    found = mending_change(tuple(changes(pixels, network(pixels), factor).values()))
    assert found is not None
    assert found.change.endswith(named)
    assert found.share == pytest.approx(1, abs=0.02)


def test_another_resize_filter_is_named_and_the_right_one_is_not() -> None:
    right = images()
    wrong = np.asarray((right.astype(int) + np.roll(right, 1, axis=1)) // 2, np.uint8)
    found = changes(wrong, network(right), bilinear=right, area=np.roll(wrong, 1, axis=2))
    mending = mending_change(tuple(found.values()))
    assert mending is not None
    assert mending.change == "the resize filter bilinear"
    assert mending.share == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_mends_nothing(seed: int) -> None:
    pixels = images()
    noise = np.random.default_rng(seed).normal(size=(64, CLASSES))
    powers = network(pixels) * np.exp(noise / 50)
    reference = np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
    assert mending_change(tuple(changes(pixels, reference, other=np.roll(pixels, 1, axis=1)).values())) is None


def test_pixels_that_are_no_whole_numbers_are_not_scaled() -> None:
    pixels = images()
    assert set(changes(pixels, network(pixels), other=255 - pixels)) == {
        "the resize filter other",
        "pixel values times 256/255",
        "pixel values times 255/256",
    }
    with Network(dataclasses.replace(SPEC, floating=True)) as own:
        floats, other = pixels.astype(np.float32), {"other": 255 - pixels}
        asked = (floats, network(pixels), other)
        (found,) = input_changes(own.spec, own, Network, lambda each, given: each.infer(given), *asked)
    assert found.change == "the resize filter other"


def test_a_network_that_takes_whole_numbers_only_is_not_scaled() -> None:
    def refuse(spec: ModelSpec) -> Backend:
        assert dataclasses.replace(spec, floating=False) == SPEC
        raise ModelError("whole numbers only")

    pixels = images()
    with Network(SPEC) as own:
        assert (
            input_changes(SPEC, own, refuse, lambda each, given: each.infer(given), pixels, network(pixels), {}) == ()
        )
