from __future__ import annotations

from harness.report.html.names import Namer


def test_names_and_what_stands_in_for_them() -> None:
    name = Namer(["background", "a\u202eb", " "])
    assert [name(label) for label in (-1, 0, 1, 2, 3)] == ["none", "background", "a\\u202eb", "class 2", "class 3"]
    assert Namer(None)(7) == "class 7"
    assert name.known([0, 1, 9, -1]) == {"0": "background", "1": "a\\u202eb"}
