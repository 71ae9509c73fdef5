"""`--set KEY=VALUE`: how a key is named, what its value is, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import load_config
from harness.errors import ConfigError

Example = Callable[..., Path]
ENVIRONMENT = {"IMAGENET_VAL": "/data/val"}


def refused(path: Path, *overrides: str, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, ENVIRONMENT if environment is None else environment)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("candidates[0].device=GPU.1", "GPU.1"),
        ("candidates.0.device=GPU.1", "GPU.1"),
        ("candidates.ir.device=GPU.1", "GPU.1"),
        ("candidates.ir.device=HETERO:GPU,CPU", "HETERO:GPU,CPU"),
        (" candidates.ir.device = AUTO", "AUTO"),
    ],
)
def test_a_candidate_is_named_by_place_or_id(example: Example, override: str, value: str) -> None:
    assert load_config(example(), [override], ENVIRONMENT).candidates[0].device == value


@pytest.mark.parametrize("name", ["ir.f16", "2024.6", "7", "007", "a-b_c"])
def test_ids_with_dots_and_digits_are_found(example: Example, name: str) -> None:
    path = example(("id: ir", f"id: '{name}'"))
    assert load_config(path, [f"candidates.{name}.precision=bf16"], ENVIRONMENT).candidates[0].precision == "bf16"


def test_a_place_in_the_list_comes_before_an_id(example: Example) -> None:
    text = "  - {id: '0', model: x.xml, input: {color: BGR}, output: o}\npublished:"
    config = load_config(example(("published:", text)), ["candidates.0.device=GPU"], ENVIRONMENT)
    assert [item.device for item in config.candidates] == ["GPU", "CPU"]


def test_overrides_take_yaml_values_and_later_ones_win(example: Example) -> None:
    overrides = [
        "gates.parity.max_abs_diff=1e-5",
        "gates.target=null",
        "gates.drop={top1_max_pp: 0.5}",
        "reference.input.mean=[1, 2, 3]",
        "reference.input.mean[2]=9",
        "dataset.background_class=false",
        "candidates.ir.batch=8",
        "candidates.ir.batch=16",
        "cache.max_gb=1.5",
    ]
    config = load_config(example(), overrides, ENVIRONMENT)
    assert config.gates.parity is not None
    assert (config.gates.parity.max_abs_diff, config.gates.parity.images) == (1e-5, 64)
    assert config.gates.target is None
    assert config.gates.drop is not None
    assert (config.gates.drop.top1_max_pp, config.gates.drop.top5_max_pp) == (0.5, 0.1)
    assert config.original.input.mean_per_channel == (1, 2, 9)
    assert config.dataset.outputs == 1000
    assert config.candidates[0].batch == 16
    assert config.cache.max_gb == 1.5


def test_a_gate_that_is_off_is_turned_on_by_one_key(example: Example) -> None:
    path = example(("parity: {images: 64, max_abs_diff: 1.0e-3}", "parity: null"))
    assert load_config(path, environment=ENVIRONMENT).gates.parity is None
    parity = load_config(path, ["gates.parity.images=10"], ENVIRONMENT).gates.parity
    assert parity is not None
    assert (parity.images, parity.max_abs_diff) == (10, 0.001)


def test_an_override_makes_an_unset_variable_harmless(example: Example) -> None:
    assert "IMAGENET_VAL is not set" in refused(example(), environment={})
    assert load_config(example(), ["dataset.path=/x"], {}).dataset.path == Path("/x")
    assert load_config(example(), ["dataset={path: /x}"], {}).dataset.path == Path("/x")
    assert "IMAGENET_VAL is not set" in refused(example(), "dataset.images=3", environment={})


def test_a_wrong_override_of_an_unset_variable_is_said(example: Example) -> None:
    assert "--set dataset.path: should be a path" in refused(example(), "dataset.path=5", environment={})


def test_variables_in_overrides(example: Example) -> None:
    assert load_config(example(), ["dataset.path=${D:-/d}/x"], {}).dataset.path == Path("/d/x")
    told = refused(example(), "dataset.path=${DATA}", environment={"IMAGENET_VAL": "/v"})
    assert "the variable DATA is not set" in told
    assert "`--set dataset.path=VALUE`" in told


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("dataset.path", "write KEY=VALUE"),
        ("=x", "write KEY=VALUE"),
        ("a..b=1", "write KEY=VALUE"),
        (".=1", "write KEY=VALUE"),
        ("dataset.path=[1", "not readable as YAML"),
        ("dataset.path=@x", "put it in quotes"),
        ("dataset.path=*x", "not readable as YAML"),
        ("dataset.path=", "--set dataset.path: is empty"),
        ("candidates[1].device=GPU", "there is no candidates[1]"),
        ("candidates.irr.device=GPU", "did you mean candidates.ir?"),
        ("dataset.path.deeper=1", "there is no dataset.path.deeper"),
        ("reference.input.mean[0]=1", "there is no reference.input.mean[0]"),
        ("dataset.pth=/x", "--set dataset.pth: unknown key; did you mean `path`?"),
        ("candidate.ir.device=GPU", "--set candidate: unknown key; did you mean `candidates`?"),
        ("gates.parity.image=3", "--set gates.parity.image: unknown key; did you mean `images`?"),
        ("gates.parity.images=many", "--set gates.parity.images: "),
        ("dataset.images={a: 1, a: 2}", "appears twice"),
        ("name=!!python/name:os.system x", "not allowed here"),
        ("9" * 5000 + "=1", "unknown key"),
    ],
)
def test_overrides_that_are_refused(example: Example, override: str, told: str) -> None:
    assert told in refused(example(), override)


def test_every_wrong_override_is_said_at_once(example: Example) -> None:
    told = refused(example(), "a", "candidates[9].device=x", "dataset.imags=3")
    assert told.splitlines()[0].endswith("3 faults in the configuration")
    assert len(told.splitlines()) == 4
