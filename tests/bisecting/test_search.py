"""The search, against a scan from the good version on."""

from __future__ import annotations

import math

import pytest

from harness.bisecting.search import Found, Releases, first_changed


def line(count: int) -> Releases:
    return Releases(tuple(f"1.{number}" for number in range(count)))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 17, 100])
def test_every_first_change_is_found_in_logarithmic_time(count: int) -> None:
    history = line(count)
    for broken in range(1, count):
        asked: list[str] = []

        def is_changed(version: str, broken: int = broken, asked: list[str] = asked) -> bool:
            asked.append(version)
            return int(version.removeprefix("1.")) >= broken

        assert first_changed(history, is_changed) == Found(f"1.{broken}")
        assert len(asked) <= 1 + math.ceil(math.log2(count)) + 1
        assert len(set(asked)) == len(asked)


def test_nothing_changed_costs_one_trial() -> None:
    asked: list[str] = []

    def is_changed(version: str) -> bool:
        asked.append(version)
        return False

    assert first_changed(line(50), is_changed) == Found(None)
    assert asked == ["1.49"]


def test_a_skipped_version_is_worked_around() -> None:
    answers = {"1.1": False, "1.2": None, "1.3": True, "1.4": True}
    found = first_changed(line(5), answers.__getitem__)
    assert found == Found("1.3", ("1.2",))  # 1.2 may have done it
    answers["1.1"] = True
    assert first_changed(line(5), answers.__getitem__) == Found("1.1")


def test_all_between_skipped() -> None:
    found = first_changed(line(4), lambda version: True if version == "1.3" else None)
    assert (found.first, sorted(found.suspects)) == ("1.3", ["1.1", "1.2"])


def test_a_bad_version_without_anything_to_compare() -> None:
    assert first_changed(line(3), lambda _: None) == Found(None, comparable=False)
