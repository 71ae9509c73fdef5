"""A record that disagrees with itself or with its table is refused by everything that reads records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness import load_config, validate
from harness.cli import main
from harness.engine.run import Options
from harness.errors import RecordError
from harness.judging.recount import read_sound_record
from harness.judging.rules import Rules
from harness.judging.stated_verdicts import verdict_faults
from harness.metrics.statistics import wilson
from harness.record.predictions import read_predictions, write_predictions
from harness.record.store import read_record
from tests.conftest import Tiny, write_config, write_images

Plain = dict[str, Any]


@pytest.fixture(scope="module")
def made(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a real run: 24 images, parity and drop pass."""
    folder = tmp_path_factory.mktemp("run")
    write_images(folder / "images", 24)

    def change(data: Plain) -> None:
        data["published"] = {"top1_percent": 10, "top5_percent": 10}

    config = load_config(write_config(folder, tiny, change))
    assert validate(config, Options(out=folder / "run", quiet=True)).exit_code == 0
    return folder / "run"


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def edit(run: Path, change: Callable[[Plain], None]) -> None:
    path = run / "run.json"
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))


def raised(plain: Plain) -> None:
    low, high = wilson(24, 24)
    for model in plain["models"]:
        for key in ("top1", "top5"):
            model[key] |= {"correct": 24, "percent": 100.0, "ci95_percent": [100 * low, 100 * high]}


def one_raised(plain: Plain) -> None:
    plain["models"][1]["top1"] |= {"correct": 24, "percent": 100.0}


def percent(plain: Plain) -> None:
    plain["models"][1]["top1"]["percent"] = 99.0


def more_than_all(plain: Plain) -> None:
    plain["models"][1]["top5"] |= {"correct": 25, "percent": 100 * 25 / 24}


def passing_beside_a_failing_figure(plain: Plain) -> None:
    gate = next(gate for gate in plain["gates"] if gate["gate"] == "parity")
    gate["measured"]["max_abs_diff"] = 0.5
    next(item for item in gate["figures"] if item["name"] == "max_abs_diff")["value"] = 0.5


def other_measured(plain: Plain) -> None:
    next(gate for gate in plain["gates"] if gate["gate"] == "parity")["measured"]["max_abs_diff"] = 1e-9


def unknown_gate(plain: Plain) -> None:
    plain["gates"].append({"gate": "parity", "model": "another", "verdict": "pass", "reason": "r"})


def failed_with_code_0(plain: Plain) -> None:
    next(gate for gate in plain["gates"] if gate["gate"] == "drop")["verdict"] = "fail"


def passed_with_code_1(plain: Plain) -> None:
    plain["exit_code"] = 1


def stricter_limit(plain: Plain) -> None:
    plain["candidates"] = None
    for candidate in plain["config"]["candidates"]:
        candidate["gates"]["parity"]["max_abs_diff"] = 0.0


def fewer_images(plain: Plain) -> None:
    plain["dataset"]["evaluated"] = 23


def other_labels(plain: Plain) -> None:
    plain["dataset"]["fingerprint"] = "0" * 64


def agreement(plain: Plain) -> None:
    plain["comparisons"][0]["top1_agreement"] = {"count": 23, "total": 24, "percent": 100 * 23 / 24}


def largest(plain: Plain) -> None:
    plain["comparisons"][0]["max_abs_diff"] *= 2


def strangers(plain: Plain) -> None:
    plain["comparisons"][0]["candidate"] = "another"


def narrower(plain: Plain) -> None:
    plain["comparisons"][0]["drop"]["top5_ci95_pp"] = [-0.01, 0.01]


WITHOUT_TABLE: dict[Callable[[Plain], None], str] = {
    one_raised: "flips of ir do not add up",
    percent: "is not a count of the 24",
    more_than_all: "is not a count of the 24",
    passing_beside_a_failing_figure: "parity of ir passed, but its max_abs_diff is over",
    other_measured: "different numbers in `measured`",
    unknown_gate: "'another', which is not a model of the run",
    failed_with_code_0: "its exit code is 0, its gates mean 1",
    passed_with_code_1: "its exit code is 1, its gates mean 0",
    fewer_images: "is not a count of the 23",
    strangers: "compares 'another'",
}
WITH_TABLE: dict[Callable[[Plain], None], str] = {
    raised: "predictions.parquet has",
    stricter_limit: "gate parity of ir is 'pass', predictions.parquet gives 'fail'",
    other_labels: "different images or labels",
    agreement: "its top1_agreement.count of ir",
    largest: "its max_abs_diff of ir",
}


@pytest.mark.parametrize("change", WITHOUT_TABLE)
@pytest.mark.parametrize("table", [True, False])
def test_a_record_that_contradicts_itself(run: Path, change: Callable[[Plain], None], table: bool) -> None:
    edit(run, change)
    if not table:
        (run / "predictions.parquet").unlink()
    with pytest.raises(RecordError, match=WITHOUT_TABLE[change]):
        read_sound_record(run)


def test_an_interval_without_its_table_is_as_wide_as_any_of_its_counts(run: Path) -> None:
    """Without a flip among 24 images it is about 14 pp to each side; how many flips there were, nothing else states."""
    edit(run, narrower)
    with pytest.raises(RecordError, match="top5_ci95_pp"):
        read_sound_record(run)
    (run / "predictions.parquet").unlink()
    with pytest.raises(RecordError, match="interval of the Top-5 drop of ir is narrower than its counts allow"):
        read_sound_record(run)


