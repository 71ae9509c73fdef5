from __future__ import annotations

from harness.report.html.report_page import render
from tests.report import records
from tests.report.html.pages import Element, assert_contained
from tests.report.precisions import precisions


def _words(elements: list[Element]) -> str:
    return " ".join(" ".join(element.text for element in elements if element.tag != "script").split())


def _section() -> list[Element]:
    elements = assert_contained(render(precisions())).elements
    start = next(place for place, item in enumerate(elements) if item.attributes.get("id") == "matrix")
    length = next(place for place, item in enumerate(elements[start:]) if item.tag == "/section")
    return elements[start : start + length]


def test_the_rows_are_sorted_and_the_best_is_marked() -> None:
    section = _section()
    rows = [place for place, item in enumerate(section) if item.tag == "tr"]
    assert [section[place].attributes.get("class") for place in rows[1:6]] == ["best", *[None] * 4]
    assert "bf16 ★ best, may ship CPU bf16 78.15 94.00 lost 0.154 [-0.806, +1.166] 97.54 4 3 9 0.16" in _words(section)
    assert "int8 fails drop CPU f32" in _words(section)
    assert "device GPU is not there (skipped: gpu)" in _words(section)
    assert "are approximate: images were decoded at the same time" in _words(section)


def test_agreement_cells_are_shaded_by_class_alone() -> None:
    shades = [
        item.attributes["class"] for item in _section() if "shade-" in str(item.attributes.get("class"))
    ]  # of 97.23; 97.54, 99.23; 92.77, 93.23, 93.54 percent
    assert shades == [f"number shade-{shade}" for shade in (3, 3, 2, 4, 4, 4)]


def test_the_menu_leads_to_it_only_where_it_is() -> None:
    assert 'href="#matrix"' in render(precisions())
    assert 'href="#matrix"' not in render(records.bf16())
    assert 'id="matrix"' not in render(records.bf16())
