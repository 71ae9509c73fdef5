from __future__ import annotations

from harness.report.facts.class_changes import ClassChange, Confusion, class_changes, grown_confusions
from harness.report.facts.per_image import PerImage, per_image
from tests.report.records import record, table


def _images(rows: list[tuple[int, int, int]]) -> PerImage:
    """Rows of (label, reference Top-1, candidate Top-1)."""
    built = [
        {"image_id": f"{n}", "label": label, "tf": (a, 0.5, 0.5, 1, 0.0), "ir": (b, 0.5, 0.5, 1, 0.0)}
        for n, (label, a, b) in enumerate(rows)
    ]
    images = per_image(record(), table(rows=built))
    assert images is not None
    return images


def test_losses_and_wins_by_class() -> None:
    images = _images([(1, 1, 2), (1, 1, 2), (1, 1, 1), (2, 3, 2), (2, 3, 2), (3, 3, 3), (7, 7, 8), (8, 9, 8)])
    worst, best, single = class_changes(images, "tf", "ir")
    assert single == 2  # of 7 and 8, one image changed: noise
    assert worst == [ClassChange(label=1, images=3, before=3, after=1)]
    assert best == [ClassChange(label=2, images=2, before=0, after=2)]
    assert (worst[0].change, best[0].change_pp) == (-2, 100.0)


def test_twenty_of_each_at_most_worst_first() -> None:
    images = _images([(label, label, 999) for label in range(30)] * 2 + [(5, 5, 999)])
    worst, best, single = class_changes(images, "tf", "ir")
    assert (len(worst), worst[0].label, best, single) == (20, 5, [], 0)


def test_confusions_that_grew_and_only_those() -> None:
    images = _images([(1, 1, 2), (1, 2, 2), (4, 5, 4), (6, -1, -1)])
    assert grown_confusions(images, "tf", "ir") == [Confusion(label=1, taken_for=2, before=1, after=2)]
    assert grown_confusions(images, "ir", "tf") == [Confusion(4, 5, 0, 1)]
    assert grown_confusions(_images([(1, 1, 1)]), "tf", "ir") == []
