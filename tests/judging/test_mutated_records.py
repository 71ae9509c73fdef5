"""Every value of a real record that a verdict, a count or a ranking rests on: changed, it is refused or shown as it is.

Free are sentences that are made again from the rest, and what no other file of the run holds: how long things took,
where they ran, what the models are called and say of themselves, and the texts of the configuration.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import harness.dataset.manifest
from harness.backends.registry import register
from harness.cli import main
from harness.errors import RecordError
from harness.judging.exit_codes import exit_code
from harness.judging.recount import UNVERIFIED, sound_record
from harness.record.predictions import read_predictions
from harness.record.schema import GatePart, RunRecord
from harness.record.store import read_record
from tests.backends.fake import FACTS
from tests.engine.conftest import fakes  # noqa: F401
from tests.engine.test_session import LABELS, Project, values_for

Plain = dict[str, Any]
Place = tuple[str | int, ...]
FREE_OF_MODELS = (
    "hints",
    "properties",
    "backend",
    "device",
    "device_name",
    "precision",
    "model",
    "model_sha256",
    "details",
    "images_per_second",
    "speed",
    "cached",
    "error",
    "latency_ms",
    "model_bytes",
    "preprocessing",
)
MATTERS = ("status", "exit_code", "dataset", "models", "comparisons", "pairwise", "gates", "matrix", "yardsticks")


def is_free(place: Place) -> bool:
    """Whether no other file of a run says what stands there."""
    top, last = place[0], place[-1]
    if top == "models":
        return len(place) > 2 and place[2] in FREE_OF_MODELS
    if top == "dataset":  # the size of the list counts where the configuration states no size of the set
        free = ("name", "form", "listed", "content_fingerprint")
        return len(place) > 1 and (place[1] in free or (place[1] == "bad_images" and last == "reason"))
    return last in ("reason", "warning")


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the place of each value, of each list and of each mapping below the top."""
    if place:
        yield place, value
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*place, key))


