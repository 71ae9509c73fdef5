from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from harness.commands.plan import run
from harness.errors import ConfigError
from harness.machine.environment import cores, cpu_name
from harness.record.speeds import keep_speed
from tests.record.test_speeds import run as a_run


def options(**changes: Any) -> argparse.Namespace:
    given = {"drop": 0.1, "confidence": 0.95, "whole": 50_000, "images": None, "discordant": None, "json": False}
    return argparse.Namespace(**(given | changes))


def test_table_answers_each_question() -> None:
    result = run(options())
    assert (result.exit_code, result.document) == (0, None)
    text = result.text
    for told in ("59", "3,709", "3,838", "--certify 0.1", "published accuracy", "50,000"):
        assert told in text


def test_json_is_one_document() -> None:
    result = run(options(json=True, images=650, discordant=0.5))
    assert result.text == ""
    plan = json.loads(json.dumps(result.document, allow_nan=False))
    assert [row["images"] for row in plan["parity"]] == [29, 59, 299]
    assert [row["discordant_percent"] for row in plan["drop_within_limit"]] == [0.5]
    assert plan["subset"]["images"] == 650
    assert plan["subset"]["is_whole_set"] is False


def test_the_cost_is_told_by_the_last_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 images/s and 3.5 s beside: 3,709 images take 40.59 s, 50,000 take 503.5 s; of another machine nothing."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    assert "After a first run, this also shows" in run(options()).text
    here = {"cpu": cpu_name(), "cores": cores()}
    for environment in (here, {"cpu": "another", "cores": 2}):
        keep_speed(tmp_path, a_run().model_copy(update={"environment": environment}))
    text = " ".join(run(options()).text.split())
    assert "as net ran last (reference computed, 100 images/s): 3,709 images 41 s, 50,000 images 8 min." in text
    document = run(options(json=True)).document
    assert document is not None
    (row,) = document["cost"]
    assert (row["certify_seconds"], row["whole_set_seconds"]) == (pytest.approx(40.59), pytest.approx(503.5))


def test_what_a_subset_cannot_show() -> None:
    text = run(options(images=650, discordant=1.0)).text
    assert "What 650 of 50,000 images can show" in text
    assert "cannot: a drop within 0.1 pp, if no image flips: then at most 0.588 pp" in text
    assert "cannot: a drop within 0.1 pp, if 1 % of images flip" in text
    assert "cannot: the published accuracy" in text


@pytest.mark.parametrize(("whole", "heavy"), [(48, True), (999, True), (1000, False)])
def test_a_set_of_which_one_image_weighs_more_than_the_limit_is_named(whole: int, heavy: bool) -> None:
    """100 / 1000 is just the limit of 0.1 pp."""
    text = run(options(whole=whole)).text
    assert (f"the configuration says `dataset.images: {whole}`" in text) == heavy
    assert (f"One image of {whole:,} weighs" in text) == heavy


def test_json_says_what_one_image_weighs() -> None:
    document = run(options(whole=48, json=True)).document
    assert document is not None
    assert document["one_image_pp"] == pytest.approx(2.0833333333)


def test_the_whole_set_decides_by_counts() -> None:
    assert "exactly, by counts: this is the whole set" in run(options(images=720, whole=720)).text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"drop": 0.0}, "--drop 0"),
        ({"drop": float("nan")}, "--drop nan"),
        ({"confidence": 95.0}, "such as 0.95"),
        ({"images": 50_001}, "--whole"),
        ({"discordant": 101.0}, "--discordant 101"),
        ({"whole": 10**9}, "--whole 1000000000"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        run(options(**changes))
