from __future__ import annotations

import numpy as np
import pytest

from harness.config import Input
from harness.config.color import Triple
from harness.feeding.contract import is_identity, left_inside, pixel_table


def test_every_value_in_float32_as_numpy_computes_it() -> None:
    table = pixel_table(Input(color="RGB", mean=127.5, scale=127.5))
    assert table.dtype == np.float32
    for value in range(256):
        expected = (np.float32(value) - np.float32(127.5)) / np.float32(127.5)
        assert table[0, value] == table[1, value] == table[2, value] == expected
    assert (table.min(), table.max()) == (-1, 1)


def test_channels_in_the_models_own_order() -> None:
    mean, scale = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    table = pixel_table(Input(color="BGR", mean=mean, scale=scale))
    assert table.shape == (3, 256)
    for channel in range(3):
        values = np.arange(256).astype(np.float32)
        np.testing.assert_array_equal(table[channel], (values - np.float32(mean[channel])) / np.float32(scale[channel]))


@pytest.mark.parametrize(
    ("mean", "scale", "expected"),
    [
        (0.0, 1.0, True),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), True),
        (0.0, 2.0, False),
        (1.0, 1.0, False),
        ((0.0, 0.0, 1.0), 1.0, False),
        (0.0, (1.0, 1.0, 255.0), False),
    ],
)
def test_identity(mean: float | tuple[float, ...], scale: float | tuple[float, ...], expected: bool) -> None:
    contract = Input.model_validate({"color": "RGB", "mean": mean, "scale": scale})
    assert is_identity(contract) is expected
    assert (pixel_table(contract) == np.arange(256)).all() == expected


@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (127.5, 127.5, 127.5), (123.675, 116.28, 103.53)])
@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (127.5, 127.5, 127.5), (58.395, 57.12, 57.375)])
def test_what_is_applied_before_and_what_is_left_inside_are_the_whole(mean: Triple, scale: Triple) -> None:
    whole_mean, whole_scale = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    inner_mean, inner_scale = left_inside(mean, scale, whole_mean, whole_scale)
    values = np.arange(256.0)[:, None]
    found = ((values - mean) / scale - inner_mean) / inner_scale
    np.testing.assert_allclose(found, (values - whole_mean) / whole_scale, rtol=1e-12, atol=1e-12)


def test_nothing_is_left_inside_where_all_is_applied_before() -> None:
    mean, scale = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    assert left_inside(mean, scale, mean, scale) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
