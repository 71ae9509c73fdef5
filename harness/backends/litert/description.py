"""What a LiteRT file states about itself: tensors with scale and zero point, and its metadata on images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.backends.description import ModelDescription, Stated, Tensor, shape_of, unquantised_pixels
from harness.backends.litert.framework import import_litert, refusal, without_banner
from harness.backends.litert.metadata import image_metadata
from harness.backends.litert.signature import signature_names
from harness.backends.quantization import quantization_of
from harness.errors import ModelError


def describe(model: Path) -> ModelDescription:
    """Return what a LiteRT file says. Raises ModelError if it is none."""
    litert = import_litert()
    try:
        content = model.read_bytes()
    except OSError as error:
        raise ModelError(f"{model}: cannot be read: {error.strerror}") from None
    try:
        with without_banner():
            interpreter = litert.Interpreter(
                model_content=content,
                experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
            kinds = {np.dtype(each["dtype"]).name for each in interpreter.get_tensor_details()}
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{model}: {refusal(error)}") from None
    aliases = {tensor: alias for alias, tensor in signature_names(model).items()}
    tensors = tuple(_tensor(each, aliases) for each in inputs)
    stated = image_metadata(content)
    source = f"metadata of {model.name}"
    mean = Stated(stated.mean, source) if stated.mean else None
    scale = Stated(stated.scale, source) if stated.scale else None
    if len(tensors) == 1 and (raw := unquantised_pixels(tensors[0])):  # what the metadata says is this, rounded
        where = f"scale and zero point of the input of {model.name}, which stores pixels as they are"
        mean, scale = Stated((raw[0],) * 3, where), Stated((raw[1],) * 3, where)
    return ModelDescription(
        inputs=tensors,
        outputs=tuple(_tensor(each, aliases) for each in outputs),
        source=f"tensors of {model.name}",
        derivation="quantised" if kinds & {"int8", "uint8"} else "exported",
        color=Stated("RGB", source) if stated.is_rgb else None,
        mean=mean,
        scale=scale,
    )


def _tensor(details: Mapping[str, Any], aliases: Mapping[str, str]) -> Tensor:
    quantization = quantization_of(details)
    return Tensor(
        aliases.get(details["name"], details["name"]),
        shape_of([int(side) for side in details["shape_signature"]]),
        np.dtype(details["dtype"]).name,
        (quantization.scale, quantization.zero_point) if quantization else None,
    )
