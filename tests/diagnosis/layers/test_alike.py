from __future__ import annotations

import numpy as np
import pytest

from harness.diagnosis.layers.alike import another_mean, as_flattened, fed_otherwise, how_changed, pixels_seen
from tests.diagnosis.layers.networks import layer

RANDOM = np.random.default_rng(1)


def test_a_picture_that_was_flattened_in_the_other_order_is_turned_back() -> None:
    """A dense layer behind a picture of 2x3 pixels and 4 channels, flattened as (h, w, c) and as (c, h, w)."""
    by_pixel = RANDOM.normal(size=(5, 6, 4))
    ours = by_pixel.reshape(5, 24, 1, 1)
    theirs = by_pixel.transpose(0, 2, 1).reshape(5, 24, 1, 1)
    np.testing.assert_array_equal(as_flattened(ours, theirs), ours)
    other = RANDOM.normal(size=ours.shape)
    assert as_flattened(ours, other) is other


@pytest.mark.parametrize(
    ("turn", "how", "note"),
    [
        (lambda values: values.transpose(0, 1, 3, 2), "transposed", "height and width exchanged"),
        (lambda values: values[..., ::-1], "transposed", "width reversed"),
        (lambda values: values[::-1], "transposed", "output channels reversed"),
        (lambda values: values * 1.25, "scaled", "1.25"),
    ],
)
def test_a_turned_or_scaled_kernel_is_told_from_another_one(turn: object, how: str, note: str) -> None:
    ours = RANDOM.normal(size=(4, 3, 3, 3))
    theirs = np.asarray(turn(ours))  # type: ignore[operator]
    assert how_changed(ours, theirs, range(4)) == (how, note)


def test_few_channels_are_told_from_all() -> None:
    ours = RANDOM.normal(size=(20, 3, 3, 3))
    theirs = ours.copy()
    theirs[7] += RANDOM.normal(size=(3, 3, 3))
    assert how_changed(ours, theirs, [7]) == ("channels", "")
    assert how_changed(ours, RANDOM.normal(size=ours.shape), range(20)) == ("values", "")


def test_only_a_layer_of_pixels_can_be_fed_otherwise() -> None:
    ours = RANDOM.normal(size=(4, 3, 1, 1))
    one = layer(ours)
    pixels = layer(ours, plain=one)
    assert fed_otherwise(pixels, pixels, ours, ours[:, ::-1]) == "the channels in the reversed order"
    assert fed_otherwise(pixels, pixels, ours, 2 * ours) == "another scale (2, 2, 2 times, RGB)"
    assert fed_otherwise(one, one, ours, ours[:, ::-1]) == ""


def test_another_mean_is_found_from_the_bias_alone() -> None:
    """The bias is -weights . mean: 3 more of blue, 2 of green, 1 of red, which is the last of BGR."""
    ours = RANDOM.normal(size=(6, 3, 1, 1))
    moved = -ours[:, :, 0, 0] @ np.array([3.0, 2.0, 1.0])
    one, other = layer(ours), layer(ours, moved)
    assert another_mean(layer(ours, plain=one), layer(ours, moved, plain=other)) == "another mean (+1, +2, +3, RGB)"
    assert another_mean(one, other) == ""


def test_any_order_of_channels_is_a_way_of_feeding() -> None:
    ours = RANDOM.normal(size=(4, 3, 1, 1))
    pixels = layer(ours, plain=layer(ours))
    assert fed_otherwise(pixels, pixels, ours, ours[:, [1, 2, 0]]) == "the channels in another order"


def test_behind_what_could_not_be_read_nothing_is_said_of_order_and_scale() -> None:
    """Of one of the two it is not known what it is fed: its channels may be reversed where they have to be."""
    ours = RANDOM.normal(size=(4, 3, 1, 1))
    pixels, unread = layer(ours, plain=layer(ours)), layer(ours)
    said = "pixels through operations that could not be read"
    assert fed_otherwise(pixels, unread, ours, ours[:, ::-1] / 127.5) == said
    assert fed_otherwise(pixels, unread, ours, RANDOM.normal(size=ours.shape)) == ""


def test_a_factor_for_each_output_channel_is_no_way_of_feeding() -> None:
    ours = RANDOM.normal(size=(4, 3, 1, 1))
    pixels = layer(ours, plain=layer(ours))
    factors = np.array([0.999, 0.998, 0.997, 0.996])[:, None, None, None]
    assert fed_otherwise(pixels, pixels, ours, ours * factors) == ""
    assert fed_otherwise(pixels, pixels, ours, ours * 0.996) == "another scale (0.996, 0.996, 0.996 times, RGB)"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_the_first_layer_sees_is_read_from_its_constants(order: tuple[int, ...]) -> None:
    """The original's layer of 2 x[order] + 5 in blue, x[order] in green, 3 x[order] - 7 in red, as one of x."""
    factor, offset = np.array([2.0, 1.0, 3.0]), np.array([5.0, 0.0, -7.0])
    ours, bias = RANDOM.normal(size=(6, 3, 3, 3)), RANDOM.normal(size=6)
    theirs = np.empty_like(ours)
    theirs[:, list(order)] = ours * factor[None, :, None, None]
    one = layer(ours, bias, plain=layer(ours))
    other = layer(theirs, bias + ours.sum(axis=(2, 3)) @ offset, plain=layer(ours))
    seen = pixels_seen(one, other)
    assert seen is not None
    assert seen.order == order
    np.testing.assert_allclose(seen.factor, factor)
    np.testing.assert_allclose(seen.offset, offset, atol=1e-9)


def test_nothing_is_read_from_constants_that_differ_otherwise() -> None:
    ours = RANDOM.normal(size=(6, 3, 3, 3))
    one = layer(ours, plain=layer(ours))
    assert pixels_seen(one, layer(RANDOM.normal(size=ours.shape), plain=layer(ours))) is None
    assert pixels_seen(one, layer(ours, RANDOM.normal(size=6), plain=layer(ours))) is None
    assert pixels_seen(one, layer(ours)) is None
    few = layer(ours[:3], plain=layer(ours[:3]))
    assert pixels_seen(few, few) is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_counted(value: float) -> None:
    ours = RANDOM.normal(size=(20, 3, 3, 3))
    theirs = ours.copy()
    theirs[7, 1] = value
    assert how_changed(ours, theirs, [7]) == ("not_finite", "9 of 540")


def test_a_small_change_of_a_depthwise_kernel_is_not_called_a_turned_one() -> None:
    """Its one input channel can be exchanged with the output channels without any effect."""
    ours = RANDOM.normal(size=(16, 1, 3, 3))
    theirs = ours * (1 + 3e-4 * RANDOM.standard_normal(ours.shape))
    assert how_changed(ours, theirs, range(16)) == ("values", "")
    factors = 1 - 1e-3 * RANDOM.random((16, 1, 1, 1))
    assert how_changed(ours, ours * factors, range(16))[0] == "scaled"
