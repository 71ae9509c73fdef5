"""Charts as inline SVG: drawn by Vega (through vl-convert, no browser), then stripped to what a page may hold."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup, escape

from harness.errors import ToolError

Spec = dict[str, Any]
WIDTH = 400
REFERENCE, CANDIDATE, BAD, GOOD, OTHER = "var(--ref)", "var(--cand)", "var(--bad)", "var(--good)", "var(--other)"
_FONT_SIZE = 12
# Colours are names of the page's own variables, so that one drawing serves the light, the dark and the printed page.
CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--text)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": _FONT_SIZE,
        "titleFontSize": _FONT_SIZE,
        "titleFontWeight": "normal",
        "labelLimit": 150,
        "titleLimit": 360,
    },
    "legend": {
        "labelColor": "var(--text)",
        "labelFontSize": _FONT_SIZE,
        "title": None,
        "orient": "top",
        "labelLimit": 240,
    },
    "text": {"fontSize": _FONT_SIZE},
}
_TAGS = frozenset({"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath"})
# fmt: off
_KEPT = frozenset((
    "d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "r", "cx", "cy", "width", "height", "transform", "id",
    "fill", "stroke", "opacity", "fill-opacity", "stroke-opacity", "stroke-width", "stroke-dasharray", "clip-path",
    "text-anchor", "font-size", "font-weight",
))
# fmt: on
_LONGEST_TEXT = 160
_DIED = "Failed to retrieve conversion result"  # what vl-convert says where its worker ended before it answered
_PANIC = "PanicException"  # of the part in Rust, and no subclass of Exception
_LONG_NUMBER = re.compile(r"-?\d*\.\d{2,}(?:e-?\d+)?")


def draw(spec: dict[str, Any], label: str, name: str) -> Markup:
    """Return a Vega-Lite chart as an SVG element.

    ``label``: what the chart shows, for those who do not see it. ``name``: unique in the page, for references inside. A
    mark's `description` becomes `data-tip`. Nothing is loaded: the specification carries its own data. Raises ToolError
    if the system refuses Vega what it needs; a specification that it cannot read is a bug.
    """
    import vl_convert

    if _address_space() not in (None, -1) and not _is_enough():
        raise _refused()
    try:
        text = vl_convert.vegalite_to_svg({"config": CONFIG, **_shortened(spec)}, allowed_base_urls=[])
    except ValueError as error:
        if _DIED not in str(error):
            raise
        raise _refused() from None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise _refused() from None
    root = ET.fromstring(text)  # noqa: S314  (made by the line above from escaped text)
    width, height = root.get("width", "1"), root.get("height", "1")
    inside = "".join(_markup(child, name) for child in root)
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}</svg>'
    ).format(
        label,
        width,
        height,
        width,
        height,
        Markup(inside),  # noqa: S704  (escaped below)
    )


def _refused() -> ToolError:
    return ToolError(
        "the charts of report.html cannot be drawn; allow the process more open files (`ulimit -n`) or memory "
        "(`ulimit -v`), or leave html out: `--format md,junit`"
    )


def _address_space() -> int | None:
    """Return the limit of this process's address space in bytes, -1 for none; None where there are no such limits."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrlimit(resource.RLIMIT_AS)[0]


@lru_cache(maxsize=1)
def _is_enough() -> bool:
    """Draw an empty chart in another process: where Vega's V8 cannot reserve what it needs, a signal ends it."""
    script = "import vl_convert; vl_convert.vegalite_to_svg({'mark': 'bar', 'data': {'values': []}})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def _shortened(value: Any) -> Any:
    """Return a specification without very long texts: measuring those would take minutes."""
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortened(item) for item in value]
    return f"{value[:_LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > _LONGEST_TEXT else value


def _markup(element: ET.Element, name: str) -> str:
    """Return an element and what is in it, without anything that is not on the lists above."""
    tag = element.tag.rpartition("}")[2]
    if tag not in _TAGS:
        return ""
    attributes = "".join(
        f' {key}="{escape(_own(_LONG_NUMBER.sub(_short, value) if key != "id" else value, key, name))}"'
        for key, value in element.attrib.items()
        if key in _KEPT and (key, value) != ("opacity", "1")
    )
    tip = element.get("aria-label")
    if tip and tag != "g":
        attributes += f' data-tip="{escape(tip)}"'
    inside = str(escape(element.text or "")) + "".join(_markup(child, name) for child in element)
    if tag in ("g", "text") and not inside:
        return ""
    if tag == "path" and not element.get("fill") and not element.get("stroke"):
        return ""  # invisible frames around groups
    return f"<{tag}{attributes}>{inside}</{tag}>"


def _short(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".") or "0"


def _own(value: str, key: str, name: str) -> str:
    """Give references inside the drawing a name of their own; two drawings share one page."""
    if key == "id":
        return f"{name}-{value}"
    return value.replace("url(#", f"url(#{name}-")


def colors(field: str, names: dict[str, str], *, legend: bool = True) -> Spec:
    """Return a colour by the name in ``field``; ``names``: which colour each has."""
    scale = {"domain": list(names), "range": list(names.values())}
    return {"field": field, "type": "nominal", "scale": scale, **({} if legend else {"legend": None})}


def dashed(mark: str) -> Spec:
    """Return a thin dashed mark for what is not a measurement, such as the diagonal."""
    return {"type": mark, "color": "var(--muted)", "strokeDash": [4, 3], "strokeWidth": 1, "aria": False}


def rule(axis: str, value: float | None, scale: Spec, text: str) -> Spec:
    """Return a line across the chart at a value, with its name at the top (or at the left) of it."""
    place: Spec = {axis: {"datum": value, "type": "quantitative", "scale": scale}}
    across = axis == "y"
    label = {"type": "text", "fill": "var(--text)", "align": "right" if across else "left", "baseline": "bottom"}
    where = {"x": "width", "dy": -3} if across else {"y": 0, "dx": 4, "baseline": "top"}
    upright = {} if across else {"dy": -14}
    return {
        "data": {"values": [{}]},
        "layer": [
            {
                "mark": {"type": "rule", "color": "var(--text)", "strokeWidth": 1.5, "strokeDash": [6, 3]},
                "encoding": place,
            },
            {"mark": {**label, **where, **upright}, "encoding": {**place, "text": {"value": text}}},
        ],
    }
