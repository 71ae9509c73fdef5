"""`harness convert --weights`, in this process and with the tiny network."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.config import load_config
from harness.conversion import read_contract
from tests.conftest import Tiny, require, write_config, write_images

Write = Callable[..., Path]


@pytest.fixture
def project(tiny: Tiny, tmp_path: Path) -> Write:
    """Return a function that writes a project whose IR is still to be made, with calibration images beside it."""
    write_images(tmp_path / "images", 6, seed=1)
    write_images(tmp_path / "apart", 12, seed=2)

    def write(change: Callable[[dict[str, Any]], None] = lambda _: None) -> Path:
        def whole(data: dict[str, Any]) -> None:
            data["candidates"][0]["model"] = "ir.xml"
            data["conversion"] = {"calibration": {"path": "apart", "images": 12}}
            change(data)

        return write_config(tmp_path, tiny, whole)

    return write


def harness(*arguments: object) -> int:
    return main(["convert", *map(str, arguments)])


def test_int8_beside_the_f32_ir_and_the_lines_to_add(
    project: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require("nncf")
    config = project()
    assert harness(config) == 0
    before = (tmp_path / "ir.xml").read_bytes(), (tmp_path / "ir.bin").read_bytes()
    capsys.readouterr()
    assert harness(config, "--weights", "int8") == 0
    told = capsys.readouterr()
    assert ((tmp_path / "ir.xml").read_bytes(), (tmp_path / "ir.bin").read_bytes()) == before
    assert read_contract(tmp_path / "ir-int8.xml").weights == "int8"
    assert "calibration images: 12 of the 12 that are there" in told.out
    assert "━" not in told.out + told.err
    head, _, lines = told.out.partition("to evaluate it, add to `candidates` in ")
    assert head
    added = yaml.safe_load(lines.partition("\n")[2])
    plain = yaml.safe_load(config.read_text())
    plain["candidates"] += added
    config.write_text(yaml.safe_dump(plain, sort_keys=False))
    loaded = load_config(config)
    candidate = loaded.candidates[1]
    assert (candidate.id, candidate.model) == ("ir-int8", tmp_path / "ir-int8.xml")
    assert loaded.conversion_for(candidate).weights == "int8"
    assert loaded.gates_for(candidate).parity is None
    assert candidate.input == loaded.candidates[0].input
    assert harness(config, "--weights", "int8", "--if-needed") == 0
    assert "ir-int8: " in (out := capsys.readouterr().out)
    assert "is up to date" in out
    assert "add to" not in out
    assert not (tmp_path / "ir-int8-int8.xml").exists()


def test_only_the_candidates_that_have_these_weights(
    project: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def second(data: dict[str, Any]) -> None:
        first = data["candidates"][0]
        data["candidates"].append({**first, "id": "half", "model": "half.xml", "conversion": {"weights": "f16"}})

    config = project(second)
    assert harness(config, "--weights", "f16") == 0
    assert sorted(path.name for path in tmp_path.glob("*.xml")) == ["half.xml"]
    assert "add to" not in capsys.readouterr().out
    assert harness(config, "--weights", "f16", "--candidate", "ir") == 0
    assert sorted(path.name for path in tmp_path.glob("*.xml")) == ["half.xml", "ir-f16.xml"]
    assert "id: ir-f16" in capsys.readouterr().out


def test_a_file_of_another_candidate_is_never_written_over(
    project: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def taken(data: dict[str, Any]) -> None:
        data["candidates"].append({**data["candidates"][0], "id": "ir-f16", "model": "ir-f16.xml"})

    assert harness(project(taken), "--weights", "f16") == 2
    assert "ir-f16-2 and ir-f16 share" in capsys.readouterr().err.replace("ir-f16 and ir-f16-2", "ir-f16-2 and ir-f16")
    assert not (tmp_path / "ir-f16.xml").exists()


def test_missing_calibration_images_are_named_before_anything_is_made(
    project: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = project(lambda data: data["conversion"].update(weights="int8"))
    (tmp_path / "apart").rename(tmp_path / "apart2")
    assert harness(config) == 2
    said = capsys.readouterr().err
    assert "conversion.calibration.path: " in said
    assert "apart does not exist (there is " in said
    assert list(tmp_path.glob("ir*")) == []
    assert harness(config, "--set", "conversion.weights=f32") == 0  # nobody needs them then


def test_a_missing_nncf_is_one_message(
    project: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    assert harness(project(), "--weights", "int8") == 3
    said = capsys.readouterr().err
    assert "harness: weights int8 need NNCF" in said
    assert "pip install 'conversion-accuracy-harness[int8]'" in said
    assert "Traceback" not in said


def test_the_extra_that_is_named_exists() -> None:
    extras = importlib.metadata.metadata("conversion-accuracy-harness").get_all("Provides-Extra") or []
    assert "int8" in extras


def test_without_the_data_set_it_converts_and_says_so(project: Write, capsys: pytest.CaptureFixture[str]) -> None:
    require("nncf")
    config = project(lambda data: data["dataset"].update(path="${NOWHERE_AT_ALL}"))
    assert harness(config, "--weights", "int8") == 0
    assert "note: dataset.path does not exist" in capsys.readouterr().out
