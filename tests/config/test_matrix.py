"""The key `matrix`: models x devices x precisions become candidates; messages name where they were written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.config import Config, load_config, require_files
from harness.errors import ConfigError

MODEL = {"model": "ir.xml", "input": {"color": "BGR"}, "output": "o"}
BASE: dict[str, Any] = {
    "version": 1,
    "name": "n",
    "dataset": {"path": "data"},
    "reference": {"id": "tf", "model": "graph.pb", "input": {"color": "RGB"}, "output": "o"},
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration with a matrix, and perhaps candidates of its own."""

    def write(matrix: Any, **more: Any) -> Path:
        path = tmp_path / "c.yml"
        path.write_text(yaml.safe_dump({**BASE, "matrix": matrix, **more}, sort_keys=False), encoding="utf-8")
        return path

    return write


def ids(path: Path, *overrides: str) -> list[str]:
    return [item.id for item in load_config(path, overrides).candidates]


def faults(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def line_of(path: Path, text: str, occurrence: int = 0) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if text in line][occurrence]


def test_every_model_on_every_device_at_every_precision(write: Write, tmp_path: Path) -> None:
    models = [{"id": "a", **MODEL}, {"id": "b", **MODEL, "model": "b.xml"}]
    path = write({"models": models, "devices": ["CPU", "HETERO:GPU,CPU"], "precisions": ["f32", "bf16"]})
    config = load_config(path)
    assert [(item.id, item.device, item.precision, item.model.name) for item in config.candidates] == [
        ("a-CPU-f32", "CPU", "f32", "ir.xml"),
        ("a-CPU-bf16", "CPU", "bf16", "ir.xml"),
        ("a-HETERO-GPU-CPU-f32", "HETERO:GPU,CPU", "f32", "ir.xml"),
        ("a-HETERO-GPU-CPU-bf16", "HETERO:GPU,CPU", "bf16", "ir.xml"),
        ("b-CPU-f32", "CPU", "f32", "b.xml"),
        ("b-CPU-bf16", "CPU", "bf16", "b.xml"),
        ("b-HETERO-GPU-CPU-f32", "HETERO:GPU,CPU", "f32", "b.xml"),
        ("b-HETERO-GPU-CPU-bf16", "HETERO:GPU,CPU", "bf16", "b.xml"),
    ]
    assert config.candidates[0].model == tmp_path / "ir.xml"
    assert config.candidates[0].input.color == "BGR"


def test_one_device_and_precision_by_default(write: Write) -> None:
    (only,) = load_config(write({"models": [{"id": "a", **MODEL}]})).candidates
    assert (only.id, only.device, only.precision) == ("a-CPU-f32", "CPU", "f32")


def test_each_axis_may_state_more_and_the_last_one_wins(write: Write) -> None:
    matrix = {
        "models": [{"id": "a", **MODEL, "batch": 2, "gates": {"drop": {"top1_max_pp": 1}}}],
        "devices": [{"device": "GPU", "optional": True, "batch": 4, "timeout_seconds": 60}],
        "precisions": [{"precision": "f16", "gates": {"parity": None, "drop": {"top5_max_pp": 2}}}],
    }
    config = load_config(write(matrix))
    (only,) = config.candidates
    assert (only.optional, only.batch, only.timeout_seconds) == (True, 4, 60)
    gates = config.gates_for(only)
    assert gates.parity is None
    assert gates.drop is not None
    assert (gates.drop.top1_max_pp, gates.drop.top5_max_pp) == (1, 2)


def test_a_device_may_have_an_id(write: Write) -> None:
    matrix = {"models": [{"id": "a", **MODEL}], "devices": [{"device": "AUTO:GPU,CPU", "id": "auto"}, "AUTO-GPU-CPU"]}
    assert ids(write(matrix)) == ["a-auto-f32", "a-AUTO-GPU-CPU-f32"]


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ([{"device": "AUTO", "precision": "bf16"}], ["a-CPU-f32", "a-CPU-bf16", "a-AUTO-f32"]),
        ([{"device": "AUTO"}], ["a-CPU-f32", "a-CPU-bf16"]),
        ([{"precision": "bf16"}, {"model": "a", "device": "CPU"}], ["a-AUTO-f32"]),
        ([{"device": ["AUTO", "CPU"], "precision": ["bf16"]}], ["a-CPU-f32", "a-AUTO-f32"]),
        ([], ["a-CPU-f32", "a-CPU-bf16", "a-AUTO-f32", "a-AUTO-bf16"]),
    ],
)
def test_combinations_are_left_out(write: Write, exclude: list[Any], left: list[str]) -> None:
    models = [{"id": "a", **MODEL}]
    matrix = {"models": models, "devices": ["CPU", "AUTO"], "precisions": ["f32", "bf16"], "exclude": exclude}
    assert ids(write(matrix)) == left


