"""The interfaces that others build on, by name: command line, exit codes, configuration, record, per-image table.

They stay as they are written here. What is agreed on but not built yet is listed once, in ``NOT_BUILT_YET``; whoever
builds it takes it off that list, and from then on it is held to the contract.
"""

from __future__ import annotations

import argparse
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from harness import errors
from harness.cli import build_parser
from harness.config import Config
from harness.record.schema import GatePart, RunRecord

NOT_BUILT_YET: set[str] = set()

# The positional arguments and options of every command; a value is a choice that must be offered.
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "validate": {
        "CONFIG": (),
        "--set": (),
        "--limit": (),
        "--out": (),
        "--resume": (),
        "--no-cache": (),
        "--certify": (),
        "--engine": ("local", "ray"),
        "--json": (),
    },
    "convert": {"CONFIG": ()},
    "fetch": {"CONFIG": ()},
    "diagnose": {"CONFIG": (), "--candidate": (), "--json": ()},
    "compare": {"RUN_A": (), "RUN_B": (), "--json": ()},
    "report": {"RUN": (), "--format": ("html", "md", "junit", "csv")},
    "baseline update": {"RUN": (), "FILE": ()},
    "baseline check": {"RUN": (), "FILE": ()},
    "selftest": {"CONFIG": (), "--json": ()},
    "devices": {"--json": ()},
    "config check": {"CONFIG": ()},
    "config schema": {},
    "capsule make": {"CONFIG": (), "FILE": (), "--images": ()},
    "capsule show": {"FILE": ()},
    "suite": {"SUITE": (), "--engine": ("local", "ray"), "--json": ()},
    "bisect": {"CAPSULE": (), "--good": (), "--bad": (), "--json": ()},
}

EXIT_CODES = {
    "EXIT_OK": 0,
    "EXIT_GATE_FAILED": 1,
    "EXIT_USAGE": 2,
    "EXIT_NOT_COMPLETED": 3,
    "EXIT_BASELINE": 4,
    "EXIT_NOTHING_DECIDED": 5,
    "EXIT_BUG": 70,
    "EXIT_INTERRUPTED": 130,
}

CONFIG_KEYS = {
    "": {"version", "name", "dataset", "reference", "candidates", "published", "gates"},
    "dataset": {"path", "form", "labels", "background_class", "images", "preprocess"},
    "dataset.preprocess": {"crop_fraction", "size", "interpolation"},
    "reference": {"id", "backend", "model", "input", "output"},
    "reference.input": {"name", "color", "mean", "scale"},
    "candidates": {"id", "backend", "model", "device", "precision", "input", "output", "gates"},
    "candidates.input": {"name", "color", "mean", "scale"},
    "published": {"top1_percent", "top5_percent", "images"},
    "gates": {"parity", "target", "drop", "flips", "stability"},
    "gates.parity": {"images", "max_abs_diff"},
    "gates.target": {"top1_tolerance_pp", "top5_tolerance_pp"},
    "gates.drop": {"top1_max_pp", "top5_max_pp"},
    "gates.flips": {"max_percent", "max_real_percent"},
    "gates.stability": {"images", "max_abs_diff"},
}

RATE = {"correct", "total", "percent", "ci95_percent"}
RECORD_FIELDS = {
    "": {"schema_version", "status", "exit_code", "config", "environment", "dataset", "models", "comparisons", "gates"}
    | {"timing"},
    "dataset": {"name", "form", "images", "evaluated", "bad_images", "fingerprint"},
    "dataset.bad_images": {"id", "reason"},
    "models": {"id", "role", "backend", "device", "device_name", "precision", "model_sha256", "top1", "top5"}
    | {"images_per_second", "cached"},
    "models.precision": {"requested", "effective"},
    "models.top1": RATE,
    "models.top5": RATE,
    "comparisons": {"reference", "candidate", "top1_agreement", "flips", "drop", "max_abs_diff", "mean_abs_diff"},
    "comparisons.top1_agreement": {"count", "total", "percent"},
    "comparisons.flips": {"fixed", "broken", "changed_wrong"},
    "comparisons.drop": {"top1_pp", "top5_pp", "top1_ci95_pp", "top1_p_value"},
    "gates": {"gate", "model", "verdict", "measured", "limit", "reason"},
}

PREDICTIONS_OF_A_MODEL = {
    "top1",
    "top5",
    "probability_of_label",
    "top1_probability",
    "rank_of_label",
    "max_abs_diff",
}


def parser_of(command: str) -> argparse.ArgumentParser | None:
    parser = build_parser()
    for word in command.split():
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not inner or word not in inner[0].choices:
            return None
        parser = inner[0].choices[word]
    return parser