def others(value: Any) -> Iterator[Any]:
    """Yield other values that could stand there."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        yield 0
    elif isinstance(value, float):
        yield value * 0.5 + 0.25
    elif isinstance(value, str):
        yield from ("pass", "not_applicable", "ok", "other")
    elif value is None:
        yield 0.5
    elif isinstance(value, list) and value:
        yield from (value[1:], [*value, value[0]], value[::-1])


def changed(plain: Plain, place: Place, value: Any) -> Plain:
    """Return a record with another value at a place."""
    made = copy.deepcopy(plain)
    holder: Any = made
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return made


def without(plain: Plain, place: Place) -> Plain:
    """Return a record that lacks a place."""
    made = copy.deepcopy(plain)
    holder: Any = made
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return made


def substance(record: RunRecord) -> Plain:
    """Return all of a record that is not free."""

    def kept(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            pairs = ((key, item, (*place, key)) for key, item in value.items())
            return {key: kept(item, at) for key, item, at in pairs if not is_free(at)}
        return [kept(item, (*place, at)) for at, item in enumerate(value)] if isinstance(value, list) else value

    plain: Plain = kept(record.model_dump(mode="json", include=set(MATTERS)), ())
    return plain


@dataclass(frozen=True)
class Made:
    """A real run: its record, and its table."""

    record: RunRecord
    table: pa.Table

    @property
    def plain(self) -> Plain:
        """The record as JSON."""
        return json.loads((self.record.stored_in / "run.json").read_text())  # type: ignore[no-any-return]


def second(data: Plain) -> None:
    data["candidates"].append({**data["candidates"][0], "id": "tw"})
    data["published"] = {"top1_percent": 60, "top5_percent": 90}
    data["gates"]["target"] = {"top1_tolerance_pp": 5, "top5_tolerance_pp": 5}


def failing(data: Plain) -> None:
    second(data)
    data["gates"]["parity"]["max_abs_diff"] = 1e-9
    data["dataset"]["images"] = 40


def with_bad(data: Plain) -> None:
    data["dataset"]["bad_images"] = {"policy": "wrong", "max": 2, "max_percent": 50}


def certified(data: Plain) -> None:
    data["certify"] = {"top1_max_drop_pp": 20.0}


def alone(data: Plain) -> None:
    second(data)
    data["reference"] = None
    del data["gates"]["parity"]


def chance(_: Plain) -> None:
    """Every answer is wrong."""


def by_precision(data: Plain) -> None:
    data["gates"]["parity"] = {"images": 12, "yardstick": "f16", "max_ratio": 100.0}


def by_candidate(data: Plain) -> None:
    second(data)
    data["candidates"][0]["gates"] = {"parity": {"yardstick": "tw", "max_ratio": 1.5}}


def baseline(data: Plain) -> None:
    data["gates"]["baseline"] = {"file": "baseline.json"}


KINDS: dict[Callable[[Plain], None], int] = {
    second: 0,
    failing: 1,
    with_bad: 0,
    certified: 0,
    alone: 0,
    chance: 5,
    baseline: 0,
    by_precision: 0,
    by_candidate: 0,
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def made(request: pytest.FixtureRequest, tmp_path: Path, fakes: object, monkeypatch: pytest.MonkeyPatch) -> Made:  # noqa: F811
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 4)
    rounder = "tests.engine.test_yardstick:Rounded"
    register(dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel", rounder=rounder))
    project = Project(tmp_path)
    wrong = range(20) if request.param is chance else (1, 4)
    values = values_for(LABELS * 2, wrong=wrong)
    values[3] = None if request.param is with_bad else values[3]
    project.images(values, LABELS * 2)
    if request.param is baseline:
        run = project.validate()
        assert main(["baseline", "update", str(run.stored_in), str(tmp_path / "baseline.json")]) == 0
    record = project.validate(request.param)
    assert record.exit_code == KINDS[request.param]
    table = read_predictions(record.stored_in)
    assert table is not None
    return Made(record, table)


def believed(made: Made, plain: Plain, table: pa.Table | None) -> RunRecord | None:
    """Return the record that is believed; None where it is refused."""
    path = made.record.stored_in / "run.json"
    path.write_text(json.dumps(plain))
    try:
        return sound_record(read_record(path), table)
    except RecordError:
        return None


def test_each_change_is_refused_or_undone(made: Made) -> None:
    plain, truth = made.plain, substance(made.record)
    tried = 0
    for place, value in leaves({key: plain[key] for key in MATTERS}):
        if is_free(place):
            continue
        for other in (*others(value), None):
            # Figures have names, and of a yardstick's errors only the distribution counts.
            if other == value or (place[-1] in ("figures", "errors") and other == value[::-1]):
                continue
            found = believed(made, changed(plain, place, other), made.table)
            assert found is None or substance(found) == truth, (place, value, other)
            tried += 1
        found = believed(made, without(plain, place), made.table)
        assert found is None or substance(found) == truth, (place, "removed")
    assert tried > 200
    for key in ("gates", "candidates", "dataset", "published"):  # of the configuration
        found = believed(made, {**plain, "config": without(plain["config"], (key,))}, made.table)
        assert found is None or substance(found) == truth or set(found.warnings) & set(UNVERIFIED), key


def test_without_its_table_a_verdict_has_to_follow_from_its_numbers(made: Made) -> None:
    plain = {**made.plain, "matrix": None}
    honest = believed(made, plain, None)
    assert honest is not None
    assert set(honest.warnings) & set(UNVERIFIED)
    for at, gate in enumerate(plain["gates"]):
        assert believed(made, without(plain, ("gates", at)), None) is None
        for verdict in ("pass", "fail", "inconclusive", "not_applicable", "error"):
            if verdict == gate["verdict"] or gate["gate"] == "certify":
                continue
            forged = changed(plain, ("gates", at, "verdict"), verdict)
            parts = [GatePart(**item) for item in forged["gates"]]
            forged["exit_code"] = exit_code(parts, evaluated=20)
            assert believed(made, forged, None) is None, (gate, verdict)
        for key in gate["limit"] or {}:
            forged = changed(plain, ("gates", at, "limit", key), 0.75)
            for figure in forged["gates"][at]["figures"]:
                figure["limit"] = 0.75 if figure["limit_name"] == key else figure["limit"]
            assert believed(made, forged, None) is None, (gate, key)


def test_a_model_without_its_columns_is_refused(made: Made) -> None:
    model = made.record.models[-1].id
    own = [name for name in made.table.column_names if name.startswith(f"{model}.")]
    for lacking in (own, own[-1:]):
        assert believed(made, made.plain, made.table.drop_columns(lacking)) is None
