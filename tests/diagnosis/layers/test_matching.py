from __future__ import annotations

import numpy as np

from harness.diagnosis.layers.matching import match
from tests.diagnosis.layers.networks import layer

RANDOM = np.random.default_rng(0)


def test_by_weights_where_no_name_survived_and_branches_come_in_another_order() -> None:
    values = [RANDOM.normal(size=(4, 3, 3, 3)) for _ in range(5)]
    reference = [layer(item, name=f"a{place}") for place, item in enumerate(values)]
    order = [0, 2, 1, 4, 3]
    candidate = [layer(values[place] * 1.01, name=f"b{place}") for place in order]
    found = match(reference, candidate)
    assert [(item.reference.name[1], item.candidate.name[1]) for item in found.matches] == [(d, d) for d in "01234"]
    assert {item.by for item in found.matches} == {"weights"}


def test_what_is_changed_beyond_recognition_is_matched_by_order() -> None:
    values = [RANDOM.normal(size=(4, 1, 3, 3)) for _ in range(3)]
    reference = [layer(item, name=f"a{place}") for place, item in enumerate(values)]
    values[1] = values[1].swapaxes(2, 3)
    found = match(reference, [layer(item, name=f"b{place}") for place, item in enumerate(values)])
    assert [(item.candidate.name, item.by) for item in found.matches] == [
        ("b0", "weights"),
        ("b1", "order"),
        ("b2", "weights"),
    ]


def test_names_come_first() -> None:
    one, other = RANDOM.normal(size=(2, 4, 3, 3, 3))
    found = match([layer(one, name="x"), layer(other, name="y")], [layer(one, name="y"), layer(other, name="x")])
    assert [(item.candidate.name, item.by) for item in found.matches] == [("x", "name"), ("y", "name")]


def test_what_is_missing_is_said_but_for_a_normalisation() -> None:
    one, other = RANDOM.normal(size=(4, 3, 3, 3)), RANDOM.normal(size=(8, 3, 1, 1))
    scale = layer(np.ones((4, 1, 1, 1)), kind="scale", name="norm")
    found = match([layer(one, name="x"), scale, layer(other, name="y")], [layer(one, name="z")])
    assert [item.name for item in found.only_reference] == ["y"]
    assert found.only_candidate == ()


def test_layers_of_as_many_weights_but_other_channels_are_not_the_same() -> None:
    found = match([layer(np.ones((4, 2, 1, 1)))], [layer(np.ones((2, 4, 1, 1)), name="other")])
    assert (found.matches, len(found.only_reference), len(found.only_candidate)) == ((), 1, 1)
