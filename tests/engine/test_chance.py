"""A whole run whose reference is no better than guessing: nothing passes, and that is said first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import load_config, validate
from harness.cli import main
from harness.engine.run import Options
from harness.errors import RecordError
from harness.judging.recount import read_sound_record
from harness.report.facts.verdict import judge as verdict_of
from tests.conftest import CLASSES, Tiny, write_config, write_images, write_list
from tests.engine.test_session import Project, values_for


@pytest.mark.parametrize("certified", [None, 50.0])
def test_no_gate_passes_on_a_reference_at_chance_level(tiny: Tiny, tmp_path: Path, certified: float | None) -> None:
    pairs = write_images(tmp_path / "images", 40)
    write_list(tmp_path / "images", [(name, (label + 1) % CLASSES) for name, label in pairs])

    def change(data: dict[str, Any]) -> None:
        data["dataset"]["labels"] = {"source": "images.txt", "trust": True}

    config = load_config(write_config(tmp_path, tiny, change))
    record = validate(config, Options(out=tmp_path / "run", quiet=True, certify_pp=certified))
    assert record.exit_code == 5
    assert record.gates[0].gate == "chance"
    assert not [gate for gate in record.gates if gate.verdict == "pass"]
    assert record.matrix is not None
    assert record.matrix.may_ship == ()
    text = verdict_of(record).line
    assert text.startswith(
        "INCONCLUSIVE (exit 5): the reference tf is not clearly better than guessing among 4 classes"
    )
    if certified is None:
        _passes_written_into_it_are_refused(tmp_path / "run")


def _passes_written_into_it_are_refused(run: Path) -> None:
    """A record without its gate `chance`, whose other gates say `pass`, contradicts its own counts."""
    read_sound_record(run)
    path = run / "run.json"
    plain = json.loads(path.read_text())
    plain["gates"] = [item for item in plain["gates"] if item["gate"] != "chance"]
    for item in plain["gates"]:
        item["verdict"] = "pass" if item["verdict"] == "inconclusive" else item["verdict"]
    plain["exit_code"] = 0
    path.write_text(json.dumps(plain))
    with pytest.raises(RecordError, match="a gate passed, but the reference tf is not clearly better than guessing"):
        read_sound_record(run)


def _constant(value: int, count: int) -> list[int | None]:
    """Return values that the fake models answer with one class, value % 5; class 0 is background."""
    return [value + 5 * (row % 40) for row in range(count)]


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.usefixtures("fakes")
def test_no_gate_passes_on_one_answer_for_every_image(tmp_path: Path, reference: bool) -> None:
    """40 of 50 images have the class that is always predicted: 80 %, three times as many as by guessing among 4."""
    project = Project(tmp_path)
    project.images(_constant(41, 50), [0] * 40 + [1, 2] * 5)

    def change(data: dict[str, Any]) -> None:
        data["published"] = {"top1_percent": 80, "top5_percent": 100}
        if not reference:
            data["reference"] = None
            del data["gates"]

    record = project.validate(change)
    assert record.exit_code == 5
    named = "reference" if reference else "ir"
    assert (record.gates[0].gate, record.gates[0].model) == ("chance", named)
    assert "predicts the same class for every image: 40 of 50 images correct (80.00 %)" in record.gates[0].reason
    assert not [gate for gate in record.gates if gate.verdict == "pass"]
    run = record.stored_in
    assert read_sound_record(run).exit_code == 5
    for command in (["baseline", "update", str(run), str(tmp_path / "b.json")], ["report", str(run)]):
        assert main(command) == (5 if command[0] == "baseline" else 0)
    _forged(run)


def _forged(run: Path) -> None:
    """What it says is due to chance is counted again; without its table, it has to fit its gates."""
    path = run / "run.json"
    plain = json.loads(path.read_text())
    for item in plain["models"]:
        item["chance"] |= {"expected_correct": 10.0, "standard_deviation": 1.0}
    path.write_text(json.dumps(plain))
    with pytest.raises(RecordError, match=r"its chance\.expected_correct of"):
        read_sound_record(run)
    for item in plain["models"]:
        item["chance"] |= {"images": 0}
    path.write_text(json.dumps(plain))
    (run / "predictions.parquet").unlink()
    with pytest.raises(RecordError, match=r"chance accuracy of (reference|ir) does not fit the 50 evaluated images"):
        read_sound_record(run)


@pytest.mark.usefixtures("fakes")
def test_a_good_reference_passes_on_images_of_which_most_have_one_label(tmp_path: Path) -> None:
    project = Project(tmp_path)
    labels = [0] * 33 + [1] * 7
    project.images(values_for(labels), labels)
    record = project.validate()
    assert record.exit_code == 0
    found = record.models[0].chance
    assert found is not None
    assert (found.images, found.other_labels, found.same_probabilities) == (40, 7, False)
    assert found.expected_correct == pytest.approx((33 * 33 + 7 * 7) / 40)


@pytest.mark.parametrize("policy", ["skip", "wrong"])
@pytest.mark.usefixtures("fakes")
def test_bad_images_take_no_part_in_what_is_due_to_chance(tmp_path: Path, policy: str) -> None:
    project = Project(tmp_path)
    values = _constant(41, 40)
    values[0] = None
    project.images(values, [0] * 33 + [1] * 7)

    def change(data: dict[str, Any]) -> None:
        data["dataset"]["bad_images"] = {"policy": policy, "max": 1, "max_percent": 100}

    record = project.validate(change)
    assert record.exit_code == 5
    found = record.models[0].chance
    assert found is not None
    assert (found.images, found.expected_correct, found.standard_deviation) == (39, 32.0, 0.0)
    assert "predicts the same class" in record.gates[0].reason
