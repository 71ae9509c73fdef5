from __future__ import annotations

import numpy as np

from harness.diagnosis.layers import sentences
from harness.diagnosis.layers.matching import match
from harness.diagnosis.layers.weights import compare
from tests.diagnosis.layers.networks import layer

RANDOM = np.random.default_rng(3)
ONE, OTHER = RANDOM.normal(size=(2, 8, 3, 3, 3))


def said(**more: object) -> str:
    """Return the sentence on the first of two layers, which has other values or fields in the candidate."""
    values = np.asarray(more.pop("values", ONE))
    bias = more.pop("bias", np.arange(8.0))
    first = layer(ONE, np.arange(8.0), name="a", high=6.0)
    found = compare(
        match(
            [first, layer(OTHER, name="b")],
            [layer(values, bias, name="a", **{"high": 6.0, **more}), layer(OTHER, name="b")],
        )
    )
    return sentences.of_changed(found.changed[0], found)


def test_each_kind_of_change_has_its_words() -> None:
    assert said(bias=np.zeros(8)) == (
        "In the convolution `a`, the bias is lost: it is zero, the original's is not; the other 1 match exactly."
    )
    assert "its activation clips to [-inf, 5.5] instead of [-inf, 6]" in said(high=5.5)
    assert "its activation clips to nothing instead of [-inf, 6]" in said(high=None)
    assert "the weights are the original's with width reversed" in said(values=ONE[..., ::-1])
    changed = ONE.copy()
    changed[2] *= 1.5
    assert "in output channel 2 of 8 alone" in said(values=changed)
    changed[2] = np.nan
    assert f"{changed[2].size} of {changed.size} weights are infinite or not a number" in said(values=changed)


def test_names_are_said_once_where_they_are_the_same() -> None:
    assert sentences.both("a", "a") == "`a`"
    assert sentences.both("a", "b") == "`a` (candidate: `b`)"
    assert "\x1b" not in sentences.both("a\x1b[2J", "b")
