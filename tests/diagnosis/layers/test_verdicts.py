from __future__ import annotations

import numpy as np
import pytest

from harness.diagnosis.layers.activations import Difference, Profile, Seen
from harness.diagnosis.layers.finding import rows_of
from harness.diagnosis.layers.layer import Layer
from harness.diagnosis.layers.matching import match
from harness.diagnosis.layers.verdicts import nothing_matched, verdict
from harness.diagnosis.layers.weights import compare
from tests.diagnosis.layers.networks import layer

RANDOM = np.random.default_rng(6)
VALUES = [RANDOM.normal(size=(8, 3, 3, 3)) for _ in range(4)]
LAYERS = [layer(values, name=f"n{place}", point=f"n{place}") for place, values in enumerate(VALUES)]


def profile(alone: list[float], answers: float = 0.0) -> Profile:
    rows = tuple(
        Seen(f"n{place}", f"n{place}", None, Difference(value, 1.0, 0.0), ((0.0, 6.0), (0.0, 5.0)))
        for place, value in enumerate(alone)
    )
    return Profile(rows, answers, 0.0, 4)


def judged(candidate: list[Layer], seen: Profile | None, precision: str = "f32") -> tuple[str, str | None, str | None]:
    weights = compare(match(LAYERS, candidate))
    found = verdict(weights, seen, rows_of(weights, seen), precision)
    return found.verdict, found.cause, found.reference


@pytest.mark.parametrize(
    ("alone", "answers", "wanted"),
    [
        ([120.0] * 4, 1e-6, ("clean", None, None)),
        ([120.0, 120, 30, 120], 0.5, ("found", "computation-differs", "n2")),
        ([120.0] * 4, 0.5, ("unknown", None, None)),
    ],
)
def test_values_decide_where_the_constants_are_equal(
    alone: list[float], answers: float, wanted: tuple[str, str | None, str | None]
) -> None:
    assert judged(LAYERS, profile(alone, answers)) == wanted


def test_at_a_lower_precision_the_other_layers_are_the_measure() -> None:
    assert judged(LAYERS, profile([40.0, 41, 40, 39], 0.01), "bf16") == ("clean", None, None)
    assert judged(LAYERS, profile([40.0, 41, 15, 39], 0.01), "bf16") == ("found", "computation-differs", "n2")


def test_8_bit_activations_with_other_limits_are_pointed_at() -> None:
    weights, seen = compare(match(LAYERS, LAYERS)), profile([40.0, 41, 15, 39], 0.3)
    found = verdict(weights, seen, rows_of(weights, seen), "int8")
    assert (found.verdict, found.cause, found.reference) == ("found", "computation-differs", "n2")
    assert found.sentence.endswith(
        "Check the calibration: 8-bit activations with other limits or zero points have this effect."
    )
    assert judged(LAYERS, profile([40.0, 41, 25, 39], 0.3), "int8") == ("clean", None, None)


def test_constants_come_first() -> None:
    other = [*LAYERS[:2], layer(VALUES[2] + 0.1, name="n2", point="n2"), LAYERS[3]]
    assert judged(other, profile([120.0, 20, 120, 120])) == ("found", "weights-changed", "n2")
    assert judged(LAYERS[:3], profile([120.0] * 3)) == ("found", "layer-missing", "n3")
    assert judged([layer(RANDOM.normal(size=(8, 3, 3, 3)), name=f"n{place}") for place in range(4)], None) == (
        "found",
        "other-weights",
        None,
    )


def test_where_no_layer_has_a_counterpart_none_is_named() -> None:
    found = nothing_matched(compare(match(LAYERS, [layer(np.ones((2, 5, 1, 1)))])))
    assert (found.verdict, found.reference) == ("unknown", None)
    assert "None of the original's 4 layers with weights has a counterpart among the candidate's 1" in found.sentence


def other_network(layers: int) -> list[Layer]:
    return [layer(RANDOM.normal(size=(4, 2, 1, 1)), name=f"m{place}") for place in range(layers)]


def test_a_different_network_is_called_so() -> None:
    found = nothing_matched(compare(match(LAYERS, other_network(5))))
    assert (found.verdict, found.cause) == ("found", "other-network")
    assert "of its 5 layers with weights and the original's 4, only 0 correspond" in found.sentence
    one_alike = [layer(VALUES[1], name="m9"), *other_network(3)]
    assert judged(one_alike, None) == ("found", "other-network", None)


def test_a_network_of_which_a_part_was_read_is_no_different_one() -> None:
    assert judged(LAYERS[:1], None)[0] == "unknown"
    assert judged([LAYERS[0], *other_network(1)], None)[0] == "unknown"


@pytest.mark.parametrize(("low", "high", "said"), [(0.9, 0.99, "a larger epsilon"), (1.01, 1.1, "a smaller epsilon")])
def test_weights_with_a_factor_for_each_channel_are_those_of_another_epsilon(
    low: float, high: float, said: str
) -> None:
    factors = np.linspace(low, high, 8)[:, None, None, None]
    weights = compare(match(LAYERS, [layer(values * factors, name=f"n{n}") for n, values in enumerate(VALUES)]))
    found = verdict(weights, None, rows_of(weights, None), "f32")
    assert (found.verdict, found.cause, found.reference) == ("found", "weights-scaled", None)
    assert f"4 of the 4 layers are the original's times one factor for each output channel ({low:g} to {high:g})" in (
        found.sentence
    )
    assert said in found.sentence


def test_weights_that_moved_a_little_at_random_are_no_scaled_ones() -> None:
    moved = [
        layer(values * (1 + 5e-4 * RANDOM.standard_normal(values.shape)), name=f"n{n}")
        for n, values in enumerate(VALUES)
    ]
    assert judged(moved, None) == ("found", "other-weights", None)
