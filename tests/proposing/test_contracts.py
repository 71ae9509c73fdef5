from __future__ import annotations

import pytest

from harness.backends.description import ModelDescription, Stated, Tensor
from harness.config.color import Color
from harness.proposing.contracts import contracts_to_try, stated_contract

PIXELS = Tensor("x", (None, 8, 8, 3), "float32")


def description(tensor: Tensor = PIXELS, color: Color | None = None, mean: float | None = None) -> ModelDescription:
    return ModelDescription(
        (tensor,),
        (Tensor("y", (None, 10), "float32"),),
        "here",
        "exported",
        Stated(color, "here") if color else None,
        Stated((mean, 2.0, 3.0), "here") if mean is not None else None,
        Stated((4.0, 5.0, 6.0), "here") if mean is not None else None,
    )


def test_both_colour_orders_of_every_family_are_tried() -> None:
    found = contracts_to_try(description(), PIXELS)
    assert {contract.color for contract in found} == {"RGB", "BGR"}
    assert len(found) == 12
    caffe = [contract.mean for contract in found if contract.name.endswith("mean alone")]
    assert caffe == [(123.68, 116.779, 103.939), (103.939, 116.779, 123.68)]
    assert found[0].values == ("RGB", (127.5,) * 3, (127.5,) * 3)


def test_what_the_file_states_comes_first_in_either_order() -> None:
    found = contracts_to_try(description(color="BGR", mean=1.0), PIXELS)
    assert [contract.values for contract in found[:2]] == [
        ("BGR", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
        ("RGB", (3.0, 2.0, 1.0), (6.0, 5.0, 4.0)),
    ]
    assert stated_contract(description(color="RGB"), "RGB") is None


@pytest.mark.parametrize(("quantization", "count"), [(None, 2), ((0.0078125, 128), 12)])
def test_whole_numbers_without_a_scale_hold_plain_values_only(
    quantization: tuple[float, int] | None, count: int
) -> None:
    tensor = Tensor("x", (1, 8, 8, 3), "uint8", quantization)
    assert len(contracts_to_try(description(tensor), tensor)) == count


def test_values_that_no_image_tells_apart_are_tried_once() -> None:
    """A file's 128 and 128 stand for 127.5 and 127.5, too."""
    stated = ModelDescription(
        (PIXELS,),
        (),
        "here",
        "quantised",
        mean=Stated((128.0,) * 3, "here"),
        scale=Stated((128.0,) * 3, "here"),
    )
    found = [contract.values for contract in contracts_to_try(stated, PIXELS)]
    assert ("RGB", (128.0,) * 3, (128.0,) * 3) in found
    assert ("RGB", (127.5,) * 3, (127.5,) * 3) not in found
