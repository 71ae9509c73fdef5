from __future__ import annotations

import numpy as np

from harness.diagnosis.faults import FAULTS, Fault

# What issue trackers of converters are full of; each must be in the catalogue under some name.
WANTED = (
    "channels", "scale missing", "twice", "[0, 1]", "128", "another model family", "NCHW", "(+1)", "(-1)", "area",
    "cast to whole", "cubic", "nearest", "crop", "softmax", "wrong output", "stale BIN", "class order", "FP16",
    "bf16", "8 bits",
)  # fmt: skip


def named(word: str) -> Fault:
    (fault,) = (fault for fault in FAULTS if word in fault.name)
    return fault


def test_every_fault_is_there_once() -> None:
    for word in WANTED:
        assert sum(word in fault.name for fault in FAULTS) == 1, word
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) == len(WANTED)


def test_each_fault_changes_something() -> None:
    faithful = Fault("nothing")
    for fault in FAULTS:
        assert any(getattr(fault, field) != getattr(faithful, field) for field in vars(faithful) if field != "name")


def test_channels_are_reversed_and_nothing_else() -> None:
    pixels = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    change = named("channels").pixels
    assert change is not None
    assert change(pixels)[0, 0, 0].tolist() == [2, 1, 0]
    assert change(pixels)[1, 1, 1].tolist() == [23, 22, 21]


def test_planar_pixels_keep_their_bytes_and_lose_their_places() -> None:
    pixels = np.array([[[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]], np.uint8)
    change = named("NCHW").pixels
    assert change is not None
    # planes 1 4 7 10, 2 5 8 11, 3 6 9 12 one after the other
    assert change(pixels).reshape(-1).tolist() == [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]
    assert change(pixels).shape == pixels.shape


def test_twice_is_the_normalisation_of_the_normalised() -> None:
    change = named("twice").normalisation
    assert change is not None
    mean, scale = change((10.0, 20.0, 30.0), (2.0, 4.0, 5.0))
    for x, m, s, wrong_m, wrong_s in zip((100, 7, 0), (10, 20, 30), (2, 4, 5), mean, scale, strict=True):
        assert ((x - m) / s - m) / s == (x - wrong_m) / wrong_s


def test_transposed_classes_are_a_permutation_that_moves_classes() -> None:
    change = named("class order").probabilities
    assert change is not None
    for classes in (5, 12, 1001):
        row = np.arange(classes, dtype=np.float32)[None]
        changed = change(row)[0]
        assert sorted(changed.tolist()) == row[0].tolist()
        assert changed.tolist() != row[0].tolist()
    assert change(np.arange(6, dtype=np.float32)[None])[0].tolist() == [0, 3, 1, 4, 2, 5]