def test_listed_candidates_come_first_and_stand_in_the_place_of_a_combination(write: Write) -> None:
    listed = [{"id": "own", **MODEL}, {"id": "a-CPU-f32", **MODEL, "device": "GPU"}]
    config = load_config(write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", "AUTO"]}, candidates=listed))
    assert [(item.id, item.device) for item in config.candidates] == [
        ("own", "CPU"),
        ("a-CPU-f32", "GPU"),
        ("a-AUTO-f32", "AUTO"),
    ]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["matrix.devices=[CPU]"], ["a-CPU-f32"]),
        (["matrix.devices[1]=GPU"], ["a-CPU-f32", "a-GPU-f32"]),
        (["candidates=[]"], ["a-CPU-f32", "a-AUTO-f32"]),
    ],
)
def test_overrides_change_the_matrix(write: Write, overrides: Sequence[str], expected: list[str]) -> None:
    assert ids(write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", "AUTO"]}), *overrides) == expected


def test_an_exclusion_that_an_override_left_without_its_device_says_what_to_set_too(write: Write) -> None:
    matrix = {"models": [{"id": "a", **MODEL}], "devices": ["CPU", "GPU"], "exclude": [{"device": "GPU"}]}
    (only,) = faults(write(matrix), "matrix.devices=[CPU]")
    assert only.endswith("an axis was changed by --set: set matrix.exclude too")
    assert ids(write(matrix), "matrix.devices=[CPU]", "matrix.exclude=[]") == ["a-CPU-f32"]


def test_overrides_change_a_combination(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", "AUTO"]})
    overrides = ["candidates.a-AUTO-f32.batch=8", "candidates.a-AUTO-f32.model=x.xml", "matrix.models[0].batch=2"]
    first, second = load_config(path, overrides).candidates
    assert (first.batch, second.batch) == (2, 8)
    assert (first.model, second.model) == (tmp_path / "ir.xml", tmp_path / "here/x.xml")


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("input.color=RGB", lambda item: item.input.color),
        ("gates.drop.top1_max_pp=50", lambda item: item.gates.drop.top1_max_pp),
        ("conversion.weights=f16", lambda item: item.conversion.weights),
    ],
)
def test_an_override_within_a_mapping_changes_one_combination_only(
    write: Write, override: str, found: Callable[[Any], Any]
) -> None:
    model = {"id": "a", **MODEL, "gates": {"drop": {"top1_max_pp": 1}}, "conversion": {"weights": "f32"}}
    path = write({"models": [model], "devices": ["CPU", "AUTO"]})
    before = load_config(path)
    after = load_config(path, [f"candidates.a-CPU-f32.{override}"])
    assert found(after.candidates[0]) != found(before.candidates[0])
    assert found(after.candidates[1]) == found(before.candidates[1])
    assert after.matrix == before.matrix


