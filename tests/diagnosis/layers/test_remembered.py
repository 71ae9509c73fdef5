from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.backends.base import Pixels, Probabilities
from harness.backends.observing import Floats, Network, Observer
from harness.diagnosis.layers.remembered import Remembered


class Counting(Observer):
    """Gives sums of the pixels, and counts what it is asked for."""

    def __init__(self) -> None:
        self.network, self.asked, self.closed = Network((), "input", "a"), list[tuple[str, ...]](), False

    def answers(self, pixels: Pixels) -> Probabilities:
        self.asked.append(("answers",))
        return np.full((len(pixels), 1), pixels.sum(), np.float32)

    def activations(self, pixels: Pixels, names: Sequence[str]) -> dict[str, Floats]:
        self.asked.append(tuple(names))
        return {name: np.full((len(pixels), 1), pixels.sum() + len(name), np.float32) for name in names}

    def close(self) -> None:
        self.closed = True


def test_only_what_is_new_is_asked_for_and_other_images_begin_anew() -> None:
    inner = Counting()
    one, other = np.ones((2, 1, 1, 3), np.uint8), np.zeros((2, 1, 1, 3), np.uint8)
    remembered = Remembered(inner)
    assert remembered.answers(one).tolist() == remembered.answers(one.copy()).tolist() == [[6.0], [6.0]]
    remembered.activations(one, ["a", "bb"])
    found = remembered.activations(one, ["bb", "ccc"])
    assert {name: float(values[0, 0]) for name, values in found.items()} == {"bb": 8.0, "ccc": 9.0}
    assert inner.asked == [("answers",), ("a", "bb"), ("ccc",)]
    assert remembered.answers(other).tolist() == [[0.0], [0.0]]
    remembered.activations(other, ["a"])
    assert inner.asked[3:] == [("answers",), ("a",)]
    remembered.close()
    assert not inner.closed
