from __future__ import annotations

from harness.report.facts.provenance import facts, model_facts, resolved_config
from tests.report import records
from tests.report.records import record


def test_facts_are_flat_and_leave_out_what_is_not_known() -> None:
    found = dict(facts(record()))
    assert found["command"] == "harness validate configs/mobilenet-v2-1.0-224.yml"
    assert found["config file"] == "configs/mobilenet-v2-1.0-224.yml"
    assert found["versions.tensorflow"] == "2.21.0"
    assert found["wall seconds"] == "12.345"
    assert found["fingerprint of the evaluated images and labels"] == "f" * 64
    assert "git_commit" not in found
    assert "fingerprint of the images' bytes" not in found


def test_models_show_asked_and_effective_precision_and_a_short_hash() -> None:
    candidate = model_facts(records.bf16())[1]
    assert candidate == (
        "ir",
        "build/model.xml",
        "b1946ac90000",
        "openvino",
        "CPU: Example CPU @ 2.10GHz",
        "device_default",
        "bf16",
        "batch 1, streams 2",
    )


def test_values_of_every_kind() -> None:
    environment = {"list": [1, "a"], "flag": True, "rate": 0.5, "none": None, "deep": {"er": {"x": 1}}}
    found = dict(facts(record(environment=environment)))
    assert (found["list"], found["flag"], found["rate"], found["deep.er.x"]) == ("1, a", "True", "0.5", "1")


def test_config_is_json() -> None:
    assert '"crop_fraction": 0.875' in resolved_config(record())
