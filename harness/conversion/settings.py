"""What has to go inside an IR so that, fed as the candidate's contract says, it computes what the reference does."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.backends.registry import facts_of, targets
from harness.backends.tensorflow.graph_def import tensor_name
from harness.config import Candidate, Config, Preprocess
from harness.config.color import Triple, in_order
from harness.conversion.formats.target import MEND, target_of
from harness.errors import ConfigError
from harness.text import visible

CONTRACT_VERSION = "1"
LAYOUT = "NHWC"


@dataclass(frozen=True)
class PreprocessingInside:
    """What the IR does to its input, in this order: swap the channels, subtract the mean, divide by the scale.

    ``mean`` and ``scale`` are in the reference's colour order, since the swap comes first.
    """

    reverse: bool
    mean: Triple
    scale: Triple


def key_of(config: Config, candidate: Candidate, key: str) -> str:
    """Return file, line and dotted key of a candidate's key, for messages."""
    index = next((at for at, other in enumerate(config.candidates) if other.id == candidate.id), 0)
    return config.where(f"candidates[{index}].{key}")


def inside(config: Config, candidate: Candidate) -> PreprocessingInside:
    """Return the part of the reference's preprocessing that the candidate's own input contract does not ask for.

    Mean and scale are each either the candidate's (then equal to the reference's) or left out of its contract (mean 0,
    scale 1). Raises ConfigError for anything else.
    """
    from harness.feeding.contract import left_inside  # numpy, which importing the conversions must not load

    reference, asked = config.original.input, candidate.input
    mean = in_order(asked.mean_per_channel, asked.color, reference.color)
    scale = in_order(asked.scale_per_channel, asked.color, reference.color)
    none, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    wanted_mean, wanted_scale = reference.mean_per_channel, reference.scale_per_channel
    for name, value, neutral, wanted in (("mean", mean, none, wanted_mean), ("scale", scale, one, wanted_scale)):
        if value not in (neutral, wanted):
            raise ConfigError(
                f"{key_of(config, candidate, f'input.{name}')}: {list(value)} (in the order {reference.color}) is "
                f"neither the reference's {list(wanted)} nor {neutral[0]:g}; leave `{name}` out to put the "
                "reference's into the IR, or write the reference's to apply it before the IR"
            )
    mean_inside, scale_inside = left_inside(mean, scale, wanted_mean, wanted_scale)
    return PreprocessingInside(reverse=asked.color != reference.color, mean=mean_inside, scale=scale_inside)


def settings(config: Config, candidate: Candidate, source_sha256: str) -> dict[str, str]:
    """Return all that decides how the IR comes out, as it is written into its ``rt_info``."""
    steps = inside(config, candidate)
    height, width = config.preprocess_for(candidate).output_size
    weights = config.conversion_for(candidate).weights
    return {
        "contract_version": CONTRACT_VERSION,
        "source_sha256": source_sha256,
        **_converter(target_of(config, candidate) or "openvino", config.original.backend),
        "weights": weights,
        "input_name": candidate.input.tensor,
        "input_shape": f"1,{height},{width},3",
        "input_type": "f32",
        "layout": LAYOUT,
        "color": candidate.input.color,
        "channels_reversed": str(steps.reverse).lower(),
        "mean_inside": str(list(steps.mean)),
        "scale_inside": str(list(steps.scale)),
        "output_name": candidate.named_output,
        "source_input": tensor_name(config.original.input.tensor),
        "source_output": tensor_name(config.original.output_name or "output"),
        "source_color": config.original.input.color,
        **({"source_signature": config.original.signature} if config.original.signature else {}),
        **(_calibration(config, candidate) if weights == "int8" else {}),
    }


