"""What a diagnosis answers: a verdict, a cause from a documented list, one sentence with evidence, and the fix."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.errors import EXIT_NOTHING_DECIDED, EXIT_OK

Verdict = Literal["found", "clean", "unknown"]

# Every identifier that `cause` may have; two that only together explain a difference are joined by " + ".
CAUSES: dict[str, str] = {
    "color-order": "the colour channels are in the wrong order, mostly red and blue swapped",
    "mean-and-scale-missing": "neither mean nor scale is applied",
    "mean-missing": "the scale is applied and the mean is not",
    "scale-missing": "the mean is applied and the scale is not",
    "mean-and-scale-doubled": "mean and scale are applied twice, before the file and inside it",
    "mean-doubled": "the mean is subtracted twice",
    "scale-doubled": "the scale is applied twice",
    "scaled-to-0-1": "pixels are scaled to [0, 1] instead of the reference's range",
    "scaled-to-minus-1-1": "pixels are scaled to [-1, 1] instead of the reference's range",
    "mean-and-scale-128": "128 is used for mean and scale, mostly instead of 127.5",
    "means-reversed": "the means and scales of the channels are in the reversed order",
    "other-family": "mean and scale are those of another family of models (ImageNet's, Caffe's)",
    "scaled-before": "pixels are scaled to [0, 1] and then mean and scale of 0..255 are applied",
    "mean-and-scale-of-0-1": "mean and scale meant for [0, 1] are applied to 0..255",
    "other-mean": "another mean is subtracted than the reference's",
    "other-scale": "another scale is applied than the reference's",
    "other-mean-and-scale": "the mean of one family of models and the scale of another are applied",
    "inverted": "pixels are inverted: 255 minus each",
    "input-range": "the file expects another range of pixels than it is fed",
    "input-cast": "values after mean and scale are cast to whole numbers",
    "layout": "NCHW and NHWC, or rows and columns, are confused",
    "flipped": "the pixels are mirrored, upside down or turned",
    "crop": "the candidate's pixels are cropped differently from the reference's",
    "resize-filter": "the candidate's pixels are resized with a different filter",
    "resize-library": "the candidate's pixels are resized by a different library",
    "resize-aspect": "the candidate's pixels are resized with a different aspect ratio",
    "resize-size": "the candidate's pixels are resized to a different size before the crop",
    "resize-rounding": "the longer side of a resize is rounded differently",
    "resize-sampling": "a resize samples pixel corners instead of centers, or the reverse",
    "decoder": "the candidate's images are decoded by a different library",
    "exif": "the EXIF orientation is applied for one of the two models only",
    "preprocess": "the candidate's preprocessing differs in several parts",
    "logits": "the output has logits, and no softmax is applied",
    "softmax-twice": "a softmax is applied to probabilities",
    "log-probabilities": "the output has logarithms of probabilities",
    "sigmoid": "the output comes from a sigmoid instead of a softmax",
    "scaled-probabilities": "the output has probabilities times a constant, such as percent",
    "wrong-output": "the named or converted output is not the one with the probabilities",
    "background-class": "the background class is missing or counted twice: 1000 classes against 1001",
    "class-count": "the output lacks a class of the reference, or has one more, other than the background",
    "classes-shifted": "the classes are shifted by one",
    "classes-permuted": "the classes are in a different order",
    "labels": "the labels are wrong in a known way, such as shifted by one",
    "device-precision": "the device computes in a lower precision; in f32 there is parity",
    "fp16-weights": "the weights are the reference's, rounded to FP16",
    "bf16-weights": "the weights are the reference's, rounded to BF16",
    "int8-weights": "the weights are the reference's, rounded to 8 bits",
    "other-weights": "the weights belong to another network or training run",
    "layer": "a layer computes something different, or its weights differ",
    "batch": "predictions for a batch differ from those for single images",
    "reference-input": "the reference gets the wrong input",
    "reference-at-chance": "the reference is no better than guessing",
}


@dataclass(frozen=True)
class Alternative:
    """Another explanation that was tried. ``equal``: it explains what is seen as well as the answer does."""

    cause: str
    words: str
    max_abs_diff: float | None
    images: int
    equal: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """The answer for one candidate. ``cause``: None if nothing is wrong or nothing explains it.

    ``profile``: a table in text of what was seen along the network, where that was looked at; its figures are in the
    evidence.
    """

    candidate: str
    reference: str
    verdict: Verdict
    cause: str | None
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    mend: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    profile: str = ""

    @property
    def exit_code(self) -> int:
        """0 where the cause was found or nothing is wrong, 5 where nothing explains it."""
        return EXIT_NOTHING_DECIDED if self.verdict == "unknown" else EXIT_OK

    def as_json(self) -> dict[str, Any]:
        """Return the contract's form, without numbers that are not finite."""
        plain = asdict(self)
        del plain["profile"]
        return {**plain, "evidence": finite(plain["evidence"]), "alternatives": finite(plain["alternatives"])}


def finite(value: Any) -> Any:
    """Return plain values with None for numbers that are not finite, as JSON needs it."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float) -> str:
    """Return a difference as it is shown."""
    return f"{value:.3g}" if math.isfinite(value) else "no number"


def joined(parts: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
