from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from harness.backends.tensorflow.framework import import_tensorflow
tf = import_tensorflow()
assert not any(name.partition(".")[0] in ("keras", "tf_keras") for name in sys.modules), "imported"
from harness.backends.keras.framework import import_keras
assert import_keras().layers.Dense(1)(tf.ones((1, 2))).shape == (1, 1)
assert tf.keras.layers.Dense is import_keras().layers.Dense
assert import_tensorflow() is tf
"""


def test_keras_is_imported_by_whoever_needs_it(tensorflow: object) -> None:
    """A process of its own, because the others here have imported Keras perhaps."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
