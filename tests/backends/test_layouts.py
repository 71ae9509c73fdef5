from __future__ import annotations

import pytest

from harness.backends.layouts import layout_of


@pytest.mark.parametrize(
    ("sides", "layout"),
    [
        ((1, 3, 224, 224), "NCHW"),
        ((None, 224, 224, 3), "NHWC"),
        ((-1, 3, -1, -1), "NCHW"),
        ((1, 3, 224, 3), None),
        ((1, 3, 3, 224), "NCHW"),
        ((1, 1, 224, 224), None),
        ((3, 224, 224), None),
        ((), None),
    ],
)
def test_layout_of(sides: tuple[int | None, ...], layout: str | None) -> None:
    assert layout_of(sides) == layout
