from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from harness.record.schema import RunRecord
from harness.report.facts.class_names import Namer, class_names
from tests.report.records import record


def test_a_thousand_classes_are_imagenets() -> None:
    names = class_names(record(config={"dataset": {"classes": 1000, "background_class": True}}))
    assert names is not None
    assert (len(names), names[0], names[1], names[1000]) == (1001, "background", "tench", "toilet tissue")
    bare = class_names(record(config={"dataset": {"classes": 1000, "background_class": False}}))
    assert bare is not None
    assert (len(bare), bare[0]) == (1000, "tench")


def test_configured_names_win(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("cat\ndog\n", encoding="utf-8")
    assert class_names(naming(file, hashlib.sha256(b"cat\ndog\n").hexdigest())) == ("cat", "dog")


def naming(file: Path, sha256: str | None) -> RunRecord:
    dataset = {"classes": 2, "class_names": str(file), "background_class": False}
    plain = record(config={"dataset": dataset})
    return plain.model_copy(update={"dataset": plain.dataset.model_copy(update={"class_names_sha256": sha256})})


def test_a_record_shows_no_file_that_its_run_did_not_read(tmp_path: Path) -> None:
    """A stranger's record names a file of this machine, and knows neither its content nor, so, its digest."""
    file = tmp_path / "token"
    file.write_text("a secret\n", encoding="utf-8")
    for sha256 in (None, "", "0" * 64):
        assert class_names(naming(file, sha256)) is None
    for other in (tmp_path, Path("/dev/zero"), Path("/dev/stdin"), Path("/proc/self/environ")):  # never read
        assert class_names(naming(other, "0" * 64)) is None


@pytest.mark.parametrize(
    "dataset", [None, [], {}, {"classes": 10}, {"classes": "x"}, {"class_names": "/none"}, {"class_names": "\0"}]
)
def test_without_names_nothing_fails(dataset: object) -> None:
    assert class_names(record(config={"dataset": dataset})) is None


def test_names_and_what_stands_in_for_them() -> None:
    name = Namer(["background", "a\u202eb", " "])
    assert [name(label) for label in (-1, 0, 1, 2, 3)] == ["none", "background", "a\\u202eb", "class 2", "class 3"]
    assert Namer(None)(7) == "class 7"
    assert name.known([0, 1, 9, -1]) == {"0": "background", "1": "a\\u202eb"}
