from __future__ import annotations

import numpy as np
import pytest

from harness.backends.quantization import Quantization, quantization_of


@pytest.mark.parametrize(
    ("value", "stored"),
    # 0.5 steps: value / scale is 0.5, 1.5, 2.5, -0.5, -1.5: half goes to the even neighbour before the zero point 3.
    [(0.25, 3), (0.75, 5), (1.25, 5), (-0.25, 3), (-0.75, 1), (63.0, 127), (62.0, 127), (61.5, 126), (-66.0, -128)],
)
def test_rounded_half_to_even_and_saturated(value: float, stored: int) -> None:
    found = Quantization(0.5, 3, np.dtype(np.int8)).stored(np.array([value], np.float32))
    assert (found.dtype.name, int(found[0])) == ("int8", stored)


def test_raw_pixels_survive_mean_128_and_scale_128() -> None:
    values = np.arange(256)
    real = ((values - 128) / 128).astype(np.float32)
    np.testing.assert_array_equal(Quantization(0.0078125, 128, np.dtype(np.uint8)).stored(real), values)


def test_what_saturates_by_more_than_one_step_is_counted() -> None:
    quantization = Quantization(1.0, 0, np.dtype(np.uint8))
    assert quantization.saturates(np.array([-1, 0, 255, 256], np.float32)) == 0
    assert quantization.saturates(np.array([-2, 0, 255, 257], np.float32)) == 2


def test_real_values() -> None:
    found = Quantization(0.25, -4, np.dtype(np.int8)).real(np.array([-128, -4, 0, 127], np.int8))
    assert found.dtype == np.float32
    assert found.tolist() == [-31.0, 0.0, 1.0, 32.75]


def test_tensors_without_one_scale() -> None:
    def details(dtype: type, scales: list[float]) -> dict[str, object]:
        parameters = {"scales": np.array(scales), "zero_points": np.zeros(len(scales), np.int32)}
        return {"dtype": dtype, "quantization_parameters": parameters}

    assert quantization_of(details(np.uint8, [])) is None
    assert quantization_of(details(np.int8, [0.5, 0.25])) is None
    assert quantization_of(details(np.float32, [0.5])) is None
    assert quantization_of(details(np.int8, [0.5])) == Quantization(0.5, 0, np.dtype(np.int8))
