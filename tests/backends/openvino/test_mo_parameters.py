from __future__ import annotations

import pytest

from harness.backends.openvino.mo_parameters import channels, mean_inside, reversed_channels, scale_inside


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (0.0, 0.0, 0.0)),
        ("", (0.0, 0.0, 0.0)),
        ("()", (0.0, 0.0, 0.0)),
        ("input[127.5,127.5,127.5]", (127.5, 127.5, 127.5)),
        ("input[127.5]", (127.5, 127.5, 127.5)),
        ("(123.675, 116.28, 103.53)", (123.675, 116.28, 103.53)),
        ("[1e2,-5,.5]", (100.0, -5.0, 0.5)),
        ("data:0[1,2,3],info[1,2,3]", (1.0, 2.0, 3.0)),
        ("data[1,2,3],info[4,5,6]", None),
        ("[1,2]", None),
        ("127.5", (127.5, 127.5, 127.5)),
        ("layer1[1,2,3]", (1.0, 2.0, 3.0)),
        ("nonsense", None),
    ],
)
def test_every_way_of_writing_the_numbers(text: str | None, expected: tuple[float, ...] | None) -> None:
    assert channels(text, 0.0) == expected


def test_scale_values_go_before_scale_and_none_is_one() -> None:
    assert scale_inside({}) == (1.0, 1.0, 1.0)
    assert scale_inside({"scale": "58.8"}) == (58.8, 58.8, 58.8)
    assert scale_inside({"scale": "58.8", "scale_values": "in[2,3,4]"}) == (2.0, 3.0, 4.0)
    assert scale_inside({"scale_values": "in[2,0,4]"}) is None
    assert mean_inside({}) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("value", "expected"), [("True", True), ("False", False), ("true", True), ("", False)])
def test_reversed_channels(value: str, expected: bool) -> None:
    assert reversed_channels({"reverse_input_channels": value}) is expected
    assert reversed_channels({}) is False
