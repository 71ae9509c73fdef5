from __future__ import annotations

import json

import numpy as np

from harness.diagnosis.layers.activations import Difference, Profile, Seen
from harness.diagnosis.layers.finding import LayerFinding, cause_of, evidence_of, rows_of
from harness.diagnosis.layers.matching import match
from harness.diagnosis.layers.weights import compare
from tests.diagnosis.layers.networks import layer

VALUES = np.random.default_rng(4).normal(size=(20, 3, 3, 3))
BIAS = np.arange(20.0)


def changed(values: object = VALUES, bias: object = BIAS, **more: object) -> object:
    one = layer(VALUES, BIAS, high=6.0, attributes={"strides": (1, 1)})
    other = layer(np.asarray(values), bias, **{"high": 6.0, "attributes": {"strides": (1, 1)}, **more})
    (found,) = compare(match([one], [other])).layers
    return found


def test_the_cause_is_that_of_the_weights_first() -> None:
    noisy = VALUES + 0.05 * np.random.default_rng(5).normal(size=VALUES.shape)
    causes = {
        "weights-changed": changed(noisy, np.zeros(20)),
        "kernel-transposed": changed(VALUES.swapaxes(2, 3)),
        "weights-scaled": changed(VALUES * 1.25),
        "bias-lost": changed(bias=np.zeros(20), high=5.0),
        "bias-changed": changed(bias=BIAS + 1),
        "clip-changed": changed(high=5.0),
        "attributes-changed": changed(attributes={"strides": (2, 2)}),
    }
    assert {name: cause_of(found) for name, found in causes.items()} == {name: name for name in causes}  # type: ignore[arg-type]
    figures = evidence_of(causes["attributes-changed"])  # type: ignore[arg-type]
    assert figures["attributes"] == {"strides": [[1, 1], [2, 2]]}
    assert figures["channels_total"] == 20


def test_there_is_a_row_for_each_layer_and_one_for_the_output() -> None:
    weights = compare(match([layer(VALUES, name="a", point="p")], [layer(VALUES, name="b", point="q")]))
    seen = Difference(100.0, 1.0, 0.0)
    profile = Profile((Seen("p", "q", seen, None, None), Seen("out", "end", None, seen, None)), 0.0, 0.0, 2)
    one, last = rows_of(weights, profile)
    assert (one.reference, one.candidate, one.weights, one.inside, one.alone) == ("a", "b", "equal", seen, None)
    assert (last.reference, last.candidate, last.weights, last.alone) == ("out", "end", None, seen)
    assert [row.inside for row in rows_of(weights, None)] == [None]


def test_json_has_no_number_that_is_none() -> None:
    plain = LayerFinding("found", "s", rounding=("f16",), evidence={"snr_db": float("nan")}).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False))["evidence"] == {"snr_db": None}
    assert plain["rounding"] == ["f16"]