def test_what_is_resolved_reads_back_as_the_same(write: Write) -> None:
    config = load_config(write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", "AUTO"]}))
    again = Config.model_validate(config.resolved())
    assert [(item.id, item.device) for item in again.candidates] == [("a-CPU-f32", "CPU"), ("a-AUTO-f32", "AUTO")]


def test_without_a_file(write: Write) -> None:
    data = {**BASE, "matrix": {"models": [{"id": "a", **MODEL}], "precisions": ["f32", "f16"]}}
    assert [item.id for item in Config.model_validate(data).candidates] == ["a-CPU-f32", "a-CPU-f16"]
    assert "candidates" not in data  # what was given is left alone
    with pytest.raises(ValidationError, match="is listed twice"):
        Config.model_validate({**BASE, "matrix": {"models": [{"id": "a", **MODEL}] * 2}})


class TestFaults:
    """One fault once, at the line of the matrix, however many combinations have it."""

    def test_of_a_model_are_told_once(self, write: Write) -> None:
        path = write(
            {
                "models": [{"id": "a", **MODEL, "input": {"color": "XYZ"}}, {"id": "b", **MODEL}],
                "devices": ["CPU", "AUTO"],
            }
        )
        assert faults(path) == [
            f"{path}:{line_of(path, 'XYZ')}: matrix.models[0].input.color: 'XYZ' is not one of 'RGB' or 'BGR'"
        ]

    def test_of_an_axis(self, write: Write) -> None:
        path = write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", {"device": "GPU", "optionall": True}]})
        assert faults(path) == [
            f"{path}:{line_of(path, 'optionall')}: matrix.devices[1].optionall: unknown key; did you mean `optional`?"
        ]
        path = write({"models": [{"id": "a", **MODEL}], "precisions": ["fp32"]})
        (only,) = faults(path)
        assert only.startswith(f"{path}:{line_of(path, 'fp32')}: matrix.precisions[0]")
        assert "'fp32' is not one of" in only
        assert "did you mean 'f32'?" in only

    @pytest.mark.parametrize(
        ("matrix", "told"),
        [
            ({"models": []}, "matrix.models: is empty; add at least one"),
            ({"models": [{"id": "a", **MODEL}], "devices": []}, "matrix.devices: is empty; add at least one"),
            ({}, "matrix.models: is missing"),
            (3, "matrix: should be a mapping"),
            ({"models": [{"id": "a", **MODEL}] * 2}, "matrix.models[1]: 'a' is listed twice"),
            (
                {"models": [{"id": "a", **MODEL}], "precisions": ["f32", "f32"]},
                "matrix.precisions[1]: 'f32' is listed twice",
            ),
            (
                {"models": [{"id": "a", **MODEL}], "devices": ["AUTO:CPU", "AUTO-CPU"]},
                "matrix.devices[1]: 'AUTO-CPU' is listed twice; give each device an `id` of its own",
            ),
            (
                {"models": [{"id": "a", **MODEL}, {"id": "a-B", **MODEL}], "devices": ["C", "B-C"]},
                "two combinations would both be named 'a-B-C-f32'",
            ),
            (
                {"models": [{"id": "a", **MODEL}], "devices": ["GPU"], "exclude": [{"device": "GPU.1"}]},
                "matrix.exclude[0]: the matrix has no device 'GPU.1'; did you mean 'GPU'?",
            ),
            (
                {"models": [{"id": "a", **MODEL}], "exclude": [{"precision": ["f32", "bf61"]}]},
                "matrix.exclude[0]: the matrix has no precision 'bf61'; available: f32",
            ),
            (
                {"models": [{"id": "a", **MODEL}], "exclude": [{}]},
                "matrix.exclude[0]: has no model, device or precision",
            ),
            ({"models": [{"id": "a", **MODEL}], "exclude": [{"model": "a"}]}, "leaves out every combination"),
            (
                {"models": [{"id": f"m{n}", **MODEL} for n in range(101)], "precisions": ["f32", "f16"]},
                "matrix: results in 202 candidates, more than 200; list fewer",
            ),
        ],
    )
    def test_of_the_matrix_itself(self, write: Write, matrix: Any, told: str) -> None:
        (only,) = faults(write(matrix))
        assert told in only

    def test_an_id_that_the_reference_has(self, write: Write) -> None:
        path = write({"models": [{"id": "a", **MODEL}]}, reference={**BASE["reference"], "id": "a-CPU-f32"})
        assert any("the id 'a-CPU-f32' is already used by reference" in line for line in faults(path))

    def test_neither_candidates_nor_matrix(self, write: Write) -> None:
        (only,) = faults(write(None))
        assert "there is no candidate; list at least one under `candidates`, or write a `matrix`" in only

    def test_a_missing_file_is_told_once_where_it_was_written(self, write: Write) -> None:
        path = write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", "AUTO"]})
        with pytest.raises(ConfigError) as caught:
            require_files(load_config(path), dataset=False, reference=False)
        (only,) = str(caught.value).splitlines()[1:]
        assert only.strip().startswith(f"{path}:{line_of(path, 'ir.xml')}: matrix.models[0].model: ")

    def test_where_a_device_was_written(self, write: Write) -> None:
        path = write({"models": [{"id": "a", **MODEL}], "devices": ["CPU", {"device": "GPU", "batch": 3}]})
        config = load_config(path, ["candidates.a-GPU-f32.optional=true"])
        assert config.where("candidates[0].device") == f"{path}:{line_of(path, '- CPU')}: matrix.devices[0]"
        assert config.where("candidates[1].batch") == f"{path}:{line_of(path, 'batch: 3')}: matrix.devices[1].batch"
        assert config.where("candidates[1].output").endswith(": matrix.models[0].output")
        assert config.where("candidates[1].optional") == "--set candidates[1].optional"
