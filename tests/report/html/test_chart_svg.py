from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.errors import ToolError
from harness.report.html.chart_svg import draw


def _bars(names: list[str]) -> dict[str, Any]:
    rows = [{"name": name, "value": 1.23456 * place} for place, name in enumerate(names, start=1)]
    encoding = {
        "x": {"field": "value", "type": "quantitative", "title": names[0]},
        "y": {"field": "name", "type": "nominal"},
        "description": {"field": "name"},
    }
    return {
        "data": {"values": rows},
        "mark": {"type": "bar", "color": "var(--cand)", "aria": True},
        "encoding": encoding,
    }


def test_a_chart_is_text_that_says_what_it_shows() -> None:
    text = str(draw(_bars(["one", "two"]), "two bars", "a"))
    root = ET.fromstring(text)
    assert (root.get("role"), root.get("aria-label")) == ("img", "two bars")
    assert 'data-tip="two"' in text
    assert 'fill="var(--cand)"' in text
    assert "style=" not in text
    assert "href" not in text


def test_hostile_names_stay_text() -> None:
    name = "</svg><script>alert(1)</script>\"'&amp; onload=x"
    text = str(draw(_bars([name, "b"]), name, "a"))
    assert "<script" not in text
    root = ET.fromstring(text)
    assert root.get("aria-label") == name
    assert name in [element.get("data-tip") for element in root.iter()]


def test_references_inside_are_the_drawings_own() -> None:
    spec = _bars(["one", "two"]) | {"view": {"clip": True}}
    spec["mark"]["clip"] = True
    text = str(draw(spec, "clipped", "left"))
    ids = re.findall(r' id="([^"]*)"', text)
    assert ids
    assert all(name.startswith("left-") for name in ids)
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)


def test_a_very_long_name_is_cut_before_it_is_measured() -> None:
    text = str(draw(_bars(["W" * 100_000, "b"]), "long", "a"))
    assert "W" * 161 not in text
    assert 'data-tip="' + "W" * 160 + "…" in text


def test_what_the_system_refuses_is_a_message_and_a_wrong_specification_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `ulimit -n 16`, Vega's worker ends before it answers."""
    import vl_convert

    def ends(reason: str) -> None:
        def fails(*_: object, **__: object) -> str:
            raise ValueError(f"Vega-Lite to SVG conversion failed:\n{reason}")

        monkeypatch.setattr(vl_convert, "vegalite_to_svg", fails)

    ends("Failed to retrieve conversion result: oneshot canceled")
    with pytest.raises(ToolError, match=r"allow the process more open files \(`ulimit -n`\) or memory"):
        draw(_bars(["one"]), "a bar", "a")

    class PanicException(BaseException):
        pass

    def panics(*_: object, **__: object) -> str:
        raise PanicException

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", panics)
    with pytest.raises(ToolError, match=r"the charts of report\.html cannot be drawn"):
        draw(_bars(["one"]), "a bar", "a")
    ends("Invalid specification")
    with pytest.raises(ValueError, match="Invalid specification"):
        draw(_bars(["one"]), "a bar", "a")
