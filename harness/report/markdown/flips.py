"""The flips in `report.md`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.class_names import index_of
from harness.report.facts.compared_with import compared_with
from harness.report.facts.flips import LARGEST, Flip, Guess, largest_losses
from harness.report.markdown.text import code, prose
from harness.report.markdown.text import table as markdown_table

if TYPE_CHECKING:
    import pyarrow as pa


_NEAR = ", near-tie"


def section(record: RunRecord, table: pa.Table | None, class_names: Sequence[str] | None) -> list[str]:
    """Return the section's lines: for every candidate the flips with the largest loss of probability."""
    if not record.comparisons:
        return []
    lines, background = ["## Flips", ""], record.recorded_config.dataset.background_class
    if table is None:
        return [*lines, "The run has no per-image table, so its flips cannot be listed."]
    lines += [
        "Images that only one model classifies correctly (Top-1), largest loss of the true label's probability first."
    ]
    for part in record.comparisons:
        lines += ["", f"### {code(part.candidate)}", ""]
        found = largest_losses(table, part.reference, part.candidate)
        if found is None:
            lines.append("The per-image table lacks this model.")
        elif not found[0]:
            lines.append("None: both models classify the same images correctly.")
        else:
            flips, total = found
            shown = f"The {LARGEST} largest losses of {numbers.count(total)} flips." if total > LARGEST else None
            lines += [
                *([shown, ""] if shown else []),
                *_flip_table(
                    flips, _namer(class_names, background=background), compared_with(record), background=background
                ),
            ]
    if any(line.endswith(_NEAR) or f"{_NEAR} |" in line for line in lines):
        lines += ["", "Near-tie: the two best classes are about as likely, so that rounding may decide between them."]
    return lines


def _flip_table(flips: list[Flip], name: Callable[[int], str], base: str, *, background: bool) -> list[str]:
    def guess(part: Guess) -> str:
        return f"{name(part.top1)} ({numbers.probability(part.top1_probability)})"

    headers = (
        "image",
        "label (network/data set)" if background else "label",
        "change",
        f"{base} Top-1",
        "candidate Top-1",
        f"p(label) {base}",
        "candidate",
        "loss",
    )
    rows = (
        (
            code(flip.image_id),
            name(flip.label),
            ("**broken**" if flip.broken else "fixed") + (_NEAR if flip.near_tie else ""),
            guess(flip.reference),
            guess(flip.candidate),
            numbers.probability(flip.reference.probability_of_label),
            numbers.probability(flip.candidate.probability_of_label),
            numbers.loss(flip.loss),
        )
        for flip in flips
    )
    return markdown_table(headers, rows, right=(f"p(label) {base}", "candidate", "loss"))


def _namer(class_names: Sequence[str] | None, *, background: bool) -> Callable[[int], str]:
    names = class_names or ()

    def name(label: int) -> str:
        if label < 0:
            return "none"
        number = index_of(label, background=background)
        return f"{number} {prose(names[label])}" if label < len(names) else number

    return name
