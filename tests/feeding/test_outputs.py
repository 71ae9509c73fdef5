from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import expit, softmax

from harness.errors import ModelError
from harness.feeding.outputs import Layout, as_rows, common_classes, probabilities, recognise, to_apply

RANDOM = np.random.default_rng(11)
LOGITS = RANDOM.normal(0, 3, (6, 10)).astype(np.float32)
ROWS = np.arange(20, dtype=np.float32).reshape(4, 5)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1, 1), (4, 1, 5), (4, 1, 1, 5), (1, 4, 5), (4, 1, 5, 1)])
def test_shapes_with_the_images_first(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(as_rows(ROWS.reshape(shape), 4, (5,)), ROWS)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1), (1, 5, 1, 1), (1, 1, 1, 5), (1, 1, 5), (1, 1, 1, 1, 5)])
@pytest.mark.parametrize("layout", [None, "NC", "CN"])
def test_shapes_of_one_image(shape: tuple[int, ...], layout: Layout | None) -> None:
    np.testing.assert_array_equal(as_rows(ROWS[0].reshape(shape), 1, (5,), layout), ROWS[:1])


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1, 1), (1, 5, 4), (5, 1, 4)])
def test_a_transposed_batch(shape: tuple[int, ...]) -> None:
    output = np.ascontiguousarray(ROWS.T).reshape(shape)
    np.testing.assert_array_equal(as_rows(output, 4, (5,)), ROWS)
    np.testing.assert_array_equal(as_rows(output, 4, (6, 5)), ROWS)


def test_where_images_and_classes_are_as_many() -> None:
    square = ROWS[:, :4]
    np.testing.assert_array_equal(as_rows(square, 4, (4,)), square)
    np.testing.assert_array_equal(as_rows(square, 4, (4,), "CN"), square.T)
    # 5 images of 4 or 5 classes: [5,4] is images first
    np.testing.assert_array_equal(as_rows(ROWS.T, 5, (4, 5)), ROWS.T)
    # 4 images of 5 or 4 classes, [4,5]: images first
    np.testing.assert_array_equal(as_rows(ROWS, 4, (4, 5)), ROWS)


def test_either_width_and_the_element_type() -> None:
    output = RANDOM.integers(0, 256, (3, 1001, 1, 1)).astype(np.uint8)
    found = as_rows(output, 3, (1000, 1001))
    assert found.shape == (3, 1001)
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((4, 6), None), ((3, 5), None), ((4, 5, 2), None), ((20,), None), ((5, 4), "NC"), ((4, 5), "CN")],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], layout: Layout | None) -> None:
    text = ",".join(map(str, shape))
    with pytest.raises(ModelError, match=re.escape(f"[{text}] for 4 images; [4,5] is expected")):
        as_rows(np.zeros(shape, np.float32), 4, (5,), layout)


def test_probabilities_are_left_as_they_are() -> None:
    values = softmax(LOGITS, axis=1)
    assert recognise(values) == "none"
    np.testing.assert_array_equal(probabilities(values, "none"), values)
    assert recognise(values.astype(np.float16)) == "none"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.25, 0.75], "none"),
        ([0.0, 1.0], "none"),
        ([-0.001, 1.001], "none"),
        ([-0.0011, 1.0], "softmax"),
        ([1.0011, 0.0], "softmax"),
        ([0.25, 0.7699], "none"),  # the sum is 1.0199
        ([0.25, 0.7701], "softmax"),
        ([0.25, 0.7301], "none"),
        ([0.25, 0.7299], "softmax"),
        ([-5.0, 3.0], "softmax"),
        ([float("nan"), 3.0], "none"),
        ([float("inf"), 3.0], "none"),
    ],
)
def test_recognition_at_its_limits(row: list[float], expected: str) -> None:
    assert recognise(np.array([row])) == expected
    assert recognise(np.array([[0.5, 0.5], row])) == expected
    assert to_apply("auto", np.array([row])) == expected


def test_quantised_probabilities_do_not_add_up_to_1() -> None:
    # 1000 classes of 0.001 each, in steps of 1/256: all are rounded to 0, and one of 0.5 stays
    values = np.zeros((1, 1000))
    values[0, 7] = 0.5
    assert recognise(values) == "softmax"
    assert recognise(values, step=1 / 256) == "none"


def test_what_is_configured_is_not_recognised() -> None:
    assert to_apply("none", LOGITS) == "none"
    assert to_apply("softmax", softmax(LOGITS, axis=1)) == "softmax"
    assert to_apply("sigmoid", LOGITS) == "sigmoid"


def test_softmax_as_scipy_has_it() -> None:
    found = probabilities(LOGITS, "softmax")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(LOGITS.astype(np.float64), axis=1), rtol=1e-7)
    np.testing.assert_array_equal(found, softmax(LOGITS.astype(np.float64), axis=1).astype(np.float32))
    large = np.array([[1000.0, 1000.0], [-1000.0, 0.0]], np.float32)
    np.testing.assert_array_equal(probabilities(large, "softmax"), [[0.5, 0.5], [0.0, 1.0]])


def test_sigmoid_as_scipy_has_it() -> None:
    values = np.array([[-200.0, -1.0, 0.0], [1.0, 30.0, 200.0]], np.float32)
    np.testing.assert_allclose(probabilities(values, "sigmoid"), expit(values.astype(np.float64)), 1e-7, 1e-45)


def test_rows_that_are_not_finite_stay_so() -> None:
    for bad in (np.nan, np.inf):
        found = probabilities(np.array([[0.0, bad], [0.0, 0.0]], np.float32), "softmax")
        assert not np.isfinite(found[0]).all()
        np.testing.assert_array_equal(found[1], [0.5, 0.5])


def test_an_image_is_treated_the_same_in_any_batch() -> None:
    whole = probabilities(LOGITS, "softmax")
    for row in range(len(LOGITS)):
        np.testing.assert_array_equal(probabilities(LOGITS[row : row + 1], "softmax"), whole[row : row + 1])


def test_common_classes_by_hand() -> None:
    values = np.array([[0.5, 0.25, 0.25], [0.0, 0.2, 0.8], [1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(common_classes(values, background=False), values)
    expected = np.array([[0.5, 0.5], [0.2, 0.8], [0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(common_classes(values, background=True), expected)


def test_common_classes_are_a_softmax_over_them() -> None:
    whole = probabilities(LOGITS, "softmax")
    expected = softmax(LOGITS[:, 1:].astype(np.float64), axis=1)
    np.testing.assert_allclose(common_classes(whole, background=True), expected, rtol=2e-6)
