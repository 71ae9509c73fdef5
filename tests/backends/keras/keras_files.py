"""The tiny network in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import CLASSES, SIZE, Network


def require_keras() -> Any:
    return pytest.importorskip("keras", reason="keras is not installed; it is the extra [keras]")


def functional(keras: Any, network: Network, add: Callable[[Any], Any] = lambda x: x, name: str = "image") -> Any:
    layers = keras.layers
    image = keras.Input((SIZE, SIZE, 3), name=name)
    x = layers.Conv2D(8, 1, use_bias=False, activation="relu", name="first")(add(image))
    x = layers.Dropout(0.5, name="dropout")(layers.GlobalAveragePooling2D()(x))
    answer = layers.Dense(CLASSES + 1, use_bias=False, activation="softmax", name="probabilities")(x)
    model = keras.Model(image, answer)
    model.get_layer("first").set_weights([network.first[None, None]])
    model.get_layer("probabilities").set_weights([network.second])
    return model
