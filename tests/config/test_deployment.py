"""The keys `properties`, `hints` and `deployment` of candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config import Config, load_config
from harness.errors import ConfigError

MODEL = {"id": "ir", "model": "ir.xml", "input": {"color": "BGR"}}
BASE: dict[str, Any] = {
    "version": 1,
    "name": "n",
    "dataset": {"path": "data"},
    "reference": {"id": "tf", "model": "graph.pb", "input": {"color": "RGB"}},
}


def written(folder: Path, *candidates: dict[str, Any], **more: Any) -> Path:
    path = folder / "c.yml"
    listed = [{**MODEL, **candidate} for candidate in candidates]
    path.write_text(yaml.safe_dump({**BASE, **({"candidates": listed} if listed else {}), **more}), encoding="utf-8")
    return path


def fault(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_a_row_that_people_ship(tmp_path: Path) -> None:
    wanted = {"deployment": True, "device": "NPU", "precision": "f16", "properties": {"A": 1, "B": "x", "C": True}}
    pinned, shipped = load_config(written(tmp_path, wanted)).candidates
    assert (pinned.id, pinned.precision, pinned.hints) == ("ir", "f16", "pinned")
    assert (shipped.id, shipped.precision, shipped.hints) == ("ir-deployment", "device_default", "device")
    assert (shipped.device, shipped.model, shipped.deployment) == ("NPU", pinned.model, False)
    assert shipped.properties == pinned.properties == {"A": 1, "B": "x", "C": True}
    assert [type(value) for value in shipped.properties.values()] == [int, str, bool]
    assert shipped.gates is not None
    assert shipped.gates.parity is None


def test_its_parity_can_be_stated(tmp_path: Path) -> None:
    gates = {"parity": {"max_abs_diff": 0.25}}
    drop = {"drop": {"top1_max_pp": 3.0}}
    config = load_config(written(tmp_path, {"deployment": {"gates": gates}, "gates": drop}))
    found = config.gates_for(config.candidates[1])
    assert found.parity is not None
    assert found.drop is not None
    assert (found.parity.max_abs_diff, found.parity.images, found.drop.top1_max_pp) == (0.25, 64, 3.0)


def test_a_candidate_of_that_id_stands_in_its_place(tmp_path: Path) -> None:
    own = {"id": "ir-deployment", "hints": "device", "precision": "device_default", "batch": 7}
    config = load_config(written(tmp_path, {"deployment": True}, own))
    assert [(item.id, item.batch) for item in config.candidates] == [("ir", None), ("ir-deployment", 7)]


def test_set_follows_the_candidate_and_reaches_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, {})
    config = load_config(
        path,
        [
            "candidates.ir-deployment.batch=4",
            "candidates.ir.deployment=true",
            "candidates.ir.device=GPU",
            "candidates.ir.properties.NUM_STREAMS=2",
        ],
    )
    shipped = config.candidates[1]
    assert (shipped.id, shipped.device, shipped.batch, shipped.properties) == (
        "ir-deployment",
        "GPU",
        4,
        {"NUM_STREAMS": 2},
    )


def test_rows_of_a_matrix(tmp_path: Path) -> None:
    devices = [{"device": "CPU", "deployment": True, "properties": {"P": 1}}, {"device": "GPU", "properties": {"Q": 2}}]
    models = [{**MODEL, "properties": {"R": 3}}]
    config = load_config(written(tmp_path, matrix={"models": models, "devices": devices}))
    assert [(item.id, item.properties) for item in config.candidates] == [
        ("ir-CPU-f32", {"R": 3, "P": 1}),
        ("ir-GPU-f32", {"R": 3, "Q": 2}),
        ("ir-CPU-f32-deployment", {"R": 3, "P": 1}),
    ]


def test_values_without_a_file(tmp_path: Path) -> None:
    config = Config.model_validate({**BASE, "candidates": [{**MODEL, "deployment": True}]})
    assert [item.id for item in config.candidates] == ["ir", "ir-deployment"]


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ({"hints": "device"}, "pins f32; write `precision: device_default`"),
        ({"hints": "devise"}, "did you mean 'device'"),
        ({"properties": ["a"]}, "properties: should be a mapping"),
        ({"properties": {"A": [1]}}, "properties.A"),
        ({"properties": {"A": {"CPU": 1}}}, "properties.A"),
        ({"deployment": {"gate": {}}}, "unknown key"),
        ({"backend": "tensorflow", "properties": {"A": 1}}, "the backend 'tensorflow' has none; those of"),
        ({"backend": "tensorflow", "deployment": True}, "the backend 'tensorflow' has none; those of"),
    ],
)
def test_refused(tmp_path: Path, candidate: dict[str, Any], said: str) -> None:
    assert said in fault(written(tmp_path, candidate))


def test_a_fault_in_the_row_names_where_it_was_written(tmp_path: Path) -> None:
    path = written(tmp_path, {"deployment": True, "batch": "x"})
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "batch" in text)
    assert f"c.yml:{line}: candidates[0].batch" in fault(path)
