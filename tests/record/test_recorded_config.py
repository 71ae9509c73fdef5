"""The configuration of a record: what is there is read, and what is missing or of another type is None."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from harness.record.recorded_config import RecordedConfig, RecordedInput

WHOLE: dict[str, Any] = {
    "dataset": {"preprocess": {"size": 224}, "class_names": "n.txt", "classes": 1000, "background_class": True},
    "reference": {"id": "tf", "input": {"color": "RGB", "mean": 127.5, "scale": [1, 2, 3]}, "output": "o"},
    "candidates": [{"id": "ir", "input": {"color": "BGR"}}, {"id": "int8"}],
    "published": {"top1_percent": 71.85, "top5_percent": 90},
    "gates": {"baseline": {"file": "b.json", "top1_max_drop_pp": 0.2}},
    "certify": {"top1_max_drop_pp": 0.1},
}


def test_everything_that_is_recorded() -> None:
    found = RecordedConfig.of(WHOLE)
    assert found.dataset.preprocess == {"size": 224}
    assert (found.dataset.class_names, found.dataset.classes, found.dataset.background_class) == ("n.txt", 1000, True)
    assert [model.id for model in found.models] == ["tf", "ir", "int8"]
    assert [model.input for model in found.models] == [
        RecordedInput("RGB", 127.5, [1, 2, 3]),
        RecordedInput("BGR", None, None),
        None,
    ]
    assert found.reference is not None
    assert (found.reference.raw_input, found.reference.output) == (WHOLE["reference"]["input"], "o")
    assert (found.published.top1_percent, found.published.top5_percent) == (71.85, 90)
    assert (found.baseline_gate.top1_max_drop_pp, found.baseline_gate.top5_max_drop_pp) == (0.2, None)
    assert found.certifies


def test_an_empty_configuration() -> None:
    found = RecordedConfig.of({})
    assert (found.reference, found.candidates, found.models, found.certifies) == (None, (), (), False)
    assert (found.dataset.raw, found.dataset.preprocess, found.published.top1_percent) == (None, None, None)


@pytest.mark.parametrize(
    ("key", "value"), list(itertools.product(WHOLE, [None, 3, "text", [], [1], True, {"id": 3}, {"input": "x"}]))
)
def test_another_type_is_never_an_error(key: str, value: Any) -> None:
    found = RecordedConfig.of({**WHOLE, key: value})
    assert found.dataset.classes in (1000, None)
    assert isinstance(found.models, tuple)


@pytest.mark.parametrize(("part", "name"), [("published", "top1_percent"), ("dataset", "classes")])
@pytest.mark.parametrize("value", ["71", True, [1], None])
def test_a_number_that_is_none(part: str, name: str, value: Any) -> None:
    found = RecordedConfig.of({**WHOLE, part: {**WHOLE[part], name: value}})
    assert getattr(getattr(found, part), name) is None
