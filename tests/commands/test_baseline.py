from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from harness.commands.baseline import check, update
from harness.errors import BaselineError, ConfigError
from harness.record.schema import GatePart
from harness.record.store import write_record
from tests.judging.baseline.runs import CONFIG, model, run

FAILED = GatePart(gate="drop", model="ir", verdict="fail", reason="too far")


def options(folder: Path, file: Path, **changes: Any) -> argparse.Namespace:
    given = {"folder": folder, "file": file, "json": False, "top1_max_drop_pp": None, "top5_max_drop_pp": None}
    return argparse.Namespace(**(given | changes))


def saved(tmp_path: Path, name: str, *arguments: Any, **changes: Any) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    write_record(folder, run(*arguments, **changes))
    return folder


def test_update_then_check(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    good = saved(tmp_path, "good")
    result = update(options(good, file))
    assert result.exit_code == 0
    assert "ir: Top-1 509, Top-5 610 of 650 (new)" in result.text
    assert check(options(good, file)).exit_code == 0
    worse = saved(tmp_path, "worse", model("ir", top1=500))
    result = check(options(worse, file))
    assert result.exit_code == 1
    assert "FAIL: ir: worse than the baseline: Top-1 509 -> 500 of 650 (lost 1.385 pp, limit 0.1 pp)" in result.text
    assert check(options(worse, file, top1_max_drop_pp=2.0)).exit_code == 0
    better = saved(tmp_path, "better", model("ir", top1=520))
    result = check(options(better, file))
    assert result.exit_code == 0
    assert "better than the baseline by more than the limit" in result.text


def test_check_takes_the_limits_of_the_run(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    update(options(saved(tmp_path, "good"), file))
    lenient = {**CONFIG, "gates": {"baseline": {"file": "b", "top1_max_drop_pp": 5.0, "top5_max_drop_pp": 5.0}}}
    worse = saved(tmp_path, "worse", model("ir", top1=500), config=lenient)
    assert check(options(worse, file)).exit_code == 0
    assert check(options(worse, file, top1_max_drop_pp=0.5)).exit_code == 1


def test_check_as_json(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    update(options(saved(tmp_path, "good"), file))
    other = saved(tmp_path, "other", fingerprint="c" * 64)
    result = check(options(other, file, json=True))
    assert (result.exit_code, result.text) == (4, "")
    document = json.loads(json.dumps(result.document, allow_nan=False))
    assert document["exit_code"] == 4
    assert {part["verdict"] for part in document["gates"]} == {"error"}


def test_update_lists_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    update(options(saved(tmp_path, "one", model("ir"), model("gpu")), file))
    text = update(options(saved(tmp_path, "two", model("ir", top1=508), fingerprint="c" * 64), file)).text
    assert "tf: Top-1 509, Top-5 610 of 650 (unchanged)" in text
    assert "ir: Top-1 508, Top-5 610 of 650 (was Top-1 509, Top-5 610 of 650)" in text
    assert "gpu: no longer in the baseline" in text
    assert "the data differs from the previous baseline" in text


def test_update_lists_which_models_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    absent = model("gpu").model_copy(update={"status": "unavailable", "top1": None, "top5": None})
    result = update(options(saved(tmp_path, "run", model("ir"), absent), file))
    assert result.exit_code == 0
    assert "gpu: not saved, because its device was not available" in result.text
    assert set(json.loads(file.read_text(encoding="utf-8"))["models"]) == {"tf", "ir"}


def test_update_warns_of_a_failed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert update(options(saved(tmp_path, "failed", exit_code=1, gates=(FAILED,)), tmp_path / "b.json")).exit_code == 0
    assert "exit code 1" in capsys.readouterr().err


def test_update_overwrites_nothing_that_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text('{"schema_version": 99}', encoding="utf-8")
    with pytest.raises(BaselineError, match="newer harness"):
        update(options(saved(tmp_path, "one"), file))
    assert "99" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [update, check])
def test_an_unfinished_run_is_refused(tmp_path: Path, command: Any) -> None:
    file = tmp_path / "baseline.json"
    update(options(saved(tmp_path, "one"), file))
    before = file.read_bytes()
    with pytest.raises(BaselineError, match="not complete"):
        command(options(saved(tmp_path, "cut", status="incomplete", exit_code=130), file))
    assert file.read_bytes() == before


def test_a_missing_baseline_is_exit_4(tmp_path: Path) -> None:
    with pytest.raises(BaselineError) as raised:
        check(options(saved(tmp_path, "one"), tmp_path / "none.json"))
    assert raised.value.exit_code == 4


def test_a_limit_out_of_range_is_a_usage_error(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    folder = saved(tmp_path, "one")
    update(options(folder, file))
    with pytest.raises(ConfigError, match="--top1-max-drop -1"):
        check(options(folder, file, top1_max_drop_pp=-1.0))


def test_nothing_passes_on_a_run_whose_reference_guesses(tmp_path: Path) -> None:
    """10 of 650 images among 1,000 classes; the same counts pass where nothing says of how many classes."""
    file = tmp_path / "baseline.json"
    config = {**CONFIG, "dataset": {**CONFIG["dataset"], "classes": 1000}}
    guessing = model("tf", top1=10)
    undecided: Any = {
        "reference": guessing,
        "exit_code": 5,
        "gates": (GatePart(gate="chance", model="tf", verdict="inconclusive", reason="it guesses"),),
    }
    folder = saved(tmp_path, "guessing", model("ir", top1=10), config=config, **undecided)
    refused = update(options(folder, file))
    assert (refused.exit_code, refused.text, file.exists()) == (5, "", False)
    assert "not written, because no gate could pass on this run: the reference tf is not" in str(refused.error)
    unknown = saved(tmp_path, "unknown", model("ir", top1=10), **undecided)
    assert update(options(unknown, file)).exit_code == 0
    result = check(options(folder, file))
    assert result.exit_code == 5
    assert result.text.startswith("INCONCLUSIVE: tf: the reference tf is not clearly better than guessing")
    assert "pass:" not in result.text
    worse = saved(tmp_path, "worse", model("ir", top1=1), config=config, **undecided)
    assert check(options(worse, file)).exit_code == 1  # what failed stays failed
    assert check(options(unknown, file)).exit_code == 0
