from __future__ import annotations

import numpy as np

from harness.config import Input, Preprocess
from harness.diagnosis.feedings import Feeding, feeding_of, swapped_color

PREPROCESS = Preprocess(size=4)
PLAIN = Input(color="BGR")
REFERENCE = Input(color="RGB", mean=(120.0, 110.0, 100.0), scale=(60.0, 50.0, 40.0))


def feeding(contract: Input) -> Feeding:
    return feeding_of(contract, PREPROCESS)


def test_values_are_in_the_order_of_the_model_and_normalised() -> None:
    bgr = np.array([[[[100, 160, 240]]]], np.uint8)
    # R 240, G 160, B 100: (240 - 120) / 60 = 2, (160 - 110) / 50 = 1, (100 - 100) / 40 = 0
    assert feeding(REFERENCE).values(bgr).tolist() == [[[[2.0, 1.0, 0.0]]]]
    assert feeding(PLAIN).values(bgr).tolist() == [[[[100.0, 160.0, 240.0]]]]
    assert feeding(PLAIN).values(bgr).dtype == np.float32


def test_a_normalisation_at_the_end_of_the_steps_is_part_of_the_contract() -> None:
    steps = [{"resize": {"size": 4}}, {"normalize": {"mean": [10.0, 20.0, 30.0], "scale": 2.0}}]
    found = feeding_of(Input(color="BGR", mean=1.0, scale=4.0), Preprocess.model_validate({"steps": steps}))
    assert not found.preprocess.is_float
    # ((x - 30) / 2 - 1) / 4 = (x - 32) / 8 for blue, which comes first
    assert found.mean == (32.0, 22.0, 12.0)
    assert found.scale == (8.0, 8.0, 8.0)


def test_means_keep_their_places_or_go_with_their_colours() -> None:
    own = feeding(Input(color="BGR", mean=(1.0, 2.0, 3.0)))
    assert (swapped_color(own).color, swapped_color(own).mean) == ("RGB", (1.0, 2.0, 3.0))
    assert swapped_color(own, with_numbers=True).mean == (3.0, 2.0, 1.0)


def test_the_formula_is_as_one_writes_it() -> None:
    assert feeding(PLAIN).formula == "x"
    assert feeding(Input(color="RGB", mean=127.5, scale=127.5)).formula == "(x - 127.5) / 127.5"
    assert feeding(Input(color="RGB", scale=255.0)).formula == "x / 255"
    assert feeding(Input(color="RGB", mean=(1.0, 2.0, 3.0))).formula == "x - [1, 2, 3]"
