"""A failing run names its likely cause, and points to the command where it found none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import load_config
from harness.diagnosis import quick
from harness.engine.run import Options
from harness.engine.session import validate
from harness.record.schema import RunRecord
from harness.record.store import read_record
from tests.conftest import IrMaker, Tiny, write_config, write_images

Run = Callable[..., RunRecord]


@pytest.fixture
def run(tiny: Tiny, tmp_path: Path) -> Run:
    write_images(tmp_path / "images", 24, seed=3)

    def go(candidate: dict[str, Any], **options: Any) -> RunRecord:
        def change(data: dict[str, Any]) -> None:
            data["candidates"][0] |= candidate

        path = write_config(tmp_path, tiny, change)
        command = ("harness", "validate", "c.yml", "--set", "name=a b")
        given = Options(out=tmp_path / "run", quiet=True, command=command, **options)
        return validate(load_config(path), given, quick.explain)

    return go


WRONG = {"input": {"name": "input", "color": "RGB"}}


@pytest.mark.parametrize("use_cache", [True, False])
def test_a_failed_gate_names_the_cause_in_the_record(run: Run, use_cache: bool) -> None:
    found = run(WRONG, use_cache=use_cache)
    (part,) = found.diagnosis
    assert (part.model, part.cause, found.exit_code) == ("ir", "color-order", 1)
    assert "expects BGR" in part.sentence
    assert read_record(found.stored_in).diagnosis == found.diagnosis


def test_what_is_not_found_points_to_the_command_with_the_same_overrides(
    run: Run, make_ir: IrMaker, tmp_path: Path
) -> None:
    (part,) = run({"model": str(make_ir(tmp_path / "other.xml", scale_weights=1.3))}).diagnosis
    assert part.cause is None
    assert f"`harness diagnose {tmp_path / 'config.yml'} --candidate ir --set 'name=a b'`" in part.sentence


def test_no_time_is_no_guess(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "SECONDS", -1.0)
    (part,) = run(WRONG).diagnosis
    assert part.cause is None
    assert "harness diagnose" in part.sentence


def test_a_run_that_passes_is_not_looked_at(run: Run) -> None:
    assert run({}).diagnosis == ()
