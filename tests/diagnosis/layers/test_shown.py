from __future__ import annotations

import re

from harness.diagnosis.layers.activations import Difference
from harness.diagnosis.layers.finding import LayerFinding, Row
from harness.diagnosis.layers.shown import as_text


def row(place: int, alone: float | None, weights: str = "equal") -> Row:
    inside = None if alone is None else Difference(alone - 1, 1.0, 0.1)
    seen = None if alone is None else Difference(alone, 1.0, 0.1)
    return Row(f"net/conv_{place}", f"Convolution_{place}", weights, 0.025, "equal", inside, seen)


def finding(*rows: Row) -> LayerFinding:
    output = Row("softmax", "output", None, None, None, None, Difference(200.0, 1.0, 0.0))
    return LayerFinding("found", "", "weights-changed", "net/conv_9", "Convolution_9", rows=(*rows, output))


def cells(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_the_table_shows_the_ends_and_what_is_around_the_layer_that_differs() -> None:
    rows = [
        row(place, 40.0 if place == 9 else 120.0 + place, "changed" if place == 9 else "equal") for place in range(20)
    ]
    text = as_text(finding(*rows))
    around = [
        ["net/conv_6", "equal", "2.5e-02", "126 dB", "125 dB"],
        ["net/conv_7", "equal", "2.5e-02", "127 dB", "126 dB"],
        ["net/conv_8", "equal", "2.5e-02", "128 dB", "127 dB"],
        [">", "net/conv_9", "changed", "2.5e-02", "40 dB", "39 dB"],
        ["net/conv_10", "equal", "2.5e-02", "130 dB", "129 dB"],
        ["net/conv_11", "equal", "2.5e-02", "131 dB", "130 dB"],
        ["net/conv_12", "equal", "2.5e-02", "132 dB", "131 dB"],
    ]
    assert cells(text) == [
        ["layer", "weights", "differ by", "alone", "inside"],
        ["net/conv_0", "equal", "2.5e-02", "120 dB", "119 dB"],
        ["... 5 more ...", ">= 121 dB", ">= 120 dB"],
        *around,
        ["... 7 more ...", ">= 133 dB", ">= 132 dB"],
        ["softmax", "exact", "-"],
    ]
    assert len({len(line) for line in text.splitlines()}) == 1  # the last column is aligned


def test_what_cannot_be_told_is_a_dash() -> None:
    assert ["net/conv_1", "equal", "2.5e-02", "-", "-"] in cells(as_text(finding(row(1, None), row(9, None))))
