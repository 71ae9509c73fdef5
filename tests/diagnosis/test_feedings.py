from __future__ import annotations

import numpy as np
import pytest

from harness.config import Input, Preprocess
from harness.diagnosis.affine import Affine
from harness.diagnosis.feedings import Feeding, feeding_of, pairs, sees, singles, swapped_color

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


@pytest.mark.parametrize("own", [PLAIN, Input(color="BGR", mean=(7.0, 8.0, 9.0), scale=(2.0, 3.0, 4.0)), REFERENCE])
def test_what_the_network_sees_is_taken_back(own: Input) -> None:
    """The file does `seen` behind its contract; what is fed in the end has to give the reference's values."""
    seen = Affine((5.0, 6.0, 7.0), (0.5, 2.0, 3.0))  # RGB
    candidate, reference = feeding(own), feeding(REFERENCE)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).astype(np.uint8)
    fed = sees(candidate, reference, seen).values(pixels).astype(np.float64)
    order = slice(None) if own.color == "RGB" else slice(None, None, -1)
    entered = fed * np.array(candidate.scale) + np.array(candidate.mean)  # the pixels that the file believes in
    inside = (entered - np.array(seen.mean)[order]) / np.array(seen.scale)[order]
    wanted = reference.values(pixels)[..., :: 1 if own.color == "RGB" else -1]
    assert np.allclose(inside, wanted, atol=1e-4)


def test_no_way_of_feeding_is_tried_twice_and_never_the_configured_one() -> None:
    own = feeding(PLAIN)
    single = singles(own, feeding(REFERENCE), [])
    keys = [trial.feeding.key for kind in single.values() for trial in kind]
    assert len(set(keys)) == len(keys)
    assert own.key not in keys
    assert [len(trial.changes) for kind in single.values() for trial in kind] == [1] * len(keys)


def test_pairs_have_both_changes_of_different_kinds_and_none_is_there_twice() -> None:
    own, reference = feeding(PLAIN), feeding(REFERENCE)
    found = list(pairs(singles(own, reference, []), reference))
    assert len({item.feeding.key for item in found}) == len(found)
    assert all(len({change.cause for change in item.changes}) == 2 for item in found)
    wanted = ["color-order", "mean-and-scale-missing"]
    missing = [item.feeding.key for item in found if [change.cause for change in item.changes] == wanted]
    # A bare RGB file that was taken for a BGR one: it has to be fed just as the reference is.
    assert reference.key in missing


def test_means_keep_their_places_or_go_with_their_colours() -> None:
    own = feeding(Input(color="BGR", mean=(1.0, 2.0, 3.0)))
    assert (swapped_color(own).color, swapped_color(own).mean) == ("RGB", (1.0, 2.0, 3.0))
    assert swapped_color(own, with_numbers=True).mean == (3.0, 2.0, 1.0)


def test_the_formula_is_as_one_writes_it() -> None:
    assert feeding(PLAIN).formula == "x"
    assert feeding(Input(color="RGB", mean=127.5, scale=127.5)).formula == "(x - 127.5) / 127.5"
    assert feeding(Input(color="RGB", scale=255.0)).formula == "x / 255"
    assert feeding(Input(color="RGB", mean=(1.0, 2.0, 3.0))).formula == "x - [1, 2, 3]"
