from __future__ import annotations

from pathlib import Path

import pytest

from harness.record.schema import Agreement, Drop, RunRecord
from harness.report.facts.summary import summarise
from harness.report.html import report_page
from harness.report.html.report_page import render
from tests.report import records, synthetic
from tests.report.html.pages import assert_contained
from tests.report.records import comparison, gate, model, record, table


def test_the_words_are_those_of_every_other_report() -> None:
    run = records.bf16()
    page, summary = assert_contained(render(run, table(rows=records.bf16_images()))), summarise(run)
    assert summary.verdict.sentence in page.text
    assert summary.scope in page.text
    for row in summary.gates:
        assert row.reason in page.text
    for compared in summary.comparisons:
        for words in (compared.top1_drop, compared.top1_interval, compared.max_abs_diff, compared.agreement_counts):
            assert words in page.text
    assert "ir: precision device_default was requested" in page.text
    assert page.all("title")[0].text == "FAIL: mobilenet-v2-1.0-224"


def test_a_page_is_a_pure_function_of_its_record() -> None:
    assert render(records.bf16(), table()) == render(records.bf16(), table())


@pytest.mark.parametrize("name", ["interrupted", "failed_to_run", "hostile", "many_candidates", "bf16", "record"])
@pytest.mark.parametrize("with_table", [False, True])
def test_every_kind_of_run_has_a_page(name: str, with_table: bool) -> None:
    run: RunRecord = getattr(records, name)()
    predictions = table(*(part.id for part in run.models if part.role == "candidate")) if with_table else None
    page = assert_contained(render(run, predictions))
    assert summarise(run).verdict.word in page.text


def test_twelve_candidates_all_have_their_charts() -> None:
    run = records.many_candidates(12)
    source = render(run, table(*(part.id for part in run.models[1:])))
    page = assert_contained(source)
    assert len(page.data["pairs"]) == 12
    ids = [element.attributes["id"] for element in page.elements if element.attributes.get("id")]
    assert len(ids) == len(set(ids))
    # cpu-00, -03, -06 and -09 fail parity, so they come first
    assert [page.data["models"][pair[1]] for pair in page.data["pairs"][:2]] == ["cpu-00", "cpu-03"]


def test_hostile_names_of_images_and_classes_stay_text() -> None:
    row = {"image_id": records.HOSTILE, "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (2, 0.5, 0.25, 2, 0.25)}
    names = ["background", "</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>\u202e']
    page = assert_contained(render(record(), table(rows=[row]), names))
    assert page.data["names"]["2"] == '"><img src=x onerror=alert(1)>\\u202e'
    assert page.data["cards"][0]["id"] == records.HOSTILE


def test_half_a_character_and_very_long_words_are_no_obstacle() -> None:
    word = "W" * 20_000
    run = record(
        name=word, warnings=("\ud800 half",), config={"\udfff": word}, models=(model("tf"), model("ir", model=word))
    )
    source = render(run, table(), [word] * 20)
    assert "\\ud800 half" in source
    source.encode("utf-8")
    assert_contained(source)


def test_null_figures_are_words() -> None:
    drop = Drop(top1_pp=None, top5_pp=None, top1_ci95_pp=None, top1_p_value=None)
    run = record(
        models=(model("tf", top1=None, top5=None), model("ir", top1=None, top5=None, images_per_second=None)),
        comparisons=(
            comparison(
                top1_agreement=Agreement(count=0, total=0, percent=None),
                drop=drop,
                max_abs_diff=None,
                mean_abs_diff=None,
                worst_image=None,
            ),
        ),
        gates=(gate("parity", "ir", "error", measured={"max_abs_diff": None}, limit=None),),
        timing={"wall_seconds": None},
    )
    page = assert_contained(render(run, None))
    assert "n/a" in page.text
    assert "None" not in page.text.replace("None: on every", "")
    nothing = {"image_id": "x", "label": 1, "tf": (-1, records.NAN, records.NAN, 0, 0.0)}
    assert_contained(render(record(), table(rows=[{**nothing, "ir": (-1, records.NAN, records.NAN, 0, records.NAN)}])))


def test_zero_flips_say_so() -> None:
    same = {"image_id": "a", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}
    page = assert_contained(render(record(), table(rows=[same, same])))
    assert "All predictions match." in page.text
    assert page.data["cards"] == []


def test_matching_predictions_are_said_once() -> None:
    """One candidate without changes: its card says so, so there is no empty section of changes and no link to it."""
    run = record()
    zero = run.comparisons[0].flips.model_copy(update={"fixed": 0, "broken": 0, "changed_wrong": 0, "near_ties": None})
    run = run.model_copy(update={"comparisons": (run.comparisons[0].model_copy(update={"flips": zero}),)})
    same = {"image_id": "a", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}
    html = render(run, table(rows=[same, same]))
    assert html.count("All predictions match.") == 1
    assert "#flips" not in html.split("</header>")[1].split("</nav>")[0]


def test_near_ties_are_named_below_the_number() -> None:
    run = record()
    some = run.comparisons[0].flips.model_copy(update={"broken": 430, "near_ties": 13})
    run = run.model_copy(update={"comparisons": (run.comparisons[0].model_copy(update={"flips": some}),)})
    assert "<div><dt>broken (13 near-ties)</dt><dd>430</dd></div>" in render(run, None)


def test_flips_without_their_images_do_not_read_as_matching() -> None:
    only_reference = table(
        rows=[{"image_id": "a", "label": 1, "tf": (1, 0.5, 0.5, 1, 0.0), "ir": (1, 0.5, 0.5, 1, 0.0)}]
    )
    only_reference = only_reference.select([name for name in only_reference.column_names if not name.startswith("ir.")])
    assert "All predictions match." not in assert_contained(render(records.bf16(), only_reference)).text


def test_images_that_are_gone_are_told(tmp_path: Path) -> None:
    run, predictions = synthetic.run(60, flips=0.5)
    page = assert_contained(render(synthetic.with_images(run, tmp_path / "gone"), predictions))
    assert page.data["pictures"] == {}
    assert "placeholders" in page.text


def test_pictures_fill_the_page_up_to_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, predictions = synthetic.run(60, flips=0.9)
    synthetic.write_images(tmp_path / "val", predictions)
    run = synthetic.with_images(run, tmp_path / "val")
    whole = render(run, predictions)
    pictures = assert_contained(whole).data["pictures"]
    assert len(pictures) > 20
    assert all(len(found) == 2 for found in pictures.values())
    limit = 200_000
    small = render(run, predictions, max_bytes=limit)
    assert len(small.encode()) <= limit < len(whole.encode())
    kept = assert_contained(small).data["pictures"]
    assert 0 < sum(map(len, kept.values())) < sum(map(len, pictures.values()))


@pytest.mark.parametrize("candidates", [1, 12])
def test_fifty_thousand_images_stay_below_five_megabytes(candidates: int) -> None:
    run, predictions = synthetic.run(50_000, candidates)
    source = render(run, predictions)
    assert len(source.encode()) <= report_page.MOST_BYTES
    shown = assert_contained(source).data["table"]["shown"]
    assert shown == 50_000 if candidates == 1 else shown > 10_000
