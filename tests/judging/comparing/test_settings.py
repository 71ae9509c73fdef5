from __future__ import annotations

from harness.judging.comparing.settings import ABSENT, Change, changes


def test_leaves_are_named_by_their_dotted_key() -> None:
    a = {"x": {"same": 1, "new": 2}, "gone": [1], "list": [1, 2]}
    b = {"x": {"same": 1, "new": 3}, "list": [2, 1], "came": None}
    assert list(changes(a, b)) == [
        Change("x.new", 2, 3),
        Change("gone", [1], ABSENT),
        Change("list", [1, 2], [2, 1]),
        Change("came", ABSENT, None),
    ]


def test_models_are_matched_by_id() -> None:
    a = {"candidates": [{"id": "ir", "p": 1}, {"id": "gpu", "p": 2}]}
    b = {"candidates": [{"id": "gpu", "p": 2}, {"id": "ir", "p": 3}]}
    assert list(changes(a, b)) == [Change("candidates.ir.p", 1, 3)]
    twice = {"candidates": [{"id": "ir", "p": 1}, {"id": "ir", "p": 2}]}
    assert [change.key for change in changes(a, twice)] == ["candidates"]


def test_the_same_has_no_changes() -> None:
    assert list(changes({"a": [{"id": "x"}], "b": {}}, {"a": [{"id": "x"}], "b": {}})) == []
