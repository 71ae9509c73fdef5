"""Where shards are evaluated, as a configuration says it."""

from __future__ import annotations

import builtins
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from harness.config import load_config
from harness.config.engine import EngineSettings
from harness.engine.opening import with_engine
from harness.errors import ConfigError

EXAMPLE = Path(__file__).parent / "example.yml"


def loaded(*overrides: str) -> EngineSettings:
    return load_config(EXAMPLE, overrides, {"IMAGENET_VAL": "/data"}).engine


def test_without_the_key_the_engine_is_local() -> None:
    assert loaded() == EngineSettings(kind="local", address="auto", workers=None, resources={}, timeout_seconds=1800)


def test_all_keys() -> None:
    settings = loaded(
        "engine={kind: ray, address: 10.0.0.1:6379, workers: 8, resources: {CPU: 4, NPU: 0.5}, timeout_seconds: 60}"
    )
    assert (settings.kind, settings.address, settings.workers) == ("ray", "10.0.0.1:6379", 8)
    assert (settings.resources, settings.timeout_seconds) == ({"CPU": 4, "NPU": 0.5}, 60)


@pytest.mark.parametrize(
    "override",
    ["engine.kind=rey", "engine.workers=0", "engine.resources={CPU: 0}", "engine.resources={'a b': 1}",
     "engine.timeout_seconds=0", "engine.worker=2", "engine.address=''"],
)  # fmt: skip
def test_what_cannot_be_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match="engine"):
        loaded(override)


def test_the_command_line_wins_and_the_record_shows_it() -> None:
    config = load_config(EXAMPLE, ["engine.kind=ray", "engine.workers=3"], {"IMAGENET_VAL": "/data"})
    chosen = with_engine(config, "local")
    assert (chosen.engine.kind, chosen.engine.workers) == ("local", 3)
    assert chosen.resolved()["engine"]["kind"] == "local"


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else real(name, *more))
    config = load_config(EXAMPLE, (), {"IMAGENET_VAL": "/data"})
    with pytest.raises(ConfigError, match=r"needs Ray, which is not installed; run `pip install .*\[ray\]'`"):
        with_engine(config, "ray")


def test_nothing_needs_ray_but_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_ray(name: str, *more: Any) -> Any:
        assert name.split(".", maxsplit=1)[0] != "ray"
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    config = load_config(EXAMPLE, (), {"IMAGENET_VAL": "/data"})
    assert with_engine(config, None).engine.kind == "local"
