"""`harness import`: where the text goes, and what the shell says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.cli import main
from tests.importing.conftest import MINIMAL


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "accuracy-check.yml"
    path.write_text(MINIMAL + "          - {type: acer_score, reference: 0.04}\n")
    return path


def test_without_out_the_configuration_goes_to_stdout_and_notes_to_stderr(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(file)]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out)["name"] == "net"
    metric = "models[0].datasets[0].metrics[2]: acer_score (acer_score, reference 0.04) is not judged by any gate"
    assert said.err == f"harness: note: {file}:16: {metric}\n"


def test_out_is_written_whole_and_its_folder_made(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = file.parent / "configs" / "net.yml"
    assert main(["import", str(file), "--images", "/data/val", "--models", "/models", "--out", str(out)]) == 0
    config = yaml.safe_load(out.read_text())
    assert (config["dataset"]["path"], config["candidates"][0]["model"]) == ("/data/val", "/models/net.xml")
    assert capsys.readouterr().out == f"{out}: written, 1 model\n"
    assert [item.name for item in out.parent.iterdir()] == ["net.yml"]


def test_a_fault_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = file.parent / "net.yml"
    file.write_text(MINIMAL.replace("type: crop", "type: flip"))
    assert main(["import", str(file), "--out", str(out)]) == 2
    assert (
        f"{file}:11: models[0].datasets[0].preprocessing[1].type: flip mirrors the image; " in capsys.readouterr().err
    )
    assert not out.exists()


def test_another_kind_of_file_is_told_what_is_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("version: 1\nreference: {id: tf}\n")
    assert main(["import", str(file)]) == 2
    reads = "an accuracy-check.yml of Accuracy Checker (Open Model Zoo), with the model.yml next to it"
    said = f"this is a configuration of the harness already; `harness import` reads {reads}"
    assert capsys.readouterr().err == f"harness: {file}: {said}\n"
