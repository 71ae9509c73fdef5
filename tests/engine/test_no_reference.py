"""`reference: null`: candidates against published numbers, a baseline, or each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import harness.dataset.manifest
from harness.cli import main
from harness.config import load_config
from harness.engine.run import Options
from harness.engine.session import validate
from harness.errors import ConfigError, DatasetError
from harness.judging.recount import read_sound_record
from harness.record.schema import RunRecord
from tests.engine.conftest import Fakes
from tests.engine.outputs import register_shaped
from tests.engine.test_session import LABELS, Change, Project, nothing, values_for

NO_REFERENCE = "no reference is configured"


@pytest.fixture
def project(tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 16)
    made = Project(tmp_path)
    made.images([value or 0 for value in values_for(LABELS * 3, wrong=[1, 4, 9])], LABELS * 3)
    return made


def alone(*changes: Change) -> Change:
    """Return a change that takes the reference away and makes two candidates of both models."""

    def change(data: dict[str, Any]) -> None:
        first = {**data["reference"], "id": "a"}
        data["candidates"] = [first, {**data["candidates"][0], "id": "b"}]
        data["reference"] = None
        del data["gates"]
        for other in changes:
            other(data)

    return change


def published(percent: float) -> Change:
    def change(data: dict[str, Any]) -> None:
        data["published"] = {"top1_percent": percent, "top5_percent": 100.0}

    return change


def gates(record: RunRecord, model: str) -> dict[str, tuple[str, str]]:
    return {part.gate: (part.verdict, part.reason) for part in record.gates if part.model == model}


def test_gates_that_need_a_reference_do_not_apply(project: Project) -> None:
    record = project.validate(alone())
    assert (record.status, record.exit_code) == ("complete", 5)
    for model in ("a", "b"):
        assert list(gates(record, model)) == ["parity", "target", "drop"]
        assert gates(record, model)["parity"] == ("not_applicable", NO_REFERENCE)
        assert gates(record, model)["drop"] == ("not_applicable", NO_REFERENCE)
    assert [part.role for part in record.models] == ["candidate", "candidate"]
    assert record.config["reference"] is None
    assert [part.top1.correct for part in record.models if part.top1] == [27, 27]


def test_the_first_candidate_is_the_yardstick_of_the_comparison(project: Project) -> None:
    register_shaped()
    (project.folder / "one.fake").write_text("{}")
    (project.folder / "two.fake").write_text(json.dumps({"power": 1.01}))
    record = project.validate(alone())
    (compared,) = record.comparisons
    assert (compared.reference, compared.candidate) == ("a", "b")
    assert (compared.top1_agreement.count, compared.top1_agreement.total) == (30, 30)
    assert (compared.max_abs_diff or 0) > 0
    (pair,) = record.pairwise
    assert (pair.first, pair.second) == ("a", "b")


@pytest.mark.parametrize(("percent", "code", "verdict"), [(90.0, 0, "pass"), (95.0, 1, "fail")])
def test_published_accuracy_is_a_target(project: Project, percent: float, code: int, verdict: str) -> None:
    record = project.validate(alone(published(percent)))
    assert record.exit_code == code
    assert {gates(record, model)["target"][0] for model in ("a", "b")} == {verdict}
    assert record.matrix is not None
    assert len(record.matrix.may_ship) == (2 if code == 0 else 0)


def test_a_baseline_of_a_run_without_a_reference(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    file = project.folder / "baseline.json"
    first = project.validate(alone())
    assert main(["baseline", "update", str(first.folder), str(file)]) == 0
    assert main(["baseline", "check", str(first.folder), str(file)]) == 0

    def with_baseline(data: dict[str, Any]) -> None:
        data["gates"] = {"baseline": {"file": str(file)}}

    assert project.validate(alone(with_baseline)).exit_code == 0

    def prepared_otherwise(data: dict[str, Any]) -> None:
        with_baseline(data)
        data["candidates"][1]["preprocess"] = {"size": 4, "crop_fraction": 0.9}

    record = project.validate(alone(prepared_otherwise))
    assert record.exit_code == 4
    assert gates(record, "a")["baseline"][0] == "pass"
    assert "its images are prepared differently than for its baseline row" in gates(record, "b")["baseline"][1]
    # with a reference it is another evaluation
    only = {"parity": None, "drop": None, "baseline": {"file": str(file)}}
    assert project.validate(lambda data: data.update(gates=only)).exit_code == 4
    capsys.readouterr()


def test_resume(project: Project) -> None:
    out = project.folder / "run"
    whole = project.validate(alone(), out=out).to_pandas()
    (out / "shards" / "000001.table").unlink()
    assert project.validate(alone(), out=out, resume=True).to_pandas().equals(whole)


def test_every_report_and_command(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    record = project.validate(alone(published(90.0)))
    run, config = str(record.folder), str(project.folder / "config.yml")
    assert main(["report", run, "--format", "html,md,junit,csv"]) == 0
    folder = Path(run)
    for name in ("report.html", "report.md", "junit.xml"):
        assert NO_REFERENCE in (folder / name).read_text(encoding="utf-8"), name
    assert main(["compare", run, run, "--json"]) in (0, 5)
    assert read_sound_record(folder).exit_code == 0
    assert main(["config", "check", config]) == 0
    assert "No reference, candidates a, b." in capsys.readouterr().out
    for command in ("selftest", "convert"):
        assert main([command, config]) == 2
        assert "reference: is null, but this command needs the original model" in capsys.readouterr().err
    assert main(["validate", config, "--certify", "0.1"]) == 2
    assert "certifying a drop needs a reference" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"gates": {"parity": {"images": 4}}}, "gates: `parity` compares with the reference"),
        ({"gates": {"drop": {"top1_max_pp": 1}}}, "gates: `drop` compares with the reference"),
        ({"certify": {"seed": 1}}, "`certify` needs a reference"),
        ({"conversion": {"automatic": True}}, "`conversion.automatic` converts the reference"),
        ({"gates": {"parity": None, "drop": None}}, None),
    ],
)
def test_what_needs_a_reference_is_refused(project: Project, keys: dict[str, Any], message: str | None) -> None:
    project.validate(alone(nothing), out=project.folder / "run")
    data = yaml.safe_load((project.folder / "config.yml").read_text())
    (project.folder / "config.yml").write_text(yaml.safe_dump({**data, **keys}))
    if message is None:
        record = validate(load_config(project.folder / "config.yml"), Options(out=project.folder / "again", quiet=True))
        assert gates(record, "a")["parity"] == ("not_applicable", "turned off in the configuration")
        return
    with pytest.raises(ConfigError) as caught:
        load_config(project.folder / "config.yml")
    assert message in str(caught.value)


def test_a_gate_of_one_candidate_is_refused_by_its_name(project: Project) -> None:
    def one(data: dict[str, Any]) -> None:
        data["candidates"][1]["gates"] = {"parity": None, "drop": {"top1_max_pp": 2}}

    with pytest.raises(ConfigError, match="the gates of b: `drop` compares with the reference"):
        project.validate(alone(one))


def test_a_missing_reference_is_not_null(project: Project) -> None:
    with pytest.raises(ConfigError, match=r"reference: is missing: The original model; `null` if there is none"):
        project.validate(alone(lambda data: data.pop("reference")))


def test_labels_are_suspect_where_all_candidates_say_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [row % 3 for row in range(30)]
    project.images([value or 0 for value in values_for(labels)], [label + 1 for label in labels])
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 256)
    with pytest.raises(DatasetError, match="the labels look wrong: of the first 30 images a gets 0 right"):
        project.validate(alone())


def test_one_candidate_alone_does_not_make_labels_suspect(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    register_shaped()
    labels = [row % 3 for row in range(30)]
    project.images([value or 0 for value in values_for(labels)], labels)
    (project.folder / "one.fake").write_text(json.dumps({}))
    (project.folder / "two.fake").write_text(json.dumps({"shift": 1}))
    monkeypatch.setattr(harness.dataset.manifest, "SHARD_ROWS", 256)
    record = project.validate(alone())
    assert [part.top1.correct for part in record.models if part.top1] == [30, 0]


def test_a_candidate_at_chance_does_not_pass(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    register_shaped()
    (project.folder / "one.fake").write_text(json.dumps({}))
    (project.folder / "two.fake").write_text(json.dumps({"shift": 1}))
    record = project.validate(alone(published(0.0)))
    assert gates(record, "a")["target"][0] == "pass"
    assert gates(record, "b")["target"][0] == "inconclusive"
    assert "the candidate b is not clearly better than guessing" in gates(record, "b")["chance"][1]
    assert record.exit_code == 5
    file = project.folder / "baseline.json"
    assert main(["baseline", "update", str(record.folder), str(file)]) == 5
    assert "not written, because no gate could pass on b: the candidate b is not" in capsys.readouterr().err
    assert not file.exists()


def test_a_candidate_that_fails_leaves_the_other(project: Project) -> None:
    register_shaped()
    (project.folder / "two.fake").write_text(json.dumps({"logits": True}))
    (project.folder / "one.fake").write_text(json.dumps({"background": False}))
    record = project.validate(alone(published(10.0)))
    assert record.exit_code == 3
    assert gates(record, "b")["target"][0] == "pass"
    assert record.comparisons == ()
    (second,) = (part for part in record.models if part.id == "b")
    assert second.details["activation"] == "softmax"  # without a reference each model is recognised by itself
