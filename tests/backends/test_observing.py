from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.backends.observing import Network, Operation, arithmetic, integer_step, per_channel

X = np.array([[3.0, -4.0, 5.0]], np.float32)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("verb", ["add", "subtract", "multiply", "divide", "minimum", "maximum"])
def test_arithmetic_with_a_constant(verb: Any, place: int) -> None:
    constant = np.array([2.0] if verb in ("minimum", "maximum") else [2.0, 3.0, 4.0], np.float32)
    done = arithmetic(verb, constant, place)
    if verb == "divide" and place == 0:
        assert done is None
        return
    assert done is not None
    found = X * done.get("factor", np.ones(1, np.float32)) + done.get("offset", np.zeros(1, np.float32))
    found = np.clip(found, done.get("low", -np.inf), done.get("high", np.inf))
    function = getattr(np, verb)
    wanted = function(constant, X) if place == 0 else function(X, constant)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_limits_that_differ_by_channel_are_no_clip() -> None:
    assert arithmetic("minimum", np.array([1.0, 2.0], np.float32), 1) is None


def test_a_constant_for_each_channel() -> None:
    def of(values: Any, rank: int | None = None, axis: int | None = None) -> Any:
        found = per_channel(values, rank, axis)
        return None if found is None else found.tolist()

    assert of(np.full((1, 2, 1, 1), 3.0)) == [3.0, 3.0]
    assert of(np.float32(3)) == [3.0]
    assert of(np.ones((2, 2))) is None
    assert of(np.ones((1, 1, 2)), rank=2) is None
    assert of(np.ones((2, 1)), axis=-1) is None


def test_the_step_of_integers() -> None:
    stored = np.array([[-3, 0, 5], [7, 7, 7]], np.int8)
    real = stored * np.array([[0.25], [2.0]])
    assert integer_step(real, stored).tolist() == [0.25, 0.0]  # of equal integers nobody can tell


def test_a_network_is_what_its_output_needs() -> None:
    one, two, other = Operation("a", "A", ("x",)), Operation("b", "B", ("a",)), Operation("c", "C", ("a",))
    found = Network.between([one, other, two], "x", "b")
    assert found.operations == (one, two)
    assert {name: [item.name for item in found.consumers()[name]] for name in ("x", "a")} == {"x": ["a"], "a": ["b"]}
