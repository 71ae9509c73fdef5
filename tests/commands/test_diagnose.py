"""`harness diagnose`: what it prints, its JSON, its exit code."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from harness.cli import build_parser
from harness.commands.diagnose import as_json, as_text, run
from harness.commands.result import Result
from harness.config import load_config
from harness.diagnosis.answer import CAUSES, Alternative, Diagnosis
from harness.engine.capsule import Making, make_capsule
from harness.errors import RecordError
from tests.conftest import PROJECT, IrMaker, Tiny, run_harness, write_config, write_images

FOUND = Diagnosis(
    "one", "tf", "found", "color-order", "It is RGB.", {"images": 4, "max_abs_diff_after": float("inf")}, "Set it.",
    (Alternative("layout", "NCHW pixels read as NHWC", 0.5, 8), Alternative("crop", "whole", float("nan"), 8, True)),
)  # fmt: skip
CLEAN = Diagnosis("two", "tf", "clean", None, "It agrees.")
UNKNOWN = Diagnosis("three", "tf", "unknown", None, "Nothing explains it.")
CONTRACT = {"verdict", "cause", "sentence", "evidence", "mend", "alternatives"}


def options(path: Path, **more: Any) -> argparse.Namespace:
    given = argparse.Namespace(config=path, overrides=[], candidate=None, json=True, html=None)
    vars(given).update(more)
    return given


@pytest.fixture
def path(tiny: Tiny, tmp_path: Path) -> Path:
    write_images(tmp_path / "images", 12)

    def two(data: dict[str, Any]) -> None:
        other = {**data["candidates"][0], "id": "wrong", "input": {"name": "input", "color": "RGB"}}
        data["candidates"].append(other)

    return write_config(tmp_path, tiny, two)


def test_the_document_is_the_contracts_and_has_no_number_that_is_none() -> None:
    plain = json.loads(json.dumps(as_json((CLEAN, FOUND)), allow_nan=False))
    assert set(plain) >= CONTRACT
    assert (plain["candidate"], plain["verdict"]) == ("one", "found")
    assert plain["evidence"]["max_abs_diff_after"] is None
    assert [item["candidate"] for item in plain["candidates"]] == ["two", "one"]


def test_what_nobody_can_explain_comes_first() -> None:
    assert as_json((CLEAN, FOUND, UNKNOWN))["candidate"] == "three"


def test_the_text_has_every_answer_and_the_alternatives() -> None:
    text = as_text((FOUND, CLEAN, UNKNOWN))
    for words in ("FOUND: one (color-order)", "It is RGB.", "CLEAN: two", "NOT FOUND: three", "0.5", "(as good)"):
        assert words in text


def test_each_candidate_is_diagnosed_and_one_can_be_chosen(path: Path) -> None:
    both: Result = run(options(path))
    assert both.exit_code == 0
    assert [item["verdict"] for item in both.document["candidates"]] == ["clean", "found"]
    assert both.document["cause"] == "color-order"
    one = run(options(path, candidate="ir"))
    assert (one.exit_code, one.document["verdict"]) == (0, "clean")


def test_the_command_prints_one_document(path: Path) -> None:
    done = run_harness("diagnose", path, "--candidate", "wrong", "--json", "--html", "d.html", cwd=path.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cause"] == "color-order"
    page = (path.parent / "d.html").read_text(encoding="utf-8")
    assert str(escape(found["sentence"].replace("`", ""))) in re.sub(r"</?code>", "", page)
    assert "diagnose: wrong: as configured" in done.stderr


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_looked_at(path: Path) -> None:
    (path.parent / "file").touch()
    with pytest.raises(RecordError, match=r"cannot be written: .*; choose another folder with --html"):
        run(options(path, html=path.parent / "file" / "d.html"))


@pytest.fixture
def capsule(path: Path, make_ir: IrMaker) -> Path:
    """A capsule of the reference's answers, with a candidate beside it one of whose layers has other weights."""
    place = path.parent / "a.capsule"
    make_capsule(load_config(path), place, Making(12))
    make_ir(path.parent / "other.xml", scale_weights=1.3)
    return place


def test_a_capsule_is_diagnosed_by_the_recorded_answers(capsule: Path, tiny: Tiny) -> None:
    models = [f"candidates.{name}.model={tiny.ir}" for name in ("ir", "wrong")]
    both = run(options(capsule, overrides=models)).document
    causes = [(item["candidate"], item["verdict"], item["cause"]) for item in both["candidates"]]
    assert causes == [("ir", "clean", None), ("wrong", "found", "color-order")]
    assert "`candidates.wrong.input.color: BGR`" in both["mend"]


def test_what_a_capsule_cannot_tell_is_said(capsule: Path, tiny: Tiny) -> None:
    models = [f"candidates.ir.model={capsule.parent / 'other.xml'}", f"candidates.wrong.model={tiny.ir}"]
    found = run(options(capsule, candidate="ir", overrides=models))
    assert (found.exit_code, found.document["verdict"]) == (5, "unknown")
    assert found.document["evidence"]["not_looked_at"] == ["layers", "weights", "input-cast", "reference-input"]
    assert "only its recorded predictions are available" in found.document["sentence"]


def test_a_misspelt_candidate_is_a_usage_error(path: Path) -> None:
    done = run_harness("diagnose", path, "--candidate", "wrog", cwd=path.parent)
    assert done.returncode == 2
    assert "did you mean 'wrong'?" in done.stderr


def test_the_page_lists_every_cause_and_no_other() -> None:
    page = (PROJECT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    part = page.partition("| cause | what is wrong |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines()]
    assert {name.strip("`"): words for name, words in rows} == CAUSES


def test_the_page_shows_a_command_that_is_accepted() -> None:
    page = (PROJECT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if line.startswith("harness diagnose "))
    _, unknown = build_parser().parse_known_args(line.split()[1:])
    assert not unknown
