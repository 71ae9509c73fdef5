from __future__ import annotations

import json

import pytest

from harness.diagnosis.answer import Alternative, Diagnosis, finite, joined, number


@pytest.mark.parametrize(("parts", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_parts_are_joined_as_a_sentence_has_them(parts: list[str], text: str) -> None:
    assert joined(parts) == text


def test_numbers_are_short_and_what_is_none_is_said() -> None:
    assert number(0.000123456) == "0.000123"
    assert number(float("inf")) == number(float("nan")) == "no number"
    assert finite({"a": [float("inf"), 1.5], "b": (float("nan"),)}) == {"a": [None, 1.5], "b": [None]}


@pytest.mark.parametrize(("verdict", "code"), [("found", 0), ("clean", 0), ("unknown", 5)])
def test_the_exit_code_and_the_json_of_each_verdict(verdict: str, code: int) -> None:
    other = Alternative("layout", "x", float("inf"), 8)
    answer = Diagnosis("ir", "tf", verdict, None, "s", {"d": float("nan")}, alternatives=(other,), profile="text")  # type: ignore[arg-type]
    assert answer.exit_code == code
    plain = json.loads(json.dumps(answer.as_json(), allow_nan=False))
    assert plain["evidence"] == {"d": None}
    assert plain["alternatives"][0]["max_abs_diff"] is None
    assert {"verdict", "cause", "sentence", "evidence", "mend", "alternatives"} <= set(plain)
    assert "profile" not in plain
