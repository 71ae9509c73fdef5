from __future__ import annotations

from pathlib import Path

import pytest

from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.faults import FAULTS
from harness.diagnosis.planted_rows import KeptRows, Row
from harness.errors import ConfigError

ONE, OTHER, THIRD = ((fault,) for fault in FAULTS[:3])
ANSWER = Diagnosis("ir", "tf", "found", FAULTS[0].cause, "It is.", {"images": 64, "layers": {"rows": [1, 2]}})


def test_rows_are_there_again_and_only_missing_plantings_are_left(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    kept = KeptRows(path, ["a.yml", "pairs"])
    list(kept.add(iter([Row(ONE, ANSWER, 1.5), Row(OTHER, None, 0.0, "it cannot")])))
    again = KeptRows(path, ["a.yml", "pairs"])
    assert [(row.faults, row.seconds, row.reason, row.is_right) for row in again.rows] == [
        (ONE, 1.5, "", True),
        (OTHER, 0.0, "it cannot", False),
    ]
    assert again.rows[0].answer is not None
    assert again.rows[0].answer.evidence == {"images": 64}
    assert again.missing([ONE, OTHER, THIRD]) == [THIRD]


def test_rows_of_another_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    KeptRows(path, ["a.yml", "pairs"])
    with pytest.raises(ConfigError, match="holds rows of another table"):
        KeptRows(path, ["b.yml", "pairs"])


def test_nothing_is_kept_without_a_file() -> None:
    kept = KeptRows(None, [])
    assert [row.faults for row in kept.add(iter([Row(ONE, None, 0.0)]))] == [ONE]
    assert kept.missing([ONE, OTHER]) == [OTHER]
