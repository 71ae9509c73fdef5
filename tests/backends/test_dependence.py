"""A model that is tried by numbers: what its answers depend on besides the image is named as what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import ModelSpec, Pixels
from harness.backends.dependence import refuse_dependence
from harness.config import Input
from harness.errors import ModelError

Run = Callable[[Pixels], NDArray[Any]]
SPEC = ModelSpec("m", "m.bin", Input(color="RGB"), None, 8, 3)


def plain(pixels: Pixels) -> NDArray[Any]:
    found: NDArray[Any] = pixels.mean((1, 2)) / 255
    return found


def of_the_batch(pixels: Pixels) -> NDArray[Any]:
    found = plain(pixels)
    found -= found.mean(0)
    return found


def stateful() -> Run:
    kept = np.zeros(3)

    def run(pixels: Pixels) -> NDArray[Any]:
        found: NDArray[Any] = kept + plain(pixels)
        kept[:] = found[-1]
        return found

    return run


def random() -> Run:
    generator = np.random.default_rng(5)
    return lambda pixels: plain(pixels) * generator.integers(0, 2, (len(pixels), 3)) * 2


def refused(run: Run, batch: int | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        refuse_dependence(SPEC, run, batch)
    return str(caught.value)


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_an_answer_that_depends_on_the_image_alone(batch: int | None) -> None:
    refuse_dependence(SPEC, plain, batch)


def test_the_other_images_of_the_batch() -> None:
    message = refused(of_the_batch)
    assert message.startswith("m.bin: in training mode: its prediction for an image changes by 0.")
    assert message.endswith(" with the other images of the batch; export the model for inference")


@pytest.mark.parametrize("batch", [None, 2, 4])
def test_images_in_another_order(batch: int | None) -> None:
    message = refused(lambda pixels: plain(pixels)[::-1], batch)
    assert message.startswith("m.bin: mixes up the images of a batch: its first prediction changes with the other")
    assert "training" not in message


@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("make", [stateful, random])
def test_what_changes_from_call_to_call_is_not_blamed_on_training_alone(
    make: Callable[[], Run], batch: int | None
) -> None:
    message = refused(make(), batch)
    assert message.startswith("m.bin: its prediction for the same images changes by ")
    assert "from call to call, so it keeps a state (as recurrent layers may) or uses random numbers" in message
