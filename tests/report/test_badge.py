"""The badge: sound SVG that loads nothing, says what the run says, and can be read."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from PIL import ImageFont

from harness.report import badge
from tests.report.records import bf16, failed_to_run, hostile, interrupted, record

NAMESPACE = "{http://www.w3.org/2000/svg}"
RUNS = {"record": record, "bf16": bf16, "interrupted": interrupted, "failed": failed_to_run, "hostile": hostile}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{NAMESPACE}text")]


def test_what_it_says() -> None:
    assert texts(badge.render(record())) == ["accuracy", "pass, Top-1 78.31 % (unchanged)"]
    assert texts(badge.render(interrupted()))[1] == "interrupted"
    assert texts(badge.render(bf16()))[1].startswith("fail, Top-1 ")


@pytest.mark.parametrize("name", RUNS)
def test_it_is_one_picture_that_loads_nothing(name: str) -> None:
    svg = badge.render(RUNS[name]())
    root = ET.fromstring(svg)
    assert root.tag == f"{NAMESPACE}svg"
    names = {element.tag.removeprefix(NAMESPACE) for element in root.iter()}
    assert names == {"svg", "title", "path", "rect", "g", "text"}  # no `id`: several fit into one page
    assert not any("id" in element.attrib for element in root.iter())
    assert re.findall(r"(?:https?:)?//", svg.replace("http://www.w3.org/2000/svg", "")) == []
    assert root.attrib["aria-label"] == (root.findtext(f"{NAMESPACE}title") or "") == ": ".join(texts(svg))


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*badge.COLOURS.values(), "#444444"])
def test_white_can_be_read_on_every_colour(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize(
    "text", ["accuracy", "pass, Top-1 78.31 % (lost 0.308 pp)", "baseline not comparable", "WWW mmm"]
)
def test_a_field_is_about_as_wide_as_its_text(text: str) -> None:
    try:
        font = ImageFont.truetype("DejaVuSans.ttf", 11)
    except OSError:
        pytest.skip("the font DejaVu Sans is not installed")
    wide = font.getlength(text)
    assert wide <= badge._width(text) <= 1.25 * wide + 4
