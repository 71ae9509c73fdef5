from __future__ import annotations

import pytest

from harness.backends.description import Tensor, shape_of, shape_words, unquantised_pixels
from harness.backends.layouts import Layout


@pytest.mark.parametrize(
    ("shape", "layout", "sides"),
    [
        ((None, 224, 192, 3), "NHWC", (224, 192)),
        ((1, 3, 224, 192), "NCHW", (224, 192)),
        ((None, None, None, 3), "NHWC", (None, None)),
        ((1, 3, 3, 3), None, (3, 3)),
        ((1, 224, 224, 1), None, (224, 224)),
        ((1, 3), None, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_layout_and_size(
    shape: tuple[int | None, ...] | None, layout: Layout | None, sides: tuple[int | None, int | None]
) -> None:
    tensor = Tensor("x", shape, "float32")
    assert (tensor.layout, tensor.sides) == (layout, sides)


@pytest.mark.parametrize(
    ("shape", "width"),
    [
        ((None, 1001), 1001),
        ((1000,), 1000),
        ((1, 1000, 1, 1), 1000),
        ((1, 1, 1000), 1000),
        ((None, None), None),
        ((1, 7, 7, 1000), None),
        ((), None),
        (None, None),
    ],
)
def test_values_an_image(shape: tuple[int | None, ...] | None, width: int | None) -> None:
    assert Tensor("y", shape, "float32").width == width


def test_names_of_a_tensor() -> None:
    tensor = Tensor("y:0", (1, 5), "float32", aliases=("Softmax",))
    assert all(tensor.is_called(name) for name in ("y", "y:0", "Softmax", "Softmax:0"))
    assert not tensor.is_called("x")
    assert not tensor.is_called(None)


def test_shapes_of_every_framework() -> None:
    assert shape_of([1, "batch", None, 0, -1, 3]) == (1, None, None, None, None, 3)
    assert shape_words((None, 8, 3)) == "[?, 8, 3]"
    assert shape_words(None) == "of unknown shape"


@pytest.mark.parametrize(
    ("dtype", "quantization", "expected"),
    [
        ("uint8", (0.0078125, 128), (128.0, 128.0)),
        ("uint8", (1 / 127.5, 127), (127.0, 127.5)),
        ("int8", (0.0078125, 0), (128.0, 128.0)),  # a pixel of 128 is stored as 0
        ("uint8", (1.0, 0), (0.0, 1.0)),
        ("float32", (1.0, 0), None),
        ("uint8", None, None),
    ],
)
def test_what_a_quantised_input_stores_pixels_as_they_are_for(
    dtype: str, quantization: tuple[float, int] | None, expected: tuple[float, float] | None
) -> None:
    found = unquantised_pixels(Tensor("x", (1, 8, 8, 3), dtype, quantization))
    assert found == (None if expected is None else pytest.approx(expected))