def _converter(target: str, backend: str) -> dict[str, str]:
    """Return what else determines the result: the format, unless it is an IR, and the converter's version."""
    packages = {"openvino": ("openvino",), "onnx": ("tf2onnx", "onnx"), "litert": ("tensorflow-cpu", "tensorflow")}
    used = ("torch", "onnxscript") if (backend, target) == ("torch", "onnx") else packages[target]
    versions = {f"{name.removesuffix('-cpu')}_version": _version(name) for name in used if _version(name)}
    if target == "openvino":
        return {"openvino_version": openvino_version()}
    return {"to": target, **versions}


def _calibration(config: Config, candidate: Candidate) -> dict[str, str]:
    """Return what also determines an INT8 model: NNCF, the choice of images, and how they become pixels."""
    calibration = config.conversion_for(candidate).calibration
    preprocess = config.preprocess_for(candidate)
    return {
        "nncf_version": _version("nncf"),
        "calibration_images": str(calibration.images),
        "calibration_seed": str(calibration.seed),
        "calibration_preprocess": in_words(preprocess),
    }


def source_files(config: Config) -> tuple[Path, ...]:
    """Return the files of the reference, whose sha256 an IR made of it carries."""
    reference = config.original
    return facts_of(reference.backend).files_of(reference.model)


def remarks(config: Config) -> dict[str, str]:
    """Return what is written into the ``rt_info`` to be read by people; a change of it does not change the IR."""
    preprocess = config.dataset.preprocess
    short = {"crop_fraction": repr(preprocess.crop_fraction), "interpolation": preprocess.interpolation}
    return {
        "harness_version": harness.__version__,
        "source_file": visible(Path(config.original.model).name),  # an IR is XML, which has no control characters
        **(short if preprocess.is_short else {"preprocess": in_words(preprocess)}),
    }


def in_words(preprocess: Preprocess) -> str:
    """Return a preprocessing as one line of text; of the short form without its size, which stands elsewhere."""
    if preprocess.is_short:
        return f"{preprocess.crop_fraction!r}, {preprocess.interpolation}, exif {preprocess.exif}"
    return json.dumps(preprocess.model_dump(mode="json"))


def openvino_version() -> str:
    """Return the version of the installed OpenVINO without importing it; empty if there is none."""
    return _version("openvino")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def is_convertible(config: Config, candidate: Candidate) -> bool:
    """Return whether a candidate's file is one that the harness can write, not one that its backend only reads."""
    return target_of(config, candidate) is not None


def require_convertible(config: Config, candidate: Candidate) -> str:
    """Return what a candidate is converted to. Raises ConfigError if no conversion could write it."""
    target = target_of(config, candidate)
    if target is None:
        raise ConfigError(
            f"{key_of(config, candidate, 'model')}: {candidate.model} is used by {candidate.backend} as it is; {MEND}"
        )
    if candidate.model.suffix != targets()[target]:
        raise ConfigError(f"{key_of(config, candidate, 'model')}: {candidate.model} must end in {targets()[target]}")
    weights = config.conversion_for(candidate).weights
    if target != "openvino" and weights != "f32":
        raise ConfigError(
            f"{key_of(config, candidate, 'conversion.weights')}: {weights} applies to OpenVINO IRs only; leave "
            f"`weights` out for `to: {target}`"
        )
    _require_one_wish(config, candidate, target)
    return target


def _require_one_wish(config: Config, candidate: Candidate, target: str) -> None:
    """Raise ConfigError if another candidate wants the same file converted differently."""
    mine = settings(config, candidate, "")
    for other in config.candidates:
        if other.model != candidate.model or other.id == candidate.id or target_of(config, other) != target:
            continue
        theirs = settings(config, other, "")
        differing = [key for key in mine if mine[key] != theirs.get(key)]
        if mine["weights"] == "int8" and not differing:
            one, two = (config.conversion_for(item).calibration for item in (candidate, other))
            differing = [f"calibration.{key}" for key in ("path", "form") if getattr(one, key) != getattr(two, key)]
        if differing:
            raise ConfigError(
                f"{key_of(config, candidate, 'model')}: {candidate.id} and {other.id} share {candidate.model}, "
                f"but convert it differently ({', '.join(differing)}); give each its own `model`"
            )
