"""Accuracy Checker's metrics as published accuracy.

Sources: ``metrics/classification.py`` (``accuracy``: ``top_k`` is 1 where it is left out) and ``metrics/metric.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import nearest
from harness.importing.documents import Part, number_in, shown

# Metrics of classifiers other than the share of correct predictions: named in a note, since no gate judges them.
_NO_ACCURACY = frozenset(
    {
        "accuracy_per_class",
        "acer_score",
        "attribute_recall",
        "attribute_accuracy",
        "auc",
        "classification_f1-score",
        "clip_accuracy",
        "character_recognition_accuracy",
        "f1_score",
        "label_level_recognition_accuracy",
        "log_loss",
        "metthews_correlation_coef",
        "multi_accuracy",
        "multi_f1_score",
        "multi_precision",
        "multi_recall",
        "precision",
        "recall",
        "roc_auc_score",
        "youtube_faces_accuracy",
        "far",
        "frr",
    }
)


@dataclass
class Published:
    """Published accuracy in percent, each with its place."""

    percent: dict[int, float] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)

    def same_as(self, other: Published) -> bool:
        """Return whether both state the same accuracy."""
        return self.percent == other.percent


def read_metrics(dataset: Part) -> Published:
    """Read the metrics of a data set's entry; faults and notes are collected in its document."""
    found = Published()
    for metric in dataset.parts("metrics"):
        kind, name, reference = metric.text("type"), metric.text("name"), metric.raw("reference")
        metric.raw("presenter")  # how a number is printed
        if kind is None:
            metric.refuse_missing("type", "what it measures is unknown")
        elif kind == "accuracy":
            _accuracy(metric, found)
        elif kind in _NO_ACCURACY:
            text = f"{name or kind} ({kind}, reference {shown(reference)}) is not judged by any gate"
            metric.note(None, text)
        else:
            near = nearest(kind, ["accuracy", *_NO_ACCURACY])
            hint = f"; did you mean {near[0]}?" if near else ""
            metric.refuse(
                "type", f"{shown(kind)} is not a metric of a classifier, so what it measures would be lost{hint}"
            )
    return found


def _accuracy(metric: Part, found: Published) -> None:
    top_k = metric.whole("top_k", 1, 10**6) or 1
    if metric.truth("match"):
        metric.refuse("match", "the harness does not compare predictions with several labels")
    metric.truth("cast_to_int")  # of `match` only
    for name in ("abs_threshold", "rel_threshold"):
        if metric.raw(name) is not None:
            metric.refuse(name, "set the tolerance in percentage points in `gates.target`, and remove this line")
    reference = metric.raw("reference")
    metric.finish()
    if reference is None:
        return
    fraction = number_in(reference)
    if fraction is None or not 0 <= fraction <= 1:
        metric.refuse("reference", f"{shown(reference)} is not a fraction between 0 and 1")
        return
    percent = number_in(f"{100 * fraction:.10g}")
    if top_k not in (1, 5):
        text = f"Top-{top_k} accuracy (reference {percent:g} %) is not judged by any gate; Top-1 and Top-5 are"
        metric.note(None, text)
    elif top_k in found.percent:
        metric.refuse(None, f"states Top-{top_k} a second time; keep one")
    elif percent is not None:
        found.percent[top_k], found.places[top_k] = percent, metric.place("reference")
