from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.config import load_config
from harness.errors import ConfigError

BASE = {
    "version": 1,
    "name": "n",
    "dataset": {"path": "images"},
    "reference": {"model": "m.pb", "input": {"color": "RGB"}, "output": "o"},
    "candidates": [{"id": "ir", "model": "m.xml", "input": {"color": "BGR"}, "output": "o"}],
}


def written(folder: Path, **more: object) -> Path:
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({**BASE, **more}), encoding="utf-8")
    return path


def test_the_file_is_resolved_against_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {**BASE["candidates"][0], "gates": {"baseline": {"file": "own.json"}}}  # type: ignore[index]
    path = written(tmp_path, gates={"baseline": {"file": "../accepted.json"}}, candidates=[own])
    config = load_config(path)
    assert config.gates.baseline is not None
    assert config.gates.baseline.file == tmp_path.parent / "accepted.json"
    assert (config.gates.baseline.top1_max_drop_pp, config.gates.baseline.top5_max_drop_pp) == (0.1, 0.1)
    special = config.gates_for(config.candidates[0]).baseline
    assert special is not None
    assert special.file == tmp_path / "own.json"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    overridden = load_config(path, ["gates.baseline.file=mine.json"]).gates.baseline
    assert overridden is not None
    assert overridden.file == tmp_path / "elsewhere" / "mine.json"


def test_no_baseline_and_no_certification_unless_asked_for(tmp_path: Path) -> None:
    config = load_config(written(tmp_path))
    assert config.gates.baseline is None
    assert config.certify is None
    asked = load_config(written(tmp_path), ["gates.baseline.file=b.json", "certify.top1_max_drop_pp=0.2"])
    assert asked.gates.baseline is not None
    assert asked.certify is not None
    assert (asked.certify.top1_max_drop_pp, asked.certify.confidence, asked.certify.seed) == (0.2, 0.95, 0)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"gates": {"baseline": {"top1_max_drop_pp": 0.1}}}, r"gates\.baseline\.file: is missing"),
        ({"gates": {"baseline": {"file": "b", "top1_max_pp": 0.1}}}, "did you mean `top1_max_drop_pp`"),
        ({"certify": {"confidence": 95}}, r"certify\.confidence"),
        ({"certify": {"confidence": 1}}, r"certify\.confidence"),
        ({"certify": {"seed": -1}}, r"certify\.seed"),
        ({"certify": {"top1_max_drop_pp": -0.1}}, r"certify\.top1_max_drop_pp"),
        ({"certify": {"top5_max_drop_pp": 0.1}}, "unknown key"),
    ],
)
def test_faults_are_refused(tmp_path: Path, more: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(written(tmp_path, **more))
