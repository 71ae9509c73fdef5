"""From the original to the ONNX or LiteRT file of one candidate, checked by numbers in both frameworks."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from harness.backends.base import ModelSpec
from harness.backends.registry import facts_of, load_target
from harness.backends.tensorflow.framework import import_tensorflow
from harness.config import Candidate, Config, Reference
from harness.conversion.check import LIMITS, Check, Floats, pictures, require_color_order, require_probabilities
from harness.conversion.converted import Converted
from harness.conversion.formats.contract_file import contract_file, contract_text, read_contract_file
from harness.conversion.formats.function import original_function
from harness.conversion.formats.program import program_as_onnx
from harness.conversion.formats.writers import litert_bytes, onnx_bytes
from harness.conversion.settings import key_of, remarks, settings, source_files
from harness.conversion.unchanged import source_as_it_is
from harness.conversion.writing import write_errors
from harness.disk.atomic import write_atomically
from harness.disk.leftovers import work_folder
from harness.errors import ModelError
from harness.machine.digests import digested, file_sha256

_WRITERS = {"onnx": onnx_bytes, "litert": litert_bytes}


def _written(config: Config, candidate: Candidate, target: str, where: str) -> bytes:
    """Return the file's content, by the converter that the reference's own project keeps. Raises ModelError."""
    if (config.original.backend, target) == ("torch", "onnx"):
        return program_as_onnx(config, candidate, where)
    tf = import_tensorflow()
    return _WRITERS[target](tf, original_function(tf, config, candidate), where)


def convert_format(config: Config, candidate: Candidate, target: str, *, overwrite: bool) -> Converted:
    """Write a candidate's .onnx or .tflite from the reference, with its contract next to it, and check it.

    Raises as ``harness.conversion.convert.convert`` does.
    """
    begin = time.perf_counter()
    model = candidate.model
    where = key_of(config, candidate, "model")
    if model.exists() and not overwrite and read_contract_file(model).source != "harness":
        raise ModelError(
            f"{model}: a file that the harness did not write exists; set `model` to another file, or add "
            "--overwrite to `harness convert` to replace it"
        )
    source = source_as_it_is(config)
    facts_of(config.original.backend).require_harmless(config.original.model)
    sha256 = digested(*source_files(config))[0].sha256
    data = _written(config, candidate, target, where)
    with write_errors(where, model):
        with work_folder(model.parent, "convert") as folder:
            new = folder / model.name
            new.write_bytes(data)
            checks, written_sha256 = _check(config, candidate, new), file_sha256(new)
        source.refuse_replaced(sha256)
        written = {**settings(config, candidate, sha256), **remarks(config), "model_name": config.name}
        text = contract_text({**written, "file_sha256": written_sha256})
        # The contract first: until the file follows, its digest tells that the two do not belong together.
        write_atomically(contract_file(model), text.encode(), named_by="")
        write_atomically(model, data, named_by="")
    files = (model, contract_file(model))
    return Converted(files, read_contract_file(model), checks, time.perf_counter() - begin)


def _check(config: Config, candidate: Candidate, new: Path) -> tuple[Check, ...]:
    """Compare the written file with the reference on red and blue pictures, each in its own framework at f32."""
    shown = pictures(*config.preprocess_for(candidate).output_size)
    bgr = np.stack([np.ascontiguousarray(picture[..., ::-1]) for picture in shown.values()])
    swapped = np.ascontiguousarray(bgr[..., ::-1])
    expected = _answers(config, config.original, config.original.model, np.concatenate([bgr, swapped]))
    found = _answers(config, candidate, new, bgr)
    truth, exchanged = expected[: len(bgr)], expected[len(bgr) :]
    for row, color in enumerate(shown):
        require_probabilities(
            truth[row], f"the original's `{config.original.output_name or 'output'}`", color, "reference.output"
        )
        require_probabilities(found[row], f"the file's `{candidate.named_output}`", color, "output")
    difference, effect = float(np.abs(found - truth).max()), float(np.abs(found - exchanged).max())
    if difference > LIMITS["f32"]:
        raise ModelError(
            f"check of the written file failed: a probability differs from the original's by {difference:.3g}, at most "
            f"{LIMITS['f32']:g} is allowed"
        )
    require_color_order(difference, effect)
    return (
        Check("probabilities", "in [0, 1], sum 1", "in [0, 1], sum 1"),
        Check("largest difference from the original", f"{difference:.1e}", f"at most {LIMITS['f32']:.0e}"),
        Check("difference with red and blue swapped", f"{effect:.1e}", "more than the difference above"),
    )


def _answers(config: Config, model: Reference | Candidate, path: Path, bgr: np.ndarray) -> Floats:
    facts = facts_of(model.backend)
    spec = ModelSpec(
        id=model.id,
        model=str(path),
        input=model.input,
        output=model.output_name,
        size=config.preprocess_for(model).output_size,
        outputs=config.dataset.outputs,
        allow_ops=model.allow_ops,
        signature=model.signature,
    )
    with load_target(facts.runner)(spec) as backend:
        return np.asarray(backend.infer(bgr), np.float32)
