"""`badge.svg`: verdict and accuracy on one small picture, for a README or a dashboard. Drawn here, nothing is loaded.

The picture is self-contained: no script, no font file, no link. Widths are those of DejaVu Sans at 11 px, rounded up,
and the text is stretched to them, so that it fits with any font.
"""

from __future__ import annotations

import math
from html import escape

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.changes import changes
from harness.report.facts.verdict import RunVerdict, judge

# White text on each has a contrast of at least 4.5 : 1 (WCAG 2, level AA).
COLOURS = {"pass": "#2a7a2f", "fail": "#b3261e", "undecided": "#8a5a00", "error": "#5f6368", "interrupted": "#5f6368"}
_LABEL = "#444444"
_NARROW, _WIDE = "fijlrtI.,:;'|()[]! -", "mwMWQO@%"


def render(record: RunRecord) -> str:
    """Return the badge of a run as SVG."""
    verdict = judge(record)
    return draw("accuracy", _message(record, verdict), COLOURS[verdict.kind])


def _message(record: RunRecord, verdict: RunVerdict) -> str:
    word = verdict.word.lower()
    if verdict.kind not in ("pass", "fail", "undecided"):
        return word
    worst = changes(record).worst
    if worst is not None:
        share, change = numbers.percent(worst.top1_percent), numbers.change(worst.top1_drop_from_reference)
        return f"{word}, Top-1 {share} % ({change})"
    shares = [part.top1.percent for part in record.models if part.top1 is not None]
    return f"{word}, Top-1 {numbers.percent(shares[0])} %" if len(shares) == 1 else word


def draw(label: str, message: str, colour: str) -> str:
    """Return a badge of two fields: ``label`` on grey, ``message`` on ``colour``."""
    left, right = _width(label) + 12, _width(message) + 12
    whole = f"{label}: {message}"

    def field(text: str, start: int, width: int) -> str:
        place = f'x="{start + width / 2:g}" y="14" textLength="{width - 12}"'
        return f'<text {place} lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{escape(whole)}"><title>{escape(whole)}</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="{colour}"/>'
        f'<path d="M3 0h{left - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="{_LABEL}"/>'
        '<g fill="#ffffff" text-anchor="middle" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11">'
        f"{field(label, 0, left)}{field(message, left, right)}</g></svg>\n"
    )


def _width(text: str) -> int:
    """Return the width of a text in pixels, a little more than it takes."""
    return math.ceil(sum(4.0 if char in _NARROW else 11.0 if char in _WIDE else 7.1 for char in text))
