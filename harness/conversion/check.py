"""Reads the written file back and compares it numerically with the unprocessed graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config import Candidate, Config, Input
from harness.conversion.source import rounding
from harness.errors import ModelError
from harness.feeding.pipeline import Prepared

Floats = NDArray[np.float32]

# Largest difference of a probability. f32: 9e-7 was measured on the real graph, f16: 5e-2 (weights lose 13 bits).
# int8: from the quantised graph without preprocessing: 0 was measured, and 8e-3 with a scale that is off by 1 %.
LIMITS = {"f32": 1e-4, "f16": 0.2, "int8": 2e-3}
# INT8 against the graph on real images: 0.03 to 0.09 was measured for faithful IRs, 0.46 and more for those that were
# calibrated on one image, on noise, or without mean and scale (docs/conversion.md).
IMAGE_LIMIT = 0.2
_MOST_IMAGES = 64
_LEAST_EFFECT = 1e-3
_SUM_TOLERANCE = 1e-3
_SAFETY = 4  # times what the network's own rounding moves
_F32 = {"INFERENCE_PRECISION_HINT": "f32"}


@dataclass(frozen=True)
class Check:
    """One check: what was checked, found and expected."""

    name: str
    found: str
    wanted: str


def check(
    ov: Any, xml: Path, original: Any, config: Config, candidate: Candidate, step: float = 0.0
) -> tuple[Check, ...]:
    """Read an IR back, compile it on the CPU at f32, and compare it with the unprocessed graph.

    ``ov``: the openvino module. ``original``: the converted graph (ov.Model) before anything was put into it, input f32
    (1, height, width, 3) in the reference's own colour order after its mean and scale; for INT8 the quantised graph, so
    that what is judged here is the preprocessing (``check_quantised`` judges INT8). ``step``: the distance of two
    values of a quantised output: a probability may differ by one more step, and be off by half of it. Where the
    network's own rounding (f16, fake quantisation) moves its answer, it may differ by four times as much in addition.
    Names, shape, layout and type; then, with red and blue pictures: probabilities, agreement, colour order. Raises
    ModelError that names the first check that fails.
    """
    core = ov.Core()
    model = core.read_model(str(xml))
    done = _form(ov, model, config, candidate)
    written = core.compile_model(model, "CPU", _F32)
    truth = core.compile_model(original, "CPU", _F32)
    weights = config.conversion_for(candidate).weights
    some = list(pictures(*config.preprocess_for(candidate).output_size).values())[:2]
    own = max(rounding(ov, original, feed(shown, config.original.input)) for shown in some)
    limit = LIMITS[weights] + step + _SAFETY * own
    tolerance = _SUM_TOLERANCE + config.dataset.outputs * step / 2
    graph = "the quantised graph" if weights == "int8" else "the original graph"
    worst = 0.0
    effects: list[float] = []
    for color, picture in pictures(*config.preprocess_for(candidate).output_size).items():
        found = np.array(written(feed(picture, candidate.input))[0], np.float32)
        expected = np.array(truth(feed(picture, config.original.input))[0], np.float32)
        swapped = np.array(truth(feed(picture[..., ::-1], config.original.input))[0], np.float32)
        require_probabilities(
            expected, f"{graph}'s `{config.original.output_name or 'output'}`", color, "reference.output", tolerance
        )
        require_probabilities(found, f"the IR's `{candidate.named_output}`", color, "output", tolerance)
        difference = float(np.abs(found - expected).max())
        _require_agreement(difference, float(np.abs(found - swapped).max()), limit, color)
        worst = max(worst, difference)
        effects.append(float(np.abs(found - swapped).max()))
    effect = max(effects)
    require_color_order(worst, effect)
    return (
        *done,
        Check("probabilities", "in [0, 1], sum 1", "in [0, 1], sum 1"),
        Check(f"largest difference from {graph.replace('original ', '')}", f"{worst:.1e}", f"at most {limit:.1e}"),
        Check("difference with red and blue swapped", f"{effect:.1e}", f"more than {_clear(worst):.0e}"),
    )


def check_quantised(ov: Any, quantised: Any, original: Any, images: Prepared, contract: Input) -> Check:
    """Compare an INT8 graph with its original, on the calibration images.

    ``quantised``, ``original``: ov.Model of the same input contract; ``images``: (n, height, width, 3) BGR, of which
    the first 64 are looked at. Pictures of a single colour are not like the calibration images, where faithful INT8
    differs by up to 0.4 of a probability; so it is the mean over real images of the largest difference that is judged.
    Raises ModelError if it is beyond ``IMAGE_LIMIT``, or no number.
    """
    core = ov.Core()
    coarse = core.compile_model(quantised, "CPU", _F32)
    truth = core.compile_model(original, "CPU", _F32)
    differences, same = [], 0
    shown = images[:_MOST_IMAGES]
    for image in shown:
        fed = feed(image[..., ::-1], contract)
        expected, found = np.array(truth(fed)[0], np.float32), np.array(coarse(fed)[0], np.float32)
        differences.append(float(np.abs(found - expected).max()))
        same += int(found.argmax() == expected.argmax())
    mean = float(np.mean(differences))
    if not mean <= IMAGE_LIMIT:
        raise ModelError(
            f"INT8 differs too much from the graph on {len(shown)} of its own calibration images: the largest "
            "difference of "
            f"a probability is {mean:.3g} on average, at most {IMAGE_LIMIT:g} allowed, and {same} have the same Top-1; "
            "calibrate on more images (`conversion.calibration`), that are like those of the network's task"
        )
    found_text = f"{mean:.1e} (same Top-1 for {same} of {len(shown)})"
    return Check("mean largest difference on calibration images", found_text, f"at most {IMAGE_LIMIT:g}")


def pictures(height: int, width: int) -> dict[str, NDArray[np.uint8]]:
    """Return red and blue pictures, uint8 (height, width, 3) RGB, 0..255.

    The strong ones have a texture in one channel alone; the pale ones are grey with a tint, for a network that is just
    as sure of its answer to the one strong colour as to the other.
    """
    texture = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    nothing, grey = np.zeros_like(texture), texture // 2 + np.uint8(48)
    red = np.stack([texture, nothing, nothing], axis=-1)
    pale = np.stack([grey + np.uint8(32), grey, grey - np.uint8(32)], axis=-1)
    return {"red": red, "blue": red[..., ::-1], "pale red": pale, "pale blue": pale[..., ::-1]}


def feed(rgb: Prepared, contract: Input) -> Floats:
    """Return what a model with this input contract is fed: float32 (1, height, width, 3) from RGB."""
    pixels = (rgb if contract.color == "RGB" else rgb[..., ::-1]).astype(np.float32)
    mean = np.asarray(contract.mean_per_channel, np.float32)
    scale = np.asarray(contract.scale_per_channel, np.float32)
    return np.ascontiguousarray(((pixels - mean) / scale)[None])


def _form(ov: Any, model: Any, config: Config, candidate: Candidate) -> list[Check]:
    """Check names, shapes, layout and types."""
    height, width = config.preprocess_for(candidate).output_size
    classes = config.dataset.outputs
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"check of the written IR failed: it has {len(model.inputs)} inputs and {len(model.outputs)} outputs "
            "instead of one each"
        )
    source, output = model.input(0), model.output(0)
    layout = str(source.node.layout)
    found = [
        Check("input name", _listed(source.get_names()), candidate.input.tensor),
        Check("input shape", str(source.partial_shape), f"[1,{height},{width},3]"),
        Check("input type", source.get_element_type().to_string(), "f32"),
        Check("input layout", layout, str(ov.Layout("NHWC"))),
        Check("output name", _listed(output.get_names()), candidate.named_output),
        Check("output shape", str(output.partial_shape), f"[1,{classes}]"),
    ]
    names = {"input name": source.get_names(), "output name": output.get_names()}
    for item in found:
        right = item.wanted in names[item.name] if item.name in names else item.found == item.wanted
        if not right:
            hint = ""
            if item.name == "output shape":
                hint = (
                    "; the width does not fit `dataset.classes` and `dataset.background_class`; correct these, "
                    "or `reference.output`"
                )
            raise ModelError(f"check of the written IR failed: {item.name}: {item.found}, expected {item.wanted}{hint}")
    return found


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def require_probabilities(values: Floats, what: str, color: str, key: str, tolerance: float = _SUM_TOLERANCE) -> None:
    """Raise ModelError if a model's result for one picture is not probabilities; ``key`` names the output to fix."""
    if not np.isfinite(values).all():
        raise ModelError(f"check of the written IR failed: {what} is not finite for a {color} picture")
    low, high, total = float(values.min()), float(values.max()), float(values.sum(dtype=np.float64))
    if low < -1e-6 or high > 1 + 1e-6 or abs(total - 1) > tolerance:
        raise ModelError(
            f"check of the written IR failed: {what} has no probabilities for a {color} picture: from {low:.4g} to "
            f"{high:.4g}, sum {total:.4g}; set `{key}` to the output after the softmax"
        )


def _require_agreement(difference: float, swapped: float, limit: float, color: str) -> None:
    if difference <= limit:
        return
    cause = "the channels are in the wrong order" if swapped <= limit else "mean, scale or the weights differ"
    raise ModelError(
        f"check of the written IR failed: agreement with the graph on a {color} picture: a probability differs by "
        f"{difference:.3g}, at most {limit:g} allowed; {cause}"
    )


def _clear(difference: float) -> float:
    return max(3 * difference, _LEAST_EFFECT)


def require_color_order(difference: float, swapped: float) -> None:
    """Raise ModelError if swapping red and blue changes no probability clearly more than ``difference``."""
    if swapped <= _clear(difference):
        raise ModelError(
            f"check of the written IR failed: colour order: with red and blue swapped a probability differs by "
            f"{swapped:.3g} only ({difference:.3g} with the right order), so the order cannot be determined; set "
            "`reference.output` to an output that depends on the image"
        )
