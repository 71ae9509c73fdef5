"""Limits in pp that can never fail: warned of by `config check`, in every gate and in a candidate's own gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.config import load_config
from harness.config.limits import never_failing


def config(folder: Path, **changes: Any) -> Path:
    (folder / "images").mkdir()
    for name in ("m.pb", "m.xml", "m.bin"):
        (folder / name).touch()
    fed = {"input": {"color": "RGB", "mean": 0, "scale": 1}, "output": "o"}
    data: dict[str, Any] = {
        "version": 1,
        "name": "n",
        "dataset": {"path": "images"},
        "reference": {"id": "tf", "model": "m.pb", **fed},
        "candidates": [{"id": "ir", "model": "m.xml", **fed}],
        "published": {"top1_percent": 71.85, "top5_percent": 90.69},
    }
    data["candidates"][0].update(changes.pop("candidate", {}))
    path = folder / "c.yml"
    path.write_text(yaml.safe_dump({**data, **changes}))
    return path


@pytest.mark.parametrize(
    ("classes", "tolerance", "warned"), [(1000, 71.75, True), (1000, 71.74, False), (10, 62, True)]
)
def test_a_target_that_guessing_reaches_is_warned_of(
    classes: int, tolerance: float, warned: bool, tmp_path: Path
) -> None:
    """Guessing among 1,000 classes is right on 0.1 %, among 10 on 10 %."""
    path = config(
        tmp_path,
        gates={"target": {"top1_tolerance_pp": tolerance}},
        dataset={"path": "images", "classes": classes},
    )
    found = never_failing(load_config(path))
    assert ["cannot tell a model from guessing among" in text for text in found] == [True] * warned


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"gates": {"drop": {"top1_max_pp": 99.9, "top5_max_pp": 99.9}}}, []),
        ({"gates": {"drop": {"top1_max_pp": 100}}}, ["gates.drop.top1_max_pp"]),
        ({"gates": {"drop": {"top5_max_pp": 100}}}, ["gates.drop.top5_max_pp"]),
        ({"gates": {"drop": None}}, []),
        ({"gates": {"target": {"top1_tolerance_pp": 71.7}}}, []),
        ({"gates": {"target": {"top1_tolerance_pp": 71.85}}}, ["gates.target.top1_tolerance_pp"]),
        ({"gates": {"target": {"top5_tolerance_pp": 90.69}}}, ["gates.target.top5_tolerance_pp"]),
        ({"gates": {"baseline": {"file": "b.json", "top1_max_drop_pp": 100}}}, ["gates.baseline.top1_max_drop_pp"]),
        ({"gates": {"baseline": {"file": "b.json", "top5_max_drop_pp": 100}}}, ["gates.baseline.top5_max_drop_pp"]),
        ({"certify": {"top1_max_drop_pp": 100}}, ["certify.top1_max_drop_pp"]),
        ({"candidate": {"gates": {"drop": {"top1_max_pp": 100}}}}, ["candidates[0].gates.drop.top1_max_pp"]),
    ],
)
def test_a_limit_that_can_never_fail_is_warned_of(
    changes: dict[str, Any], keys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, **changes)
    found = never_failing(load_config(path))
    assert [text.split(": ")[1] for text in found] == keys
    assert all("pp can never fail, because" in text for text in found)
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out.count("can never fail") == len(keys)
