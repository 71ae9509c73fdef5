from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.observing import Operation
from harness.config import Input
from harness.diagnosis.layers.layer import Layer, layers_of
from harness.diagnosis.layers.matching import Match, match
from harness.diagnosis.layers.weights import LayerWeights, compare, compared
from tests.diagnosis.layers.networks import elementwise, layer, network, weighted

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(16, 8, 3, 3))
BIAS = RANDOM.normal(size=16)


def of(one: Layer, other: Layer) -> LayerWeights:
    return compared(Match(one, other, "weights"))


def test_weights_that_were_folded_in_another_way_are_equal() -> None:
    """A batch norm in float32 inside the one network, folded into the weights before they were stored in the other."""
    gamma, variance = RANDOM.uniform(0.5, 2, 16), RANDOM.uniform(0.1, 3, 16)
    factor = (gamma / np.sqrt(variance + 1e-3)).astype(np.float32)
    conv = weighted("conv", VALUES, "x")
    (one,) = layers_of(network(conv, elementwise("bn", "conv", factor=factor, offset=BIAS)), Input(color="BGR"))
    folded = VALUES.astype(np.float32) * factor[:, None, None, None]
    (other,) = layers_of(network(weighted("conv", folded, "x", offset=BIAS.astype(np.float32))), Input(color="BGR"))
    found = of(one, other)
    assert (found.weights, found.bias, found.differs) == ("equal", "equal", False)
    assert found.relative < 1e-7


@pytest.mark.parametrize("scale", [1.0, 1e-4])  # the smallest weights are below the normal numbers of f16
def test_f16_rounding_is_known(scale: float) -> None:
    values = (VALUES * scale).astype(np.float32)
    rounded = values.astype(np.float16).astype(np.float32)
    (other,) = layers_of(network(weighted("conv", rounded, "x", storage="f16")), Input(color="BGR"))
    found = of(layer(values), other)
    assert (found.weights, found.differs) == ("f16", False)
    assert found.relative < 1e-3


