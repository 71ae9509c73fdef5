"""The benchmark as a picture: the stages' cost stacked, next to what the pipeline took. Plain SVG, no library."""

from __future__ import annotations

from html import escape
from typing import Any

_COLORS = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377")
_WIDTH, _LEFT, _BAR, _GAP = 860, 190, 26, 10


def svg(results: list[dict[str, Any]]) -> str:
    """Return an SVG: for each scenario a bar of wall milliseconds per image by stage, and one that was achieved."""
    longest = max(
        max(1000 / item["achieved_images_per_second"], 1000 / item["bound_images_per_second"]) for item in results
    )
    scale = (_WIDTH - _LEFT - 170) / longest
    names = list(dict.fromkeys(stage for item in results for stage in item["core_seconds_per_image"]))
    colors = {name: _COLORS[number % len(_COLORS)] for number, name in enumerate(names)}
    parts: list[str] = []
    y = 56
    for item in results:
        parts.append(_text(_LEFT - 10, y + _BAR, item["scenario"], anchor="end"))
        x = float(_LEFT)
        for stage, cost in item["core_seconds_per_image"].items():
            width = 1000 * cost / item["cores"] * scale
            label = f"{stage}: {1000 * cost / item['cores']:.2f} ms"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colors[stage]}">'
                f"<title>{escape(label)}</title></rect>"
            )
            x += width
        parts.append(_text(x + 6, y + 18, f"bound {item['bound_images_per_second']:.0f}/s"))
        y += _BAR + 2
        width = 1000 / item["achieved_images_per_second"] * scale
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="#555555"/>')
        achieved = f"achieved {item['achieved_images_per_second']:.0f}/s ({100 * item['ratio']:.0f} %)"
        parts.append(_text(_LEFT + width + 6, y + 18, achieved))  # beside the bar, which may be short
        y += _BAR + _GAP + 8
    legend, x = [], float(_LEFT)
    for name, color in colors.items():
        legend.append(f'<rect x="{x:.0f}" y="30" width="12" height="12" fill="{color}"/>')
        legend.append(_text(x + 17, 41, name))
        x += 34 + 8 * len(name)
    title = _text(
        _LEFT, 20, "Milliseconds per image: stages measured alone, stacked, against the pipeline", weight="bold"
    )
    body = "\n".join([title, *legend, *parts])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + 6}" viewBox="0 0 {_WIDTH} {y + 6}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {place} fill="#222222" font-weight="{weight}">{escape(text)}</text>'