def not_built(what: str) -> None:
    """Skip what is on the list; anything else that is missing breaks the contract."""
    if what in NOT_BUILT_YET:
        pytest.skip(f"`{what}` is not built yet")
    pytest.fail(f"`{what}` is promised and not there")


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str) -> None:
    if parser_of(command) is None:
        not_built(command)


@pytest.mark.parametrize(
    ("command", "argument"), [(command, argument) for command, arguments in COMMANDS.items() for argument in arguments]
)
def test_argument(command: str, argument: str) -> None:
    parser = parser_of(command)
    if parser is None:
        return not_built(command)
    known = {name for action in parser._actions for name in (*action.option_strings, str(action.metavar))}
    if argument not in known:
        not_built(f"{command} {argument}")
    return None


@pytest.mark.parametrize(
    ("command", "argument", "choice"),
    [
        (command, argument, choice)
        for command, arguments in COMMANDS.items()
        for argument, choices in arguments.items()
        for choice in choices
    ],
)
def test_choice(command: str, argument: str, choice: str) -> None:
    parser = parser_of(command)
    assert parser is not None
    action = next(action for action in parser._actions if argument in action.option_strings)
    if command == "report":
        from harness.report.render import FORMATS

        offered: set[Any] = set(FORMATS)
    else:
        offered = set(action.choices or ())
    if choice not in offered:
        not_built(f"{command} {argument} {choice}")


def test_what_is_not_built_yet_is_part_of_the_contract() -> None:
    promised = set(COMMANDS)
    for command, arguments in COMMANDS.items():
        promised |= {f"{command} {argument}" for argument in arguments}
        promised |= {f"{command} {argument} {choice}" for argument, choices in arguments.items() for choice in choices}
    assert promised >= NOT_BUILT_YET


def test_set_may_be_given_many_times() -> None:
    options = build_parser().parse_args(["validate", "c.yml", "--set", "a=1", "--set", "b=2"])
    assert options.overrides == ["a=1", "b=2"]


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_exit_code(name: str, code: int) -> None:
    assert getattr(errors, name) == code
    assert f"{code} " in str(build_parser().epilog)  # and `--help` says so


def test_there_is_no_other_exit_code() -> None:
    assert {name for name in vars(errors) if name.startswith("EXIT_")} == set(EXIT_CODES)


def model_at(root: type[BaseModel], place: str) -> type[BaseModel]:
    """Return the class at ``gates.parity``: through optional parts and the items of lists."""
    model = root
    for name in place.split(".") if place else ():
        annotation = typing.get_type_hints(model)[name]
        while not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            annotation = next(item for item in typing.get_args(annotation) if item is not type(None))
        model = annotation
    return model


@pytest.mark.parametrize(("place", "keys"), CONFIG_KEYS.items())
def test_configuration_keys(place: str, keys: set[str]) -> None:
    assert keys <= set(model_at(Config, place).model_fields)


def test_the_example_uses_no_key_but_those() -> None:
    def walk(value: Any, place: str) -> None:
        if isinstance(value, dict):
            assert set(value) <= CONFIG_KEYS[place], place
            for key, item in value.items():
                walk(item, f"{place}.{key}".lstrip("."))
        elif isinstance(value, list):
            for item in value:
                walk(item, place)

    example = Path(__file__).parent / "config/example.yml"
    walk(yaml.safe_load(example.read_text(encoding="utf-8")), "")


@pytest.mark.parametrize(("place", "fields"), RECORD_FIELDS.items())
def test_record_fields(place: str, fields: set[str]) -> None:
    assert fields <= set(model_at(RunRecord, place).model_fields)


def test_words_of_status_role_and_verdict() -> None:
    def words(model: type[BaseModel], field: str) -> set[str]:
        return set(typing.get_args(typing.get_type_hints(model)[field]))

    assert words(RunRecord, "status") == {"complete", "incomplete", "error"}
    assert words(model_at(RunRecord, "models"), "role") == {"reference", "candidate"}
    assert words(GatePart, "verdict") == {"pass", "fail", "inconclusive", "not_applicable", "error"}


def test_columns_of_the_per_image_table() -> None:
    from harness.metrics.outcome import score
    from harness.record.shard_table import outcome_columns

    outcome = score(np.full((2, 6), 1 / 6, np.float32), np.array([0, 1], np.int32))
    columns = set(outcome_columns({"tf": outcome, "ir": outcome}))
    assert {f"{model}.{name}" for model in ("tf", "ir") for name in PREDICTIONS_OF_A_MODEL} <= columns


def test_the_python_interface() -> None:
    import harness

    assert harness.__all__ == ["load_config", "validate"]
    assert callable(harness.load_config)
    assert callable(harness.validate)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        harness.nothing  # noqa: B018
