"""Layers that a Keras file calls in training mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.backends.keras.runner import KerasBackend
from harness.backends.keras.training import refuse_training
from harness.config import Input
from harness.errors import ModelError
from tests.backends.keras.keras_files import functional, require_keras
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

CONTRACT = Input(name="image", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(KerasBackend, ModelSpec("k", "", CONTRACT, "probabilities", SIZE, CLASSES + 1))
# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("Dropout", "'wrong' (Dropout) gives different numbers at every call, as a dropout does"),
        ("BatchNormalization", "'wrong' (BatchNormalization) takes mean and variance from the images of each batch"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_layer_in_training_is_refused(
    tensorflow: Any, network: Network, tmp_path: Path, suffix: str, layer: str, words: str
) -> None:
    del tensorflow
    keras = require_keras()
    kind = getattr(keras.layers, layer)
    arguments = (0.5,) if layer == "Dropout" else ()
    model = functional(keras, network, lambda x: kind(*arguments, name="wrong")(x, training=True))
    model.save(tmp_path / f"m{suffix}")
    text = ALONE.refused(ALONE.spec(tmp_path / f"m{suffix}"))
    assert f"m{suffix}: in training mode: {words}" in text
    assert text.endswith("export the model for inference, its layers called without `training=True`")


def test_a_call_as_keras_2_writes_it() -> None:
    def config(training: object) -> dict[str, Any]:
        call = [["image", 0, 0, {"training": training}]]
        layer = {"class_name": "Dropout", "name": "d", "config": {"name": "d"}, "inbound_nodes": [call]}
        return {"class_name": "Functional", "config": {"layers": [layer]}}

    with pytest.raises(ModelError, match=r"in training mode: 'd' \(Dropout\)"):
        refuse_training(config(True), "m.h5")
    for value in (False, None):
        refuse_training(config(value), "m.h5")
