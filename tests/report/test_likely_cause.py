"""What is likely wrong stands in every form of a report, beside the gate that failed."""

from __future__ import annotations

import io
from typing import Any

import pytest

from harness.record.schema import DiagnosisPart, GatePart, RunRecord
from harness.report import junit
from harness.report.github import annotations_of
from harness.report.html.report_page import render as html
from harness.report.markdown.report import render as markdown
from harness.report.terminal.summary import print_summary
from tests.report.records import record

CAUSE = DiagnosisPart(model="ir", cause="color-order", sentence="The candidate ir expects <RGB>: set it.")
FAILED = GatePart(gate="parity", model="ir", verdict="fail", reason="too far", measured={}, limit={})


def terminal(found: RunRecord) -> str:
    stream = io.StringIO()
    print_summary(found, stream, width=200)
    return stream.getvalue()


def annotated(found: RunRecord) -> str:
    return "\n".join(item.message for item in annotations_of(found))


FORMS: dict[str, Any] = {
    "terminal": terminal, "markdown": markdown, "html": html, "junit": junit.render, "github": annotated,
}  # fmt: skip


def failed(*parts: DiagnosisPart) -> RunRecord:
    return record(gates=(FAILED, FAILED.model_copy(update={"gate": "drop"})), exit_code=1, diagnosis=parts)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_sentence_escaped(form: str) -> None:
    text = FORMS[form](failed(CAUSE))
    escaped = form in ("html", "junit")
    assert ("The candidate ir expects &lt;RGB&gt;: set it." if escaped else "The candidate ir expects") in text
    assert "likely cause" in text.casefold()
    assert "<RGB>" not in text or not escaped


@pytest.mark.parametrize("form", FORMS)
def test_without_one_nothing_is_said(form: str) -> None:
    assert "likely cause" not in FORMS[form](failed()).casefold()


def test_a_single_fix_is_said_once_as_the_next_step() -> None:
    sentence = "The candidate ir expects BGR. Set `input.color: BGR`."
    part = DiagnosisPart(model="ir", cause="color-order", sentence=sentence, mend="Set `input.color: BGR`.")
    text = terminal(failed(part))
    assert "ir: The candidate ir expects BGR.\n" in text
    assert text.count("Set `input.color: BGR`") == 2  # first and last, with the verdict


def test_an_annotation_has_it_once() -> None:
    assert annotated(failed(CAUSE)).count("Likely cause") == 1


def test_an_old_record_has_none() -> None:
    plain = failed(CAUSE).model_dump(mode="json")
    del plain["diagnosis"]
    assert RunRecord.model_validate(plain).diagnosis == ()


def test_unknown_causes_are_said_once_with_one_command_for_all() -> None:
    parts = [
        DiagnosisPart(
            model=name, sentence=f"Cause unknown; run `harness diagnose c.yml --candidate {name}` to find it."
        )
        for name in ("ir", "gpu")
    ]
    for form in (terminal, markdown):
        text = form(failed(*parts))
        assert text.count("Cause unknown.") == 1
        assert "--candidate" not in text
        for step in text.split("Next: ")[1:]:
            assert step.replace("\\", "").startswith("find the cause: `harness diagnose ")
        assert text.count("harness diagnose") == len(text.split("Next: ")) - 1  # the next step alone has the command
    assert "ir, gpu: Cause unknown." in terminal(failed(*parts))


def test_a_cause_that_another_machine_finds_keeps_its_command() -> None:
    part = DiagnosisPart(
        model="ir",
        sentence="Cause unknown; run `harness diagnose x.yml` on a machine with the original model to find it.",
    )
    assert "on a machine with the original model" in terminal(failed(part))


def test_a_known_cause_beside_an_unknown_one_keeps_both_sentences() -> None:
    known = DiagnosisPart(
        model="gpu", cause="precision", sentence="The device computes in bf16. Set f32.", mend="Set f32."
    )
    unknown = DiagnosisPart(
        model="ir", sentence="Cause unknown; run `harness diagnose c.yml --candidate ir` to find it."
    )
    text = terminal(failed(known, unknown))
    assert "ir: Cause unknown; run `harness diagnose c.yml --candidate ir` to find it." in text
    assert "gpu: The device computes in bf16." in text