def quantised(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    step = np.abs(values).max(axis=(1, 2, 3)) / 127
    return np.rint(values / step[:, None, None, None]) * step[:, None, None, None], step


@pytest.mark.parametrize("stated", [True, False])
def test_8_bits_are_known_whether_the_file_says_so_or_not(*, stated: bool) -> None:
    values, step = quantised(VALUES)
    other = layer(values, storage="int" if stated else "f32", step=step if stated else None)
    found = of(layer(VALUES), other)
    assert (found.weights, found.differs) == ("int8", False)
    if stated:  # the error is uniform within a step, so its mean square is step^2 / 12
        assert found.relative == pytest.approx(found.rounding, rel=0.05)


@pytest.mark.parametrize("storage", ["f32", "f16", "int"])
@pytest.mark.parametrize("fraction", [0.01, 0.05])
def test_noise_is_found_whatever_weights_are_held_in(storage: Any, fraction: float) -> None:
    noisy = VALUES * (1 + fraction * RANDOM.standard_normal(VALUES.shape))
    step = None
    if storage == "f16":
        noisy = noisy.astype(np.float16).astype(np.float64)
    if storage == "int":
        noisy, step = quantised(noisy)
    found = of(layer(VALUES), layer(noisy, storage=storage, step=step))
    assert (found.weights, found.how) == ("changed", "values")
    assert found.relative == pytest.approx(fraction, rel=0.25)
    assert len(found.channels) == found.of == 16


def test_one_channel_is_named() -> None:
    values = VALUES.copy()
    values[5] += 0.1 * RANDOM.standard_normal(values[5].shape)
    found = of(layer(VALUES), layer(values))
    assert (found.weights, found.how, found.channels) == ("changed", "channels", (5,))


@pytest.mark.parametrize(
    ("turn", "note"),
    [
        (lambda values: values.swapaxes(2, 3), "height and width exchanged"),
        (lambda values: values[:, :, ::-1, ::-1], "height and width reversed"),
        (lambda values: values.swapaxes(0, 1), "input and output channels exchanged"),
        (lambda values: values[:, ::-1], "input channels reversed"),
    ],
)
def test_a_transposed_kernel_is_recognised(turn: Any, note: str) -> None:
    values = RANDOM.normal(size=(6, 6, 3, 3))
    found = of(layer(values), layer(turn(values)))
    assert (found.weights, found.how, found.note) == ("changed", "transposed", note)


def test_a_lost_factor_is_recognised() -> None:
    factor = RANDOM.uniform(0.5, 2, 16)
    found = of(layer(VALUES), layer(VALUES * factor[:, None, None, None]))
    assert (found.weights, found.how) == ("changed", "scaled")
    assert found.note == f"{factor.min():.4g} to {factor.max():.4g}"


def test_biases() -> None:
    assert of(layer(VALUES, BIAS), layer(VALUES, 0 * BIAS)).bias == "lost"
    assert of(layer(VALUES), layer(VALUES, BIAS)).bias == "added"
    off = BIAS.copy()
    off[3] += 0.01
    found = of(layer(VALUES, BIAS), layer(VALUES, off))
    assert (found.bias, found.bias_channels, found.weights) == ("changed", (3,), "equal")
    rounded = of(layer(VALUES, BIAS), layer(VALUES, BIAS.astype(np.float16), storage="f16"))
    assert (rounded.bias, rounded.differs) == ("rounded", False)


@pytest.mark.parametrize(
    ("high", "clip"), [(6.0, None), (5.5, ((0.0, 6.0), (0.0, 5.5))), (None, ((0.0, 6.0), (0.0, None)))]
)
def test_another_clip(high: float | None, clip: Any) -> None:
    assert of(layer(VALUES, low=0.0, high=6.0), layer(VALUES, low=0.0, high=high)).clip == clip


def test_integers_clip_by_their_range() -> None:
    values, step = quantised(VALUES)
    found = of(layer(VALUES, low=0.0, high=6.0), layer(values, storage="int", step=step))
    assert not found.differs


def test_other_strides() -> None:
    one, other = layer(VALUES, attributes={"strides": (1, 1)}), layer(VALUES, attributes={"strides": (2, 2)})
    assert of(one, other).attributes == ("strides",)


FIRST = weighted("conv", RANDOM.normal(size=(8, 3, 3, 3)), "input", offset=RANDOM.normal(size=8).astype(np.float32))
TRUE = Input(color="RGB", mean=(120.0, 110.0, 100.0), scale=(60.0, 50.0, 40.0))


@pytest.mark.parametrize(
    ("wrong", "note"),
    [
        ({"color": "BGR", "mean": (100.0, 110.0, 120.0), "scale": (40.0, 50.0, 60.0)}, "reversed order"),
        ({"scale": (30.0, 25.0, 20.0)}, "another scale (2, 2, 2 times, RGB)"),
        ({"mean": (121.0, 110.0, 100.0)}, "another mean (+1, "),
    ],
)
def test_a_first_layer_that_is_only_fed_otherwise_is_not_changed(wrong: dict[str, Any], note: str) -> None:
    (one,), (other,) = layers_of(network(FIRST), TRUE), layers_of(network(FIRST), TRUE.model_copy(update=wrong))
    found = of(one, other)
    assert (found.weights, found.differs) == ("input", False)
    assert note in found.note


def test_a_first_layer_that_is_fed_the_same_is_changed_itself() -> None:
    """Weights times 1.25 are no other scale where the scale is known, nor is another bias another mean."""
    assert FIRST.weights is not None
    assert FIRST.offset is not None
    (one,) = layers_of(network(FIRST), TRUE)
    scaled = weighted("conv", 1.25 * FIRST.weights.values, "input", offset=FIRST.offset)
    moved = weighted("conv", FIRST.weights.values, "input", offset=FIRST.offset + FIRST.weights.values.sum((1, 2, 3)))
    of_scaled, of_moved = (of(one, layers_of(network(other), TRUE)[0]) for other in (scaled, moved))
    assert (of_scaled.weights, of_scaled.how, of_scaled.note) == ("changed", "scaled", "1.25")
    assert (of_moved.weights, of_moved.bias) == ("equal", "changed")


def test_mean_and_scale_inside_the_candidate_are_the_same_as_outside() -> None:
    mean, scale = np.array(TRUE.mean_per_channel)[::-1], np.array(TRUE.scale_per_channel)[::-1]
    inside = network(
        elementwise("centred", "input", offset=-mean),
        elementwise("scaled", "centred", factor=(1 / scale).astype(np.float32)),
        Operation("turned", "Gather", ("scaled",), "order", order=(2, 1, 0)),
        Operation("padded", "Pad", ("turned",), "pad"),
        weighted("conv", FIRST.weights.values if FIRST.weights else None, "padded", offset=FIRST.offset),
    )
    (one,), (other,) = layers_of(network(FIRST), TRUE), layers_of(inside, Input(color="BGR"))
    found = of(one, other)
    assert (found.weights, found.bias) == ("equal", "equal")


def test_a_dense_layer_behind_a_flattened_picture_is_the_same_in_either_order() -> None:
    values = RANDOM.normal(size=(10, 4 * 4 * 6, 1, 1))
    turned = values.reshape(10, 4 * 4, 6).transpose(0, 2, 1).reshape(values.shape)
    assert of(layer(values, kind="dense"), layer(turned, kind="dense")).weights == "equal"


def several(*values: NDArray[Any]) -> list[Layer]:
    return [layer(item, name=f"layer {place}") for place, item in enumerate(values)]


def test_the_whole() -> None:
    ours = [RANDOM.normal(size=(4, 4, 3, 3)) for _ in range(5)]
    noisy = [item * (1 + 0.05 * RANDOM.standard_normal(item.shape)) for item in ours]
    assert compare(match(several(*ours), several(*ours))).verdict == "same"
    one = compare(match(several(*ours), several(*ours[:2], noisy[2], *ours[3:])))
    assert (one.verdict, [item.match.reference.name for item in one.changed]) == ("changed", ["layer 2"])
    assert compare(match(several(*ours), several(*noisy))).verdict == "another_model"
    narrow = [layer(item.astype(np.float16), name=f"layer {n}", storage="f16") for n, item in enumerate(ours)]
    halves = compare(match(several(*ours), narrow))
    assert (halves.verdict, halves.rounding) == ("rounded", ("f16",))
    assert compare(match(several(*ours), several(ours[0]))).verdict == "unknown"
    assert compare(match([], several(*ours))).verdict == "unknown"
