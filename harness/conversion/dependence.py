"""Whether a network that is to be converted predicts each image by itself: it is tried with two images at once.

What is written takes one image at a time, so a normalisation over the batch would become one over the image, unseen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.backends.base import ModelSpec, Pixels
from harness.backends.dependence import refuse_dependence
from harness.backends.layouts import Layout
from harness.config import Candidate, Config
from harness.errors import ModelError
from harness.feeding.contract import is_reversed, normalised


def refuse_batch_dependence(ov: Any, config: Config, candidate: Candidate, model: Any, layout: Layout) -> None:
    """Refuse a network whose prediction for an image changes with the other image, or from call to call.

    ``model``: the reference as an ov.Model of one input and one output, which is left as it is. Nothing is said of one
    that cannot take two images, and of one that cannot be compiled, which is said elsewhere. Raises ModelError.
    """
    reference = config.original
    height, width = config.preprocess_for(candidate).output_size
    sides = [2, height, width, 3] if layout == "NHWC" else [2, 3, height, width]
    pair = model.clone()
    try:
        pair.reshape({pair.input(0): sides})
        shape = pair.output(0).get_partial_shape()
        if shape.is_static and int(np.prod(pair.output(0).get_shape())) != 2 * config.dataset.outputs:
            return
        compiled = ov.Core().compile_model(pair, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError:
        return
    element = pair.input(0).get_element_type().to_dtype()

    def run(part: Pixels) -> Any:
        ordered = part[..., ::-1] if is_reversed(reference.input) else part
        values = normalised(reference.input, ordered.astype(np.float32)).astype(element)
        fed = values if layout == "NHWC" else values.transpose(0, 3, 1, 2)
        try:
            return np.array(compiled(np.ascontiguousarray(fed))[0])
        except RuntimeError as error:
            raise ModelError(f"{reference.model}: cannot be run: {error}") from None

    spec = ModelSpec(
        id=reference.id,
        model=str(reference.model),
        input=reference.input,
        output=reference.output_name,
        size=(height, width),
        outputs=config.dataset.outputs,
    )
    refuse_dependence(spec, run, 2)
