from __future__ import annotations

from pathlib import Path

import pytest

from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.faults import FAULTS, Fault
from harness.diagnosis.planted_rows import Row
from harness.diagnosis.table import as_markdown, main
from harness.errors import ConfigError
from tests.conftest import Tiny, write_config


def named(word: str) -> Fault:
    (fault,) = (fault for fault in FAULTS if word in fault.name)
    return fault


def test_a_table_has_what_could_not_be_planted_as_well() -> None:
    fault = named("128")
    assert "not tried: a/b" in as_markdown([Row((fault,), None, 0.0, "a|b")])


def test_a_row_is_right_where_all_causes_are_named_and_no_other() -> None:
    faults = (named("channels"), named("softmax"))
    for cause, right in (("color-order + logits", True), ("logits + color-order", True), ("logits", False)):
        answer = Diagnosis("ir", "tf", "found", cause, "")
        assert Row(faults, answer, 1.0).is_right == right
    assert not Row(faults, None, 0.0).is_right


def test_an_unknown_candidate_is_refused_with_the_nearest(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images.txt").touch()
    with pytest.raises(ConfigError, match="no candidate 'irr'; did you mean 'ir'"):
        main([str(write_config(tmp_path, tiny)), "--candidate", "irr"])
