"""The schema's own rules, gates and conversion of a candidate, and the JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from harness.commands.config import json_schema
from harness.config import Config

ROOT = Path(__file__).parents[2]
PARITY = {"images": 64, "max_abs_diff": 1.0e-3, "yardstick": None, "max_ratio": 2.0}
TARGET = {"top1_tolerance_pp": 0.1, "top5_tolerance_pp": 0.1}
DROP = {"top1_max_pp": 0.1, "top5_max_pp": 0.1}


def config(**changes: Any) -> Config:
    model = {"model": "m", "input": {"color": "RGB"}, "output": "o"}
    whole = {
        "version": 1,
        "name": "n",
        "dataset": {"path": "/d"},
        "reference": model,
        "candidates": [model | {"id": "ir"}],
    }
    return Config.model_validate(whole | changes)


def with_candidate(candidate: dict[str, Any], **changes: Any) -> Config:
    model = {"id": "ir", "model": "m", "input": {"color": "BGR"}, "output": "o"}
    return config(candidates=[model | candidate], **changes)


def test_defaults_are_the_published_protocol() -> None:
    plain = config().resolved()
    assert plain["dataset"]["preprocess"] == {
        "crop_fraction": 0.875,
        "size": 224,
        "interpolation": "bilinear",
        "exif": "ignore",
    }
    assert plain["dataset"]["background_class"] is True
    assert plain["dataset"]["bad_images"] == {"policy": "fail", "max": 0, "max_percent": 1.0}
    assert {name: plain["gates"][name] for name in ("parity", "target", "drop")} == {
        "parity": PARITY,
        "target": TARGET,
        "drop": DROP,
    }
    assert plain["candidates"][0]["device"] == "CPU"
    assert plain["candidates"][0]["precision"] == "f32"  # pinned, never the device's own choice
    calibration = {"path": None, "form": "auto", "images": 300, "seed": 0}
    assert plain["conversion"] == {"to": None, "weights": "f32", "calibration": calibration, "automatic": False}


@pytest.mark.parametrize(
    ("base", "override", "expected"),
    [
        ({}, {"parity": None}, {"parity": None, "target": TARGET, "drop": DROP}),
        ({}, {}, {"parity": PARITY, "target": TARGET, "drop": DROP}),
        ({}, {"parity": {}}, {"parity": PARITY, "target": TARGET, "drop": DROP}),
        (
            {"parity": {"images": 10, "max_abs_diff": 0.5}},
            {"parity": {"images": 20}},
            {"parity": {**PARITY, "images": 20, "max_abs_diff": 0.5}, "target": TARGET, "drop": DROP},
        ),
        (
            {"drop": {"top1_max_pp": 1, "top5_max_pp": 2}},
            {"drop": {"top5_max_pp": 0.1}},  # stated, though it is the default
            {"parity": PARITY, "target": TARGET, "drop": {"top1_max_pp": 1, "top5_max_pp": 0.1}},
        ),
        (
            {"parity": None, "target": None},
            {"parity": {"images": 5}},
            {"parity": {**PARITY, "images": 5}, "target": None, "drop": DROP},
        ),
        ({"parity": None}, {"drop": None}, {"parity": None, "target": TARGET, "drop": None}),
    ],
)
def test_a_candidate_overrides_only_what_it_states(base: Any, override: Any, expected: Any) -> None:
    whole = with_candidate({"gates": override}, gates=base)
    assert whole.gates_for(whole.candidates[0]).model_dump(include=set(expected)) == expected
    resolved = whole.resolved()["candidates"][0]["gates"]
    assert {name: resolved[name] for name in expected} == expected
    assert whole.gates_for(None) == whole.gates  # the reference's


def test_a_candidate_overrides_only_the_stated_keys_of_the_conversion() -> None:
    calibration = {"path": None, "form": "auto", "images": 300, "seed": 0}
    plain = {"to": None, "weights": "f16", "calibration": calibration, "automatic": False}
    whole = with_candidate({"conversion": {"weights": "f16"}})
    assert whole.conversion_for(whole.candidates[0]).model_dump() == plain
    whole = with_candidate({"conversion": {"weights": "f16"}}, conversion={"automatic": True})
    assert whole.conversion_for(whole.candidates[0]).model_dump() == {**plain, "automatic": True}
    whole = with_candidate(
        {"conversion": {"calibration": {"images": 7}}}, conversion={"calibration": {"path": "some", "seed": 3}}
    )
    laid_over = whole.conversion_for(whole.candidates[0]).calibration
    assert laid_over.model_dump() == {"path": Path("some"), "form": "auto", "images": 7, "seed": 3}


@pytest.mark.parametrize("ids", [("ir", "ir"), ("reference", "ir")])
def test_ids_are_unique(ids: tuple[str, str]) -> None:
    models = [{"id": name, "model": "m", "input": {"color": "RGB"}, "output": "o"} for name in ids]
    with pytest.raises(ValidationError, match="each id must be unique"):
        config(candidates=models)


def test_one_number_is_for_every_channel_and_three_stay_in_order() -> None:
    model = {"model": "m", "output": "o", "input": {"color": "BGR", "mean": [1, 2.5, 3], "scale": [58]}}
    reference = config(reference=model).original
    assert reference.input.mean_per_channel == (1, 2.5, 3)
    assert reference.input.scale_per_channel == (58, 58, 58)


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        config().name = "other"  # type: ignore[misc]


class TestJsonSchema:
    schema = json.loads(json_schema())

    def test_it_says_what_it_is(self) -> None:
        assert self.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert self.schema["type"] == "object"

    def test_every_reference_leads_somewhere(self) -> None:
        def walk(node: Any) -> None:
            if isinstance(node, dict):
                if "$ref" in node:
                    kind, _, name = node["$ref"].rpartition("/")
                    assert kind == "#/$defs"
                    assert name in self.schema["$defs"]
                for item in node.values():
                    walk(item)
            elif isinstance(node, list):
                for item in node:
                    walk(item)

        walk(self.schema)

    def test_every_mapping_refuses_unknown_keys_and_requires_what_has_no_default(self) -> None:
        for name, part in {"Config": self.schema, **self.schema["$defs"]}.items():
            assert part["additionalProperties"] is False, name
            without = {key for key, item in part["properties"].items() if "default" not in item}
            # A default may be a mapping of defaults, which JSON Schema leaves to `$ref`.
            assert set(part.get("required", ())) <= without, name

    def test_it_is_in_step_with_the_schema(self) -> None:
        stored = (ROOT / "configs/schema.json").read_text(encoding="utf-8")
        assert stored == json_schema(), "run `harness config schema > configs/schema.json`"

    @pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yml")), ids=lambda path: path.name)
    def test_the_example_configurations_name_it(self, path: Path) -> None:
        assert path.read_text(encoding="utf-8").splitlines()[0] == "# yaml-language-server: $schema=schema.json"

    @pytest.mark.parametrize(
        "path", [Path(__file__).parent / "example.yml", *sorted((ROOT / "configs").glob("*.yml"))], ids=lambda p: p.name
    )
    def test_it_accepts_the_keys_of_the_examples(self, path: Path) -> None:
        def check(value: Any, part: dict[str, Any], where: str) -> None:
            part = self.schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            choices = [item for item in part.get("anyOf", ()) if item.get("type") != "null"]
            if isinstance(value, dict):
                part = check_choice(choices, part)
                assert set(value) <= set(part["properties"]), where
                assert set(part.get("required", ())) <= set(value), where
                for key, item in value.items():
                    check(item, part["properties"][key], f"{where}.{key}")
            elif isinstance(value, list) and part.get("items"):
                for item in value:
                    check(item, part["items"], where)

        def check_choice(choices: list[dict[str, Any]], part: dict[str, Any]) -> dict[str, Any]:
            for choice in choices:
                if "$ref" in choice:
                    found: dict[str, Any] = self.schema["$defs"][choice["$ref"].rpartition("/")[2]]
                    return found
            return part

        check(yaml.safe_load(path.read_text(encoding="utf-8")), self.schema, path.name)


class TestDocumentation:
    TEXT = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")

    def test_every_key_is_explained(self) -> None:
        schema = TestJsonSchema.schema

        def walk(part: dict[str, Any], place: str) -> list[str]:
            keys = []
            for name, item in part["properties"].items():
                inner = [
                    choice["$ref"].rpartition("/")[2] for choice in (item, *item.get("anyOf", ())) if "$ref" in choice
                ]
                if inner:  # the reference's keys stand without a place of their own, for the candidates have them too
                    keys += walk(schema["$defs"][inner[0]], "" if inner[0] == "Reference" else f"{place}{name}.")
                elif name != "candidates" or place:
                    keys.append(f"{place}{name}")
            return keys

        keys = walk(schema, "") + [name for name in schema["$defs"]["Candidate"]["properties"] if name != "input"]
        assert "dataset.preprocess.size" in keys
        assert "input.color" in keys
        assert "precision" in keys
        assert [key for key in keys if f"`{key}`" not in self.TEXT] == []
