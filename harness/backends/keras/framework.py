"""Keras on TensorFlow, imported."""

from __future__ import annotations

import os
from typing import Any

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.backends.tensorflow.framework import import_tensorflow
from harness.errors import ModelError

_INSTALL = "run `pip install 'conversion-accuracy-harness[keras]'`"


@one_at_a_time
def import_keras() -> Any:
    """Import Keras 3 on TensorFlow. Raises ModelError with what to install, or what to set."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import_tensorflow("keras")
    try:
        import keras
    except IMPORT_FAILS as error:
        raise ModelError(f"the backend keras needs Keras, which cannot be imported ({error}); {_INSTALL}") from None
    if int(keras.__version__.partition(".")[0]) < 3:
        raise ModelError(f"the backend keras needs Keras 3, {keras.__version__} is installed; {_INSTALL}")
    if (used := keras.backend.backend()) != "tensorflow":
        raise ModelError(f"Keras runs on {used} here; set KERAS_BACKEND=tensorflow, which this backend needs")
    return keras
