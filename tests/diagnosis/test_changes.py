from __future__ import annotations

import numpy as np
import pytest

from harness.diagnosis.answer import CAUSES
from harness.diagnosis.changes import (
    CHANNEL_CHANGES,
    COLOR_ORDER,
    LAYOUT_CHANGES,
    NORMALISATION_CHANGES,
    Change,
    transposed_order,
)
from harness.diagnosis.faults import FAULTS

EVERY = (COLOR_ORDER, *CHANNEL_CHANGES, *NORMALISATION_CHANGES, *LAYOUT_CHANGES)


def test_every_change_and_every_fault_has_a_documented_cause() -> None:
    assert {change.cause for change in EVERY} | {fault.cause for fault in FAULTS} <= set(CAUSES)


def test_no_change_is_there_twice() -> None:
    assert len({change.words for change in EVERY}) == len(EVERY)


@pytest.mark.parametrize("change", [COLOR_ORDER, *CHANNEL_CHANGES, *LAYOUT_CHANGES], ids=lambda change: change.words)
def test_what_moves_pixels_can_be_taken_back(change: Change) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    assert change.pixels is not None
    assert change.undo is not None
    moved = change.pixels(pixels)
    assert not np.array_equal(moved, pixels)
    assert np.array_equal(change.undo(moved), pixels)


@pytest.mark.parametrize(
    ("words", "seen"),
    [  # of the pixel 200, which the reference sees as (200 - 100) / 50 = 2
        ("pixels without mean and scale", 200.0),
        ("pixels without the mean", 4.0),
        ("pixels without the scale", 100.0),
        ("pixels with mean and scale applied twice", (2.0 - 100) / 50),
        ("pixels with the mean subtracted twice", 0.0),
        ("pixels with the scale applied twice", 0.04),
        ("pixels scaled to [0, 1]", 200 / 255),
        ("pixels scaled to [-1, 1]", 200 / 127.5 - 1),
        ("pixels with mean 128 and scale 128", 0.5625),
        ("pixels scaled to [0, 1] before mean and scale", (200 / 255 - 100) / 50),
        ("pixels 0 to 255 with mean and scale meant for [0, 1]", (200 - 100 / 255) / (50 / 255)),
    ],
)
def test_what_the_network_sees(words: str, seen: float) -> None:
    (change,) = (change for change in NORMALISATION_CHANGES if change.words == words)
    assert change.normalisation is not None
    mean, scale = change.normalisation((100.0,) * 3, (50.0,) * 3)
    assert (200 - mean[0]) / scale[0] == pytest.approx(seen, rel=1e-12)


def test_means_in_the_reversed_order() -> None:
    (change,) = (change for change in NORMALISATION_CHANGES if change.cause == "means-reversed")
    assert change.normalisation is not None
    assert change.normalisation((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)) == ((3.0, 2.0, 1.0), (6.0, 5.0, 4.0))


def test_a_table_of_classes_written_column_by_column() -> None:
    assert transposed_order(6).tolist() == [0, 3, 1, 4, 2, 5]
    assert transposed_order(5).tolist() == [4, 3, 2, 1, 0]
