from __future__ import annotations

from typing import Any

from harness.report.html.chart_svg import draw
from harness.report.html.layer_chart import LayerPoint, layer_profile

POINTS = [
    LayerPoint("conv/<1>", "Convolution_1", 140.0, 130.0),
    LayerPoint("conv/2", "Convolution_2", 30.0, 29.0, named=True),
    LayerPoint("conv/3", "conv/3", 140.0, None),
]


def values(spec: Any) -> list[tuple[int, float, str]]:
    return [(row["layer"], row["db"], row["how"].split()[0].strip(",")) for row in spec["data"]["values"]]


def test_every_layer_that_was_seen_has_its_points() -> None:
    spec = layer_profile(POINTS)
    assert sorted(values(spec)) == [
        (1, 130.0, "inside"),
        (1, 140.0, "alone"),
        (2, 29.0, "inside"),
        (2, 30.0, "alone"),
        (3, 140.0, "alone"),
    ]


def test_the_drawing_names_layers_and_rings_the_one_that_differs() -> None:
    spec = layer_profile(POINTS)
    assert spec is not None
    drawing = str(draw(spec, "signal to noise along the network", "layers"))
    assert 'data-tip="layer 1: conv/&lt;1&gt; / Convolution_1: 140 dB alone' in drawing
    assert "layer 3: conv/3: 140 dB" in drawing
    assert drawing.count("var(--bad)") == 2
    assert "http" not in drawing
    plain = layer_profile([POINTS[0]])
    assert plain is not None
    assert "var(--bad)" not in str(draw(plain, "", "layers"))


def test_of_nothing_seen_there_is_no_chart() -> None:
    assert layer_profile([]) is None
    assert layer_profile([LayerPoint("a", "b", None, None)]) is None
