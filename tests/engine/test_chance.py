"""A whole run whose reference is no better than guessing: nothing passes, and that is said first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import load_config, validate
from harness.engine.run import Options
from harness.errors import RecordError
from harness.judging.recount import read_sound_record
from harness.report.facts.verdict import judge as verdict_of
from tests.conftest import CLASSES, Tiny, write_config, write_images, write_list


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
