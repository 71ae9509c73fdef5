from __future__ import annotations

import pytest

from harness.errors import ConfigError
from harness.judging.judge import judge
from harness.judging.parity_alone import parity_alone
from tests.judging.test_judge import config, evaluation


def test_it_needs_the_images_of_the_gate_that_wants_most() -> None:
    plain = config(gates={"parity": {"images": 3}})
    assert parity_alone(plain)[1] == 3
    data = plain.model_dump(mode="json")
    data["candidates"][1]["gates"] = {"parity": {"images": 5}}
    chosen, images = parity_alone(type(plain).model_validate(data))
    assert (images, chosen.only, chosen.certify) == (5, "parity", None)


def test_every_other_gate_says_that_it_was_not_judged_and_keeps_its_limits() -> None:
    """ir differs in every probability, int8 in none."""
    judged = judge(evaluation(config(only="parity")))
    verdicts = {(gate.gate, gate.model): gate.verdict for gate in judged.gates}
    assert {key: value for key, value in verdicts.items() if key[0] == "parity"} == {
        ("parity", "ir"): "fail",
        ("parity", "int8"): "pass",
    }
    others = [gate for gate in judged.gates if gate.gate != "parity"]
    assert {gate.gate for gate in others} == {"target", "drop"}
    for gate in others:
        assert (gate.verdict, gate.reason) == (
            "not_applicable",
            "only the gate parity was judged, on the images that it needs",
        )
        assert all(figure.value is None for figure in gate.figures)
    assert any(figure.limit == 100 for gate in others for figure in gate.figures if gate.gate == "drop")
    assert (judged.exit_code, judged.matrix) == (1, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"reference": None, "gates": {}}, "is null"), ({"gates": {"parity": None}}, "turned off for every candidate")],
)
def test_it_is_refused_where_it_would_judge_nothing(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parity_alone(config(**changes))
