"""A run against an accepted one: 650 images, of which one is 100/650 = 0.153846 pp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.schema import BaselineGate, Config
from harness.judging.baseline import Baseline, baseline_of, judge_baseline, write_baseline
from harness.judging.baseline.judge import baseline_gates
from harness.judging.exit_codes import exit_code
from harness.record.schema import Accuracy, GatePart, ModelPart, PrecisionPart, RunRecord
from tests.judging.baseline.runs import CONFIG, model, run

GATE = BaselineGate(file=Path("baseline.json"))


def judged(record: RunRecord, baseline: Baseline, gate: BaselineGate = GATE) -> dict[str, GatePart]:
    parts = judge_baseline(record, baseline, {part.id: gate for part in record.models})
    assert len({part.model for part in parts}) == len(parts)
    return {part.model: part for part in parts}


def limits(top1: float, top5: float = 90.0) -> BaselineGate:
    return BaselineGate(file=Path("baseline.json"), top1_max_drop_pp=top1, top5_max_drop_pp=top5)


def test_the_same_counts_pass() -> None:
    parts = judged(run(), baseline_of(run()))
    assert {name: part.verdict for name, part in parts.items()} == {"tf": "pass", "ir": "pass"}
    assert parts["ir"].measured == {"top1_drop_pp": 0.0, "top5_drop_pp": 0.0}
    assert parts["ir"].warning is None


@pytest.mark.parametrize(
    ("top1", "limit", "verdict", "warned"),
    [
        (508, 0.2, "pass", False),  # 0.1538 pp lost
        (507, 0.2, "fail", False),  # 0.3077 pp lost
        (511, 0.2, "pass", True),  # 0.3077 pp gained, beyond the limit, which is told too
        (510, 0.2, "pass", False),
        (509, 0.0, "pass", False),
        (508, 0.0, "fail", False),
    ],
)
def test_a_loss_fails_and_a_gain_is_told(top1: int, limit: float, verdict: str, warned: bool) -> None:
    part = judged(run(model("ir", top1=top1)), baseline_of(run()), limits(limit))["ir"]
    assert part.verdict == verdict
    assert (part.warning is not None) == warned
    assert f"{top1:,} of 650" in part.reason.replace("-> ", "") or f"-> {top1}" in part.reason


@pytest.mark.parametrize(("lost", "verdict"), [(1, "pass"), (2, "fail")])
def test_the_boundary_passes_exactly(lost: int, verdict: str) -> None:
    """0.1 pp of 1,000 images is one image, though 0.1 is no binary fraction."""
    then, now = model("ir", top1=500, total=1000), model("ir", top1=500 - lost, total=1000)
    reference = model("tf", top1=500, total=1000)
    baseline = baseline_of(run(then, reference=reference))
    assert judged(run(now, reference=reference), baseline, limits(0.1))["ir"].verdict == verdict


def test_top5_and_the_reference_are_judged_too() -> None:
    worse = judged(run(model("ir", top5=600)), baseline_of(run()), limits(0.1, 0.1))["ir"]
    assert worse.verdict == "fail"
    assert "Top-5 610 -> 600" in worse.reason
    assert "Top-1" not in worse.reason
    drifted = judged(run(reference=model("tf", top1=505)), baseline_of(run()), limits(0.1))
    assert drifted["tf"].verdict == "fail"


NOT_COMPARABLE: list[tuple[dict[str, Any], str]] = [
    ({"fingerprint": "f" * 64}, "different images, labels or order"),
    ({"content_fingerprint": "e" * 64}, "the same image ids, but different image content"),
    ({"config": {**CONFIG, "dataset": {"preprocess": {"size": 192}}}}, "size 224 then, 192 now"),
    ({"config": {**CONFIG, "reference": {"input": {"color": "BGR"}, "output": "out"}}}, "a different reference"),
    ({"reference": model("tf", model_sha256="9" * 64)}, "a different reference"),
]


@pytest.mark.parametrize(("changes", "told"), NOT_COMPARABLE)
def test_what_is_not_comparable_is_an_error_and_exit_4(changes: dict[str, Any], told: str) -> None:
    now = run(**changes)
    parts = judged(now, baseline_of(run()))
    assert {part.verdict for part in parts.values()} == {"error"}
    assert told in parts["ir"].reason
    assert exit_code(parts.values(), evaluated=650) == 4


def test_a_subset_is_not_comparable_with_the_whole() -> None:
    small = run(model("ir", top1=50, top5=60, total=64), reference=model("tf", top1=50, top5=60, total=64))
    assert "64 images were evaluated, but 650 for the baseline" in judged(small, baseline_of(run()))["ir"].reason


def test_a_model_missing_from_the_run_is_an_error() -> None:
    parts = judged(run(), baseline_of(run(model("ir"), model("gpu"))))
    assert parts["gpu"].verdict == "error"
    assert "the run does not" in parts["gpu"].reason
    assert parts["ir"].verdict == "pass"
    assert exit_code(parts.values(), evaluated=650) == 4


def test_a_row_missing_from_the_baseline_is_never_not_worse() -> None:
    parts = judged(run(model("ir"), model("gpu")), baseline_of(run()))
    assert parts["gpu"].verdict == "error"
    assert "no counts for this model" in parts["gpu"].reason
    assert exit_code(parts.values(), evaluated=650) == 4


def test_a_model_without_counts_is_an_error() -> None:
    broken = model("ir").model_copy(update={"top1": None, "top5": None})
    assert judged(run(broken), baseline_of(run()))["ir"].verdict == "error"
    partly = model("ir").model_copy(
        update={"top1": Accuracy(correct=64, total=64, percent=100.0, ci95_percent=(90.0, 100.0))}
    )
    assert "no counts over all 650" in judged(run(partly), baseline_of(run()))["ir"].reason


def absent(name: str) -> ModelPart:
    return model(name, top1=0).model_copy(
        update={"status": "unavailable", "top1": None, "top5": None, "error": "the device 'GPU' is not there"}
    )


def test_an_optional_device_that_was_never_there_has_no_row_and_no_verdict() -> None:
    baseline = baseline_of(run(model("ir"), absent("gpu")))
    assert set(baseline.models) == {"tf", "ir"}
    found = judged(run(model("ir"), absent("gpu")), baseline)
    assert {name: part.verdict for name, part in found.items()} == {
        "tf": "pass",
        "ir": "pass",
        "gpu": "not_applicable",
    }
    assert exit_code(found.values(), evaluated=650) == 0


def test_a_device_that_was_there_and_is_gone_is_an_error() -> None:
    found = judged(run(model("ir"), absent("gpu")), baseline_of(run(model("ir"), model("gpu"))))
    assert found["gpu"].verdict == "error"
    assert "has counts in the baseline, but its device is unavailable now: the device 'GPU'" in found["gpu"].reason
    assert exit_code(found.values(), evaluated=650) == 4


def test_another_device_or_precision_is_told() -> None:
    now = model("ir", device="GPU", precision=PrecisionPart(requested="f16", effective="f16"))
    warning = judged(run(now), baseline_of(run()))["ir"].warning
    assert warning is not None
    assert "device was CPU in the baseline, is GPU now" in warning
    assert "effective precision was f32 in the baseline, is f16 now" in warning


@pytest.mark.parametrize(
    ("others", "code"),
    [(("pass",), 4), (("inconclusive",), 4), (("fail",), 1), (("error",), 3), (("not_applicable",), 4)],
)
def test_exit_4_stands_below_a_failure_and_above_nothing_decided(others: tuple[Any, ...], code: int) -> None:
    gates = [GatePart(gate="drop", model="ir", verdict=verdict, reason="r") for verdict in others]
    gates.append(GatePart(gate="baseline", model="ir", verdict="error", reason="r"))
    assert exit_code(gates, evaluated=650) == code
    assert exit_code(reversed(gates), evaluated=0) in (code, 4, 5)


def configured(file: Path, **more: Any) -> Config:
    gate = {"file": str(file)}
    candidate = {"model": "m.xml", "input": {"color": "BGR"}, "output": "o"}
    return Config.model_validate(
        {
            "version": 1,
            "name": "n",
            "dataset": {"path": "d"},
            "reference": {"id": "tf", "model": "m.pb", "input": {"color": "RGB"}, "output": "o"},
            "candidates": [{"id": "ir", **candidate}, {"id": "gpu", **candidate, "gates": more.get("gpu_gates")}],
            "gates": {"baseline": gate if more.get("on", True) else None},
        }
    )


def verdicts(record: RunRecord, config: Config) -> dict[str, str]:
    return {part.model: part.verdict for part in baseline_gates(record, config)}


def test_the_configured_gate(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    both = run(model("ir"), model("gpu"))
    missing = baseline_gates(both, configured(file))
    assert {part.verdict for part in missing} == {"error"}
    assert f"harness baseline update RUN {file}" in missing[0].reason
    write_baseline(file, baseline_of(both))
    assert verdicts(both, configured(file)) == {"tf": "pass", "ir": "pass", "gpu": "pass"}
    assert verdicts(run(), configured(file)) == {"tf": "pass", "ir": "pass", "gpu": "error"}
    assert verdicts(both, configured(file, gpu_gates={"baseline": None})) == {"tf": "pass", "ir": "pass"}
    assert verdicts(both, configured(file, on=False)) == {}


def test_a_model_that_left_the_configuration_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, baseline_of(run(model("ir"), model("gpu"), model("npu"))))
    assert verdicts(run(model("ir"), model("gpu")), configured(file))["npu"] == "error"


def test_candidates_may_have_files_of_their_own(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    both = run(model("ir"), model("gpu"))
    write_baseline(one, baseline_of(run(model("ir"))))
    write_baseline(two, baseline_of(run(model("gpu", top1=520))))
    config = configured(one, gpu_gates={"baseline": {"file": str(two), "top1_max_drop_pp": 0.1}})
    assert verdicts(both, config) == {"tf": "pass", "ir": "pass", "gpu": "fail"}


def test_a_damaged_file_is_told_for_every_model(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text("{", encoding="utf-8")
    assert verdicts(run(model("ir")), configured(file)) == {"tf": "error", "ir": "error"}


@pytest.mark.parametrize(("most", "warned"), [(49.9, False), (50.0, True), (100.0, True)])
def test_a_limit_that_the_whole_baseline_is_within_is_warned_of(most: float, warned: bool) -> None:
    then = run(model("ir", top1=500, total=1000), reference=model("tf", top1=500, total=1000))
    part = judged(then, baseline_of(then), limits(most, 1.0))["ir"]
    expected = f"the limit {most:g} pp for Top-1 can never fail, because the baseline reaches only 50.00 %"
    assert (part.verdict, part.warning) == ("pass", expected if warned else None)
