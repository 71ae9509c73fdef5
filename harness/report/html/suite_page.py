"""`index.html` of a suite: every run with its verdict, its candidates, and the way to its own report."""

from __future__ import annotations

from harness.report.facts import numbers
from harness.report.facts.suite import SuiteText
from harness.report.html import assets


def render(suite: SuiteText) -> str:
    """Return the page."""
    shown = [run for run in suite.runs if run.candidates]
    return assets.page(
        "suite.html",
        ("base.css", "index.css", "suite.css"),
        ("base.js", "suite.js"),
        data=assets.data({}),
        suite=suite,
        total=numbers.plural(len(suite.runs), "run"),
        seconds=numbers.seconds(suite.record.seconds),
        shown=shown,
        missing=numbers.MISSING,
    )
