"""What candidates are compared with: the reference, or the first of them where `reference: null` configures none."""

from __future__ import annotations

from harness.record.schema import RunRecord
from harness.text import visible


def compared_with(record: RunRecord) -> str:
    """Return what the comparisons are against: "reference", or "first candidate" where there is none."""
    return "reference" if _has_reference(record) else "first candidate"


def against(record: RunRecord) -> str:
    """Return " against a", to follow a drop that is not a drop from a reference; empty if it is one."""
    named = dict.fromkeys(visible(part.reference) for part in record.comparisons)
    return "" if _has_reference(record) or not named else f" against {', '.join(named)}"


def _has_reference(record: RunRecord) -> bool:
    return any(part.role == "reference" for part in record.models)