@pytest.mark.parametrize("change", WITH_TABLE)
def test_a_record_that_contradicts_its_table(run: Path, change: Callable[[Plain], None]) -> None:
    edit(run, change)
    with pytest.raises(RecordError, match=WITH_TABLE[change]):
        read_sound_record(run)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("label", pa.array(["x"] * 24)),
        ("ir.top1", pa.array([1.5] * 24)),
        ("ir.top1", pa.array([3] * 24, pa.int32())),
        ("ir.rank_of_label", pa.array([1] * 24, pa.int32())),
        ("ir.top5", pa.array([[1, 2, 3, 4, 5]] * 24)),
        ("ir.max_abs_diff", pa.array([-1.0] * 24, pa.float32())),
        ("tf.probability_of_label", pa.array([float("nan")] * 24, pa.float32())),
        ("image_id", pa.array(["same"] * 24)),
    ],
)
def test_another_table_is_refused(run: Path, column: str, values: pa.Array) -> None:
    table = read_predictions(run)
    assert table is not None
    write_predictions(run, table.set_column(table.column_names.index(column), column, values))
    with pytest.raises(RecordError, match="is inconsistent"):
        read_sound_record(run)


@pytest.mark.parametrize("lost", ["top1", "top5"])
def test_a_drop_whose_counts_are_not_there_is_no_pass(run: Path, lost: str) -> None:
    record = read_record(run)
    rules = Rules.recorded(record.config)
    assert rules is not None
    assert list(verdict_faults(record, rules)) == []
    models = [part.model_copy(update={lost: None}) for part in record.models]
    faults = list(verdict_faults(record.model_copy(update={"models": tuple(models)}), rules))
    assert "the gate drop of ir is 'pass', its numbers give 'error'" in faults


def test_the_record_itself_is_sound_with_and_without_its_table(run: Path) -> None:
    assert read_sound_record(run).exit_code == 0
    (run / "predictions.parquet").unlink()
    assert read_sound_record(run / "run.json").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ["report", "RUN"],
        ["report", "RUN", "--format", "junit"],
        ["compare", "RUN", "GOOD"],
        ["compare", "GOOD", "RUN"],
        ["baseline", "update", "RUN", "FILE"],
        ["baseline", "check", "RUN", "ACCEPTED"],
    ],
)
def test_every_command_refuses_it(
    made: Path, run: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = tmp_path / "accepted.json"
    assert main(["baseline", "update", str(made), str(accepted)]) == 0
    edit(run, raised)
    places = {"RUN": run, "GOOD": made, "FILE": tmp_path / "new.json", "ACCEPTED": accepted}
    code = main([str(places.get(word, word)) for word in command])
    assert code == 3
    assert "is inconsistent" in capsys.readouterr().err
    assert not (tmp_path / "new.json").exists()


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(
    ("gate", "limits"),
    [
        ("drop", {"top1_max_pp": 100.0, "top5_max_pp": 250.0}),
        ("target", {"top1_tolerance_pp": 100.0, "top5_tolerance_pp": 100.0}),
        ("parity", {"max_abs_diff": 1.0}),
    ],
)
def test_a_record_stays_readable_whose_limit_nothing_can_exceed(
    made: Path, tmp_path: Path, gate: str, limits: Plain, table: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Written as a version would have written it that took such limits."""
    config = load_config(made.parent / "config.yml")
    wide = config.gates.model_copy(update={gate: getattr(config.gates, gate).model_copy(update=limits)})
    old = config.model_copy(update={"gates": wide})
    assert validate(old, Options(out=tmp_path / "run", quiet=True)).exit_code == 0
    if not table:
        (tmp_path / "run" / "predictions.parquet").unlink()
    believed = read_sound_record(tmp_path / "run")
    assert next(part for part in believed.gates if part.gate == gate).verdict == "pass"
    for key, limit in limits.items():
        refused = "" if limit == 100 else "; a configuration with it is refused now"  # 100 pp is taken, with a warning
        assert f"tf, ir: its limit {gate}.{key} of {limit:g} can never fail{refused}" in believed.warnings
    assert main(["report", str(tmp_path / "run")]) == 0, capsys.readouterr().err
    if table:
        assert main(["compare", str(tmp_path / "run"), str(made)]) == 0, capsys.readouterr().err
    edit(tmp_path / "run", one_raised)
    with pytest.raises(RecordError, match="flips of ir do not add up"):  # judged, not only shown
        read_sound_record(tmp_path / "run")


@pytest.mark.parametrize("table", [True, False])
def test_a_record_stays_readable_whose_published_accuracy_was_a_fraction(
    made: Path, tmp_path: Path, table: bool
) -> None:
    """Written as a version would have written it that took 0.1 for 10 %, and a Top-5 below the Top-1."""
    config = load_config(made.parent / "config.yml")
    assert config.published is not None
    old = config.model_copy(
        update={"published": config.published.model_copy(update={"top1_percent": 0.2, "top5_percent": 0.1})}
    )
    assert validate(old, Options(out=tmp_path / "run", quiet=True)).exit_code == 0
    if not table:
        (tmp_path / "run" / "predictions.parquet").unlink()
    assert read_sound_record(tmp_path / "run").exit_code == 0


@pytest.mark.parametrize("place", ["dataset.listed", "gates.0.measured.top1_percent", "models.0.top1.correct"])
@pytest.mark.parametrize("table", [True, False])
def test_a_number_of_hundreds_of_digits_is_refused_and_no_crash(run: Path, place: str, table: bool) -> None:
    def change(plain: Plain) -> None:
        *keys, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        holder: Any = plain
        for key in keys:
            holder = holder[key]
        holder[last] = 10**400

    edit(run, change)
    if not table:
        (run / "predictions.parquet").unlink()
    with pytest.raises(RecordError, match="is inconsistent"):
        read_sound_record(run)
