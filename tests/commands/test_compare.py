from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands.compare import run
from tests.conftest import harness_environment
from tests.judging.comparing.conftest import Row, Saver, save

__all__ = ["save"]
HOSTILE = "a\x1b[31mb\u202e.jpg"
BEFORE: list[Row] = [(HOSTILE, 5, {"tf": (5, 1, 0.5), "ir": (5, 1, 0.5)})]
AFTER: list[Row] = [(HOSTILE, 5, {"tf": (5, 1, 0.5), "ir": (6, 2, 0.25)})]


@pytest.fixture
def runs(save: Saver) -> tuple[Path, Path]:
    return save("a", BEFORE), save("b", AFTER, device="GPU")


def options(runs: tuple[Path, Path], *, as_json: bool = False) -> argparse.Namespace:
    return argparse.Namespace(run_a=runs[0], run_b=runs[1], runs=None, json=as_json)


def test_text(runs: tuple[Path, Path]) -> None:
    result = run(options(runs))
    assert (result.exit_code, result.document) == (0, None)
    text = result.text
    assert "lost 100.00 [" in text
    assert r"broken: a\x1b[31mb\u202e.jpg, 5: 5 in A, 6 in B" in text
    assert "ir.device: CPU -> GPU" in text
    assert "Configuration: unchanged" in text


def test_json_is_one_document(runs: tuple[Path, Path]) -> None:
    result = run(options(runs, as_json=True))
    assert (result.exit_code, result.text) == (0, "")
    document = json.loads(json.dumps(result.document, allow_nan=False))
    assert document["images"] == 1
    assert [part["id"] for part in document["models"]] == ["tf", "ir"]
    found = document["models"][1]
    assert found["flips"] == {"fixed": 0, "broken": 1, "changed_wrong": 0, "near_ties": None}
    assert found["drop"]["top1_pp"] == 100.0
    assert found["flipped"][0]["image_id"] == HOSTILE
    assert document["changed"]["models"] == [{"key": "ir.device", "a": "CPU", "b": "GPU"}]


def test_no_framework_is_loaded(runs: tuple[Path, Path]) -> None:
    """Neither a framework nor what is slow to load: `compare` and `baseline check` answer at once."""
    code = "import sys; from harness.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    for arguments in (["compare", *runs], ["baseline", "update", runs[0], runs[0] / "b.json"]):
        listed = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=harness_environment(),
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout.splitlines()[-1]
        assert "harness.cli" in listed.split()
        assert not {"tensorflow", "openvino", "pandas", "cv2"} & set(listed.split())


def test_all_as_text_and_json(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--all", *map(str, runs)]) == 0
    text = capsys.readouterr().out
    assert "2 runs on the same 1 image against tf" in text
    assert "GPU" in text
    assert main(["compare", "--json", "--all", *map(str, runs)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(row["model"]["device"], row["comparison"]["flips"]["broken"]) for row in document["rows"]] == [
        ("CPU", 0),
        ("GPU", 1),
    ]
    assert document["reference"]["id"] == "tf"
    assert [run["folder"] for run in document["runs"]] == [str(run) for run in runs]


@pytest.mark.parametrize("arguments", [[], ["--all"]], ids=["two", "all"])
def test_tables_fit_the_columns(
    arguments: list[str], runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns nothing is broken apart: intervals and headings are whole; at 200 a model takes one line."""
    interval = re.compile(r"\[[+-]\d\S*, [+-]\d\S*\]")
    lines = {}
    for columns in (80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["compare", *arguments, *map(str, runs)]) == 0
        table = capsys.readouterr().out.partition("\n\n")[2].partition("* of the true")[0].partition("\n\n")[0]
        lines[columns] = table.splitlines()
        assert max(map(len, lines[columns])) <= columns
        assert "[95 % of drop]" in table
        assert len(interval.findall(table)) == 2
    assert len(lines[80]) > len(lines[200])


def test_too_few_runs(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs[0])]) == 2
    assert "--all" in capsys.readouterr().err


def test_flips_have_the_names_of_their_classes(runs: tuple[Path, Path], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"kind {number}\n" for number in range(10)))
    for folder in runs:
        file = folder / "run.json"
        document = json.loads(file.read_text())
        document["config"].setdefault("dataset", {}).update(class_names=str(names), background_class=False)
        document["dataset"]["class_names_sha256"] = hashlib.sha256(names.read_bytes()).hexdigest()
        file.write_text(json.dumps(document))
    assert ", 5 (kind 5): 5 (kind 5) in A, 6 (kind 6) in B" in run(options(runs)).text
    for folder in runs:
        document = json.loads((folder / "run.json").read_text())
        document["config"]["dataset"]["background_class"] = True
        (folder / "run.json").write_text(json.dumps(document))
    text = run(options(runs)).text
    assert ", 5/4 (kind 4): 5/4 (kind 4) in A, 6/5 (kind 5) in B" in text
    assert "(classes: network/data set):" in text


def test_flips_of_the_json_document_have_the_names_of_their_classes(runs: tuple[Path, Path], tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"kind {number}\n" for number in range(6)))
    keys = ("label_name", "top1_a_name", "top1_b_name")

    def named() -> list[str | None]:
        document = run(options(runs, as_json=True)).document
        assert document is not None
        return [document["models"][1]["flipped"][0][key] for key in keys]

    assert named() == [None, None, None]
    for folder in runs:
        document = json.loads((folder / "run.json").read_text())
        document["config"].setdefault("dataset", {}).update(class_names=str(names), background_class=False)
        document["dataset"]["class_names_sha256"] = hashlib.sha256(names.read_bytes()).hexdigest()
        (folder / "run.json").write_text(json.dumps(document))
    assert named() == ["kind 5", "kind 5", None]  # the list ends before the class that B answered
