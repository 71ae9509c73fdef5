"""INT8 by NNCF's post-training quantisation, with its telemetry off and its progress bars away from stdout."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.importing import IMPORT_FAILS, one_at_a_time
from harness.backends.openvino.framework import without_telemetry
from harness.config import Candidate, Config
from harness.conversion.check import Check, check_quantised, feed
from harness.conversion.int8.calibration import Calibration, choose_images
from harness.conversion.settings import key_of
from harness.dataset.image_set import ImageSet
from harness.errors import ModelError
from harness.text import first_line

_LOGGER = "nncf"


class _NoTelemetry:
    """Takes what NNCF wants to report, and drops it."""

    def start_session(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def send_event(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def end_session(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


@one_at_a_time
def import_nncf() -> Any:
    """Return the ``nncf`` module, with its telemetry off, even if it was imported before.

    Raises ModelError if NNCF cannot be imported.
    """
    logger_class = logging.getLoggerClass()
    try:
        with without_telemetry(), contextlib.redirect_stdout(io.StringIO()):
            import nncf
            from nncf.telemetry import telemetry
    except IMPORT_FAILS as error:
        raise ModelError(
            f"weights int8 need NNCF, which cannot be imported ({error}); run "
            "`pip install 'conversion-accuracy-harness[int8]'`"
        ) from None
    finally:
        logging.setLoggerClass(logger_class)  # importing NNCF changes it for the whole process
    if type(telemetry).__name__ == "NNCFTelemetry":
        telemetry._impl = _NoTelemetry()  # noqa: SLF001
    return nncf


@dataclass(frozen=True)
class Int8:
    """NNCF, and the images that a candidate is calibrated on."""

    nncf: Any
    images: Calibration

    def compress(
        self, ov: Any, model: Any, original: Any, config: Config, candidate: Candidate
    ) -> tuple[Any, tuple[Check]]:
        """Return a copy of the graph with INT8 weights and activations, and how close it comes to ``original``.

        ``model``, ``original``: ov.Model with the input of the **reference**, f32 (1, size, size, 3) after its mean and
        scale. NNCF's defaults: symmetric weights per channel, fast bias correction, every layer that can be. Raises
        ModelError if NNCF cannot do it, or what it made is too far off.
        """
        compressed = self._quantise(model, config)
        try:
            judged = check_quantised(ov, compressed, original, self.images.pixels, config.original.input)
        except ModelError as error:
            where = key_of(config, candidate, "model")
            raise ModelError(f"{where}: {candidate.model} was not written: {error}") from None
        return compressed, (judged,)

    def _quantise(self, model: Any, config: Config) -> Any:
        contract = config.original.input

        def fed(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
            return feed(bgr[..., ::-1], contract)

        pixels = list(self.images.pixels)
        try:
            with without_telemetry(), _quiet():
                return self.nncf.quantize(model.clone(), self.nncf.Dataset(pixels, fed), subset_size=len(pixels))
        except Exception as error:
            reason = first_line(error)
            raise ModelError(
                f"NNCF {self.nncf.__version__} cannot compress {config.original.model} to INT8: {reason}"
            ) from error


def prepare_int8(config: Config, candidate: Candidate, opened: ImageSet | None = None) -> Int8:
    """Return what INT8 needs. Raises ModelError if NNCF is missing, and as ``choose_images`` does."""
    return Int8(import_nncf(), choose_images(config, candidate, opened))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep NNCF's progress off stdout, which is for results, and its warnings on stderr."""
    logger = logging.getLogger(_LOGGER)
    before = logger.handlers
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.setLevel(logging.WARNING)
    logger.handlers = [to_stderr]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.handlers = before
