from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.keras.description import describe
from tests.backends.keras.keras_files import functional, require_keras
from tests.conftest import CLASSES, SIZE, Network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("rescales", [True, False])
def test_a_layer_that_normalises_says_plain_pixels(
    network: Network, tmp_path: Path, suffix: str, *, rescales: bool
) -> None:
    keras = require_keras()
    inside = keras.layers.Rescaling(1 / 127.5, offset=-1, name="to_range")
    model = functional(keras, network, inside if rescales else lambda x: x)
    path = tmp_path / f"net{suffix}"
    model.save(path)
    found = describe(path)
    (source,) = found.inputs
    assert (source.layout, source.sides) == ("NHWC", (SIZE, SIZE))
    assert found.outputs[0].width == CLASSES + 1
    assert found.derivation == "trained"
    if rescales:
        assert found.mean is not None
        assert found.scale is not None
        assert (found.mean.value, found.scale.value) == ((0.0,) * 3, (1.0,) * 3)
        assert found.mean.source == f"Rescaling layer 'to_range' of net{suffix}, so plain pixels"
    else:
        assert (found.mean, found.scale) == (None, None)
