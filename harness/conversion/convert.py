"""From the original graph to the IR of one candidate, with the preprocessing that its contract leaves to the model."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.openvino.contract import read_contract
from harness.backends.openvino.framework import import_openvino, reason
from harness.backends.registry import facts_of
from harness.config import Candidate, Config
from harness.conversion.converted import Converted
from harness.conversion.settings import LAYOUT, inside, key_of, remarks, require_convertible, settings
from harness.conversion.unchanged import source_as_it_is
from harness.conversion.writing import write_errors
from harness.disk.leftovers import other_programs_temporary, work_folder
from harness.errors import ModelError
from harness.machine.digests import file_sha256
from harness.machine.giving_up import Calls, ExpiredError

if TYPE_CHECKING:
    from harness.conversion.check import Check
    from harness.conversion.int8.calibration import Calibration
    from harness.conversion.int8.compress import Int8
    from harness.dataset.image_set import ImageSet

_NO_SHA256 = "0" * 64
_TIMES = 12  # how much longer a conversion may take than a batch of images


def convert(
    config: Config, candidate: Candidate, *, overwrite: bool = False, images: ImageSet | None = None
) -> Converted:
    """Write a candidate's file (``candidate.model``) from ``config.original.model``, and check it.

    Of an IR, with its .bin: the input is f32 (1, height, width, 3) NHWC in the candidate's colour order; the part of
    the reference's mean and scale that the candidate's contract leaves out goes inside. The output is f32 (1,
    dataset.outputs), probabilities, and has the candidate's output name next to the original's own. TensorFlow is not
    needed, unless the reference's backend needs it to give what OpenVINO reads. Both files appear only after every
    check passed. A file that the harness did not write is replaced only with ``overwrite``. ``images``: the evaluated
    images, where they are open already; INT8 is calibrated on others.

    Raises ConfigError if the configuration asks for what cannot be converted; ModelError if the graph or one of its
    names is wrong, NNCF is missing, the file cannot be written, or a check fails; DatasetError if INT8 has no images to
    calibrate on.
    """
    reference = config.original
    if facts_of(reference.backend).has_loops(reference.model):
        from harness.conversion.apart import convert_apart

        return convert_apart(config, candidate, overwrite=overwrite, seconds=reference.timeout_seconds)
    return _interruptible(config, candidate, overwrite=overwrite, images=images)


def _interruptible(config: Config, candidate: Candidate, *, overwrite: bool, images: ImageSet | None) -> Converted:
    """Convert in a thread, since native code may run for hours without reacting to an interrupt."""
    seconds, calls = _TIMES * config.original.timeout_seconds, Calls("conversion")
    try:
        return calls.call(partial(convert_here, config, candidate, overwrite=overwrite, images=images), seconds)
    except ExpiredError:
        raise ModelError(
            f"{config.original.model}: its conversion took more than {seconds:g} s and was stopped; raise "
            "`reference.timeout_seconds`, of which this is the twelvefold"
        ) from None
    finally:
        calls.close()


def convert_here(config: Config, candidate: Candidate, *, overwrite: bool, images: ImageSet | None) -> Converted:
    """Convert in this process, even a model with loops; otherwise as ``convert``."""
    with other_programs_temporary("convert"):
        return _convert(config, candidate, overwrite=overwrite, images=images)


def _convert(config: Config, candidate: Candidate, *, overwrite: bool, images: ImageSet | None) -> Converted:
    from harness.conversion.source import read_source, require_source, with_output

    begin = time.perf_counter()
    target = require_convertible(config, candidate)
    if target != "openvino":
        from harness.conversion.formats.convert import convert_format

        return convert_format(config, candidate, target, overwrite=overwrite)
    if not overwrite:
        _refuse_foreign(candidate)
    files = source_as_it_is(config)
    graph = require_source(config)
    ov = import_openvino()
    int8 = _int8(config, candidate, images)
    source = read_source(ov, config, candidate, graph)
    original = source.original
    model = with_output(ov, config, candidate, source)
    calibration, twin = None, original
    judged: tuple[Check, ...] = ()
    if int8:
        model, judged = int8.compress(ov, model, original, config, candidate)
        calibration, twin = int8.images, model.clone()
    model = _with_contract(ov, config, candidate, model, source.sha256, calibration)
    refuse = partial(files.refuse_replaced, source.sha256)
    checks = (*_write(ov, config, candidate, model, twin, source.step, refuse), *judged)
    xml = candidate.model
    seconds = time.perf_counter() - begin
    return Converted((xml, xml.with_suffix(".bin")), read_contract(xml), checks, seconds, calibration)


def _int8(config: Config, candidate: Candidate, images: ImageSet | None) -> Int8 | None:
    """Return what INT8 needs, before the graph is read, so that what is missing is said at once; None for others."""
    if config.conversion_for(candidate).weights != "int8":
        return None
    from harness.conversion.int8.compress import prepare_int8

    return prepare_int8(config, candidate, images)


def _refuse_foreign(candidate: Candidate) -> None:
    """Refuse to write over an .xml that the harness did not make."""
    xml = candidate.model
    if not xml.exists():
        return
    try:
        contract = read_contract(xml)
        if contract.source == "harness":
            return
        maker = "the Model Optimizer" if contract.source else "another tool"
        what = f"an IR made by {maker} ({contract.tool or 'unknown'})"
    except ModelError:
        what = "a file that the harness did not write"
    raise ModelError(
        f"{xml}: {what} exists; set `model` to another file, or add --overwrite to `harness convert` to replace it"
    )


def _with_contract(
    ov: Any, config: Config, candidate: Candidate, model: Any, source_sha256: str, calibration: Calibration | None
) -> Any:
    """Put the preprocessing inside, name the input, and write the contract down."""
    from openvino.preprocess import PrePostProcessor

    steps = inside(config, candidate)
    processor = PrePostProcessor(model)
    port = processor.input()
    port.tensor().set_element_type(ov.Type.f32).set_layout(ov.Layout(LAYOUT))
    port.model().set_layout(ov.Layout(LAYOUT))
    processor.output().tensor().set_element_type(ov.Type.f32)
    if steps.reverse:
        port.preprocess().reverse_channels()
    if any(steps.mean):
        port.preprocess().mean(list(steps.mean))
    if steps.scale != (1.0, 1.0, 1.0):
        port.preprocess().scale(list(steps.scale))
    model = processor.build()
    bare = candidate.input.tensor.removesuffix(":0")
    model.input(0).get_tensor().set_names({candidate.input.tensor, bare, f"{bare}:0"})
    model.input(0).get_node().set_friendly_name(bare)
    model.set_friendly_name(config.name)
    written = {**settings(config, candidate, source_sha256), **remarks(config), "bin_sha256": _NO_SHA256}
    written |= calibration.recorded() if calibration else {}
    for key, value in written.items():
        model.set_rt_info(value, ["harness", key])
    return model


def _write(
    ov: Any, config: Config, candidate: Candidate, model: Any, twin: Any, step: float, refuse: Callable[[], None]
) -> tuple[Check, ...]:
    """Write both files next to their place, check them, and only then put them there.

    ``twin``: what the IR has to compute, without the preprocessing: the unprocessed graph, or INT8 made of it;
    ``step``: the distance of two values of a quantised output; ``refuse``: raises where the source was replaced.
    """
    xml, where = candidate.model, key_of(config, candidate, "model")
    with write_errors(where, xml):
        try:
            with work_folder(xml.parent, "convert") as folder:
                checks = _checked(ov, config, candidate, model, twin, step, folder)
                refuse()
                for path in (folder / "model.bin", folder / "model.xml"):  # the .xml last: it says which .bin it has
                    _sync(path)
                    path.replace(xml.with_suffix(path.suffix))
            if os.name == "posix":
                _sync(xml.parent)
        except RuntimeError as error:
            raise ModelError(f"{reason(error, line=0)}; check the free disk space") from error
    return checks


def _checked(
    ov: Any, config: Config, candidate: Candidate, model: Any, twin: Any, step: float, folder: Path
) -> tuple[Check, ...]:
    """Write both files into ``folder`` and check them."""
    from harness.conversion.check import check

    new = folder / "model.xml"
    ov.save_model(model, str(new), compress_to_fp16=config.conversion_for(candidate).weights == "f16")
    _record_weights(new)
    return check(ov, new, twin, config, candidate, step)


def _record_weights(xml: Path) -> None:
    """Write the sha256 of the .bin into the .xml, so that the .bin of another conversion is recognised."""
    text = xml.read_bytes()
    place = f'<bin_sha256 value="{_NO_SHA256}"'.encode()
    if text.count(place) != 1:
        raise ModelError("OpenVINO did not keep the contract in the IR; install a supported version of OpenVINO")
    digest = file_sha256(xml.with_suffix(".bin"))
    xml.write_bytes(text.replace(place, f'<bin_sha256 value="{digest}"'.encode()))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
