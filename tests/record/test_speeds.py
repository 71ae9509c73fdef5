from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.record.schema import RunRecord
from harness.record.speeds import keep_speed, read_speeds, speed_of
from tests.report.records import dataset, model, record


def run(
    *, cached: bool = False, name: str = "net", evaluated: int = 650, stream: float = 6.5, **more: Any
) -> RunRecord:
    reference = model("tf", role="reference").model_copy(
        update={"cached": cached, "images_per_second": None if cached else 170.0}
    )
    found = record(models=(reference, model("ir")), dataset=dataset(evaluated=evaluated), **more)
    timing = {"stream_seconds": stream, "wall_seconds": stream + 3.5}
    environment = {**found.environment, "cpu": "a CPU", "cores": 2}
    return found.model_copy(update={"timing": timing, "name": name, "environment": environment})


def test_a_speed_is_images_by_the_stream_and_the_rest_of_the_process() -> None:
    speed = speed_of(run())
    assert speed is not None
    assert (speed.images_per_second, speed.other_seconds, speed.candidates, speed.cached) == (100.0, 3.5, 1, False)
    assert speed.seconds(1000) == 13.5


@pytest.mark.parametrize("evaluated", [0, 64])
def test_a_short_run_says_nothing(evaluated: int) -> None:
    assert speed_of(run(evaluated=evaluated)) is None


def test_a_resumed_run_says_nothing() -> None:
    assert speed_of(run(command=("harness", "validate", "x", "--resume"))) is None


def test_the_last_of_each_kind_is_kept_the_last_one_first(tmp_path: Path) -> None:
    for kept in (run(), run(cached=True, stream=2.6), run(stream=13.0), run(name="other")):
        keep_speed(tmp_path, kept)
    found = [(speed.name, speed.cached, speed.images_per_second) for speed in read_speeds(tmp_path)]
    assert found == [("other", False, 100.0), ("net", False, 50.0), ("net", True, 250.0)]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema_version": 2}', '{"schema_version": 1, "runs": [{"name": 1}]}', "[" * 10_000]
)
def test_a_file_that_is_none_is_as_good_as_missing(tmp_path: Path, text: str) -> None:
    (tmp_path / "speeds.json").write_text(text)
    assert read_speeds(tmp_path) == ()
    keep_speed(tmp_path, run())
    assert len(read_speeds(tmp_path)) == 1
    assert json.loads((tmp_path / "speeds.json").read_text())["schema_version"] == 1


def test_what_others_may_write_to_is_not_read_and_a_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path,
) -> None:
    keep_speed(tmp_path, run())
    (tmp_path / "speeds.json").chmod(0o666)
    assert read_speeds(tmp_path) == ()
    (tmp_path / "file").write_bytes(b"")
    keep_speed(tmp_path / "file", run())
    assert read_speeds(tmp_path / "file") == ()
