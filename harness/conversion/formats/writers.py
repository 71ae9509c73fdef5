"""The converters: from a TensorFlow function to the bytes of a file."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import Any

from harness.errors import ModelError
from harness.text import first_line

OPSET = 17  # of ONNX: what runtimes since 2022 read


def onnx_bytes(tf: Any, function: Any, where: str) -> bytes:
    """Return an ONNX model of a ``tf.function``, made by tf2onnx. Raises ModelError that names ``where``."""
    del tf
    try:
        import tf2onnx
    except ImportError as error:
        raise ModelError(
            f"{where}: a conversion to ONNX needs tf2onnx, which cannot be imported ({error}); run "
            "`pip install 'conversion-accuracy-harness[to-onnx]'`"
        ) from None
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    try:
        with _quiet():
            model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    except Exception as error:
        raise ModelError(f"{where}: tf2onnx {tf2onnx.__version__} cannot convert it: {first_line(error)}") from error
    return bytes(model.SerializeToString())


def litert_bytes(tf: Any, function: Any, where: str) -> bytes:
    """Return a LiteRT model (.tflite) of a ``tf.function``. Raises ModelError that names ``where``."""
    module = tf.Module()
    module.run = function
    try:
        with _quiet():
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], module)
            return bytes(converter.convert())
    except Exception as error:
        raise ModelError(f"{where}: TensorFlow cannot convert it to LiteRT: {first_line(error)}") from error


@contextlib.contextmanager
def _quiet() -> Any:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
