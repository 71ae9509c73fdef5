from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BaselineError, RecordError
from harness.judging.baseline import baseline_of, read_baseline, write_baseline
from harness.record.schema import Flips
from tests.judging.baseline.runs import model, run

STORED = Path(__file__).parent / "fixtures" / "baseline-1.json"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    baseline = baseline_of(run())
    write_baseline(tmp_path / "new folder" / "baseline.json", baseline)
    assert read_baseline(tmp_path / "new folder" / "baseline.json") == baseline


def test_the_file_holds_counts_and_no_percentages(tmp_path: Path) -> None:
    write_baseline(tmp_path / "b.json", baseline_of(run()))
    text = (tmp_path / "b.json").read_text(encoding="utf-8")
    assert "percent" not in text
    assert "." not in "".join(str(value) for value in _numbers(json.loads(text)["models"]))
    row = json.loads(text)["models"]["ir"]
    assert (row["top1_correct"], row["top5_correct"], row["images"]) == (509, 610, 650)
    assert (row["broken"], row["fixed"]) == (3, 3)
    assert json.loads(text)["versions"] == {"harness": "0.1.0", "python": "3.11.7", "openvino": "2025.3.0"}


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    return [value] if isinstance(value, (int, float)) else []


def test_one_changed_count_is_one_changed_line(tmp_path: Path) -> None:
    write_baseline(tmp_path / "a.json", baseline_of(run()))
    write_baseline(tmp_path / "b.json", baseline_of(run(model("ir", top1=508), comparisons=run().comparisons)))
    lines = [(tmp_path / name).read_text(encoding="utf-8").splitlines() for name in ("a.json", "b.json")]
    assert sum(one != two for one, two in zip(*lines, strict=True)) == 1


def test_an_old_file_stays_readable() -> None:
    flips = Flips(fixed=3, broken=4, changed_wrong=0)
    comparisons = tuple(part.model_copy(update={"flips": flips}) for part in run().comparisons)
    assert read_baseline(STORED) == baseline_of(run(comparisons=comparisons))


@pytest.mark.parametrize(("status", "error"), [("incomplete", None), ("error", "no such device\nsecond line")])
def test_an_unfinished_run_is_refused(status: str, error: str | None) -> None:
    with pytest.raises(BaselineError, match=f"'{status}'") as raised:
        baseline_of(run(status=status, error=error))
    assert "second line" not in str(raised.value)


def test_a_run_of_nothing_is_refused() -> None:
    with pytest.raises(BaselineError, match="evaluated nothing"):
        baseline_of(run(models=()))
    nothing = run()
    with pytest.raises(BaselineError, match="evaluated nothing"):
        baseline_of(nothing.model_copy(update={"dataset": nothing.dataset.model_copy(update={"evaluated": 0})}))


def test_a_run_without_reference_or_counts_is_refused() -> None:
    with pytest.raises(BaselineError, match="no reference"):
        baseline_of(run(models=(model("ir"),)))
    with pytest.raises(BaselineError, match="no counts"):
        baseline_of(run(model("ir", top1=3, top5=4, total=64)))
    with pytest.raises(BaselineError, match="how images were preprocessed"):
        baseline_of(run(config={"dataset": {}}))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="harness baseline update RUN") as raised:
        read_baseline(tmp_path / "none.json")
    assert raised.value.exit_code == 4


def _stored(**changes: Any) -> str:
    return json.dumps({**json.loads(STORED.read_text(encoding="utf-8")), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not valid JSON"),
        ("[]", "no schema_version"),
        ("{}", "no schema_version"),
        ('{"schema_version": true}', "no schema_version"),
        ('{"schema_version": 2}', "newer harness .* upgrade"),
        ('{"schema_version": 1}', "not a valid baseline: name"),
        ('{"schema_version": 1, "schema_version": 1}', "the key 'schema_version' is repeated"),
        (_stored(surprise=1), "surprise"),
        (_stored(images=0), "images"),
        (_stored(images=float("nan")), "not valid JSON .NaN is not JSON"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(BaselineError, match=told):
        read_baseline(tmp_path / "b.json")


def test_counts_that_cannot_be_are_refused(tmp_path: Path) -> None:
    data = json.loads(STORED.read_text(encoding="utf-8"))
    data["models"]["ir"]["top1_correct"] = 651
    (tmp_path / "b.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BaselineError, match="top1_correct <= top5_correct <= images"):
        read_baseline(tmp_path / "b.json")


def test_a_folder_or_bytes_are_no_baseline(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="cannot be read"):
        read_baseline(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BaselineError, match="UTF-8"):
        read_baseline(tmp_path / "b.json")


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD", "{}", '{"schema_version": 1}'])
def test_a_damaged_file_says_what_would_help(tmp_path: Path, text: str) -> None:
    """`update` reads the file before it replaces it, so "accept a run anew" alone would end in the same message."""
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(BaselineError, match="restore it, or delete it and save a run: harness baseline update"):
        read_baseline(tmp_path / "b.json")


def test_a_link_to_a_baseline_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text("old", encoding="utf-8")
    (tmp_path / "link.json").symlink_to("kept.json")
    write_baseline(tmp_path / "link.json", baseline_of(run()))
    assert (tmp_path / "link.json").is_symlink()
    assert read_baseline(tmp_path / "kept.json") == baseline_of(run())


def test_a_file_that_cannot_be_written_names_no_option_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match=r"the baseline cannot be written: .*; name another FILE") as raised:
        write_baseline(tmp_path / "file" / "b.json", baseline_of(run()))
    assert "--out" not in str(raised.value)
