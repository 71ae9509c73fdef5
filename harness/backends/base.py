"""The interface of all backends: a context manager that turns pixels into probabilities."""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.backends.registry import BackendFacts
from harness.config import Input
from harness.config.models import Activation, OutputLayout
from harness.errors import HarnessError, ModelError, WrongWidthError
from harness.feeding.contract import pixel_table
from harness.machine.digests import file_sha256
from harness.machine.giving_up import Calls, ExpiredError, GivenUpError

T = TypeVar("T")
Pixels = NDArray[Any]  # uint8, or float32 where the specification is floating
Probabilities = NDArray[np.float32]  # of a backend: what its model gives, perhaps logits

_LOAD_SECONDS = 600.0
_START_SECONDS = 60.0  # of a framework, before a model on the CPU is tried


class CannotEditError(HarnessError):
    """The model contains nothing that a fault could change."""


@dataclass(frozen=True)
class ModelSpec:
    """What a backend needs to load a model; the same for references and candidates.

    ``output``: its name, None for the only one; ``output_layout``: which axis counts the images, None to recognise it
    by its length; ``activation``: what turns the output into probabilities, applied by the caller. ``size``: the
    input's size in pixels, one side of a square or (height, width). ``outputs``: the number of values per image that
    the labels need, with ``background`` as class 0; ``floating``: pixels come as float32 and not as uint8.
    ``allow_ops``: types of operations that are allowed in addition to those that only compute; ``signature``: the one
    to run, for models with several. ``properties``: properties of the backend by its own names, which override what it
    sets; ``hints``: `device` makes the backend set nothing. ``rebatch``: ``batch`` is set even if the file fixes
    another one, where the backend supports that. ``rounding``: precision and draw, only for a backend's ``rounder``;
    draw 0: no rounding.
    """

    id: str
    model: str
    input: Input
    output: str | None
    size: int | tuple[int, int]
    outputs: int
    batch: int | None = None
    device: str = "CPU"
    precision: str = "f32"
    threads: int | None = None
    cache_dir: str | None = None
    model_sha256: str | None = None
    isolate: bool = False
    timeout_seconds: float = 300.0
    floating: bool = False
    allow_ops: tuple[str, ...] = ()
    output_layout: OutputLayout | None = None
    activation: Activation | None = "none"
    background: bool = True
    signature: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    hints: Literal["pinned", "device"] = "pinned"
    rebatch: bool = False
    rounding: tuple[str, int] | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the input in pixels."""
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        return height, width

    def with_cache(self, cache_dir: str) -> ModelSpec:
        """Return the same with a folder for compiled models."""
        return dataclasses.replace(self, cache_dir=cache_dir)


@dataclass(frozen=True)
class Loaded:
    """What the loaded model reports about itself; part of the record.

    ``properties``: the `requested` value of each property, and the `effective` one that was read back, null if the
    backend does not report it.
    """

    backend: str
    device: str
    device_name: str
    effective_precision: str
    model_sha256: str
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_plausible(self) -> bool:
        """Whether every field has its type; needed for values that were read from a file."""
        texts = (self.backend, self.device, self.device_name, self.effective_precision, self.model_sha256)
        return (
            all(isinstance(text, str) for text in (*texts, *self.warnings))
            and isinstance(self.details, dict)
            and all(isinstance(key, str) for key in self.details)
            and isinstance(self.properties, dict)
            and all(
                isinstance(item, dict) and set(item) == {"requested", "effective"} for item in self.properties.values()
            )
        )

    def count(self, detail: str) -> int:
        """Return a number of ``details``, such as the images of a batch; 1 if there is none."""
        value = self.details.get(detail)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**dataclasses.asdict(self), "warnings": list(self.warnings)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """Return the object from the result of ``to_json``. Raises TypeError or KeyError for other values."""
        if not isinstance(plain["warnings"], list):
            raise TypeError("warnings: not a list")
        return cls(**{**plain, "warnings": tuple(plain["warnings"])})


class Backend(abc.ABC):
    """Runs one model.

    Use it as a context manager: entering loads and compiles the model, leaving frees it. Call ``infer`` from one thread
    at a time. ``loaded`` may change afterwards, if the device changes during the run. Subclasses implement ``load``,
    ``_infer`` and ``close``; the first two are called in a thread of their own, which is given up where a model takes
    longer than its specification allows. ``limited``: whether that is so; a separate process is ended instead.
    """

    takes_floating: ClassVar[bool] = False  # whether pixels may be float32, where the specification says so
    loaded: Loaded
    infer_seconds: float = 0.0  # of the last `infer`
    limited: bool = True
    _abandoned: bool = False

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._latencies: list[float] = []
        self._native = Calls("model")

    def __enter__(self) -> Self:
        if self.spec.floating and not self.takes_floating:
            raise ModelError(
                f"{self.spec.id}: this backend takes only whole pixel values; leave `normalize` out of `preprocess`"
            )
        try:
            self._require_element()
            self.loaded = self._within(load_seconds(self.spec), self.load)
        except UnicodeDecodeError:  # frameworks decode names only at their first use
            self._free()
            raise ModelError(
                f"{self.spec.model}: damaged: a name in it is not UTF-8; fetch or convert it again"
            ) from None
        except BaseException:
            self._free()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free()

    def _free(self) -> None:
        """Free the model; one that was given up is freed when its call has ended."""
        self._native.close()
        self._native.when_free(self.close)

    def _within(self, seconds: float, work: Callable[[], T]) -> T:
        """Return what ``work`` returns. Raises ModelError where it finishes no batch within ``seconds``."""
        if not self.limited:
            return work()
        try:
            return self._native.call(work, seconds, lambda: len(self._latencies))
        except ExpiredError:
            raise no_answer(self.spec, seconds) from None
        except GivenUpError:
            raise ModelError(f"{self.spec.id}: its result is no longer needed") from None

    def abandon(self) -> None:
        """End the current inference from another thread: it and every later call raise ModelError until ``resume``.

        Nothing is killed: a backend that cannot end early finishes its call.
        """
        self._abandoned = True

    def resume(self) -> None:
        """Infer again after ``abandon``."""
        self._abandoned = False

    def refuse_abandoned(self) -> None:
        """Raise ModelError after ``abandon``. Subclasses call it before each part of a batch."""
        if self._abandoned:
            raise ModelError(f"{self.spec.id}: its result is no longer needed")

    def stop(self) -> None:
        """Give up a computation from another thread, unless it soon ends; the call that waits raises ModelError."""
        self._native.give_up()

    def _require_element(self) -> None:
        """Refuse a configured element type that cannot hold the values of the input."""
        pixel_table(self.spec.input)
        if self.spec.floating and self.spec.input.element_type in ("u8", "i8", "i16", "i32"):
            raise ModelError(
                f"{self.spec.id}: `element_type: {self.spec.input.element_type}` cannot hold the values after "
                "`normalize` in `preprocess`; leave one of the two out"
            )

    @property
    def element(self) -> type[np.uint8 | np.float32]:
        """The element type in which pixels come."""
        return np.float32 if self.spec.floating else np.uint8

    def infer(self, pixels: Pixels) -> Probabilities:
        """Return the model's output for decoded images, before any activation that is not part of the model.

        ``pixels``: uint8 (n, height, width, 3), **BGR** as decoded, 0..255, n >= 0; float32 if the specification is
        ``floating``.

        The backend applies the model's colour order, mean and scale. Returns float32 (n, outputs), a new array that
        the caller owns, with row i for image i. Raises ModelError if the pixels or the model's output have another
        shape or type.
        """
        (height, width), element = self.spec.sides, np.dtype(self.element).name
        if pixels.dtype != element or pixels.ndim != 4 or pixels.shape[1:] != (height, width, 3):
            raise ModelError(
                f"{self.spec.id}: got pixels of {pixels.dtype} {pixels.shape}, "
                f"expected {element} (n, {height}, {width}, 3)"
            )
        if len(pixels) == 0:
            return np.empty((0, self.spec.outputs), np.float32)
        self.refuse_abandoned()
        result = self._within(self.spec.timeout_seconds, partial(self._timed, pixels))
        if result.shape != (len(pixels), self.spec.outputs):
            raise ModelError(
                f"{self.spec.id}: {len(pixels)} images gave an output of shape {result.shape}, "
                f"expected ({len(pixels)}, {self.spec.outputs})"
            )
        return result

    def _timed(self, pixels: Pixels) -> Probabilities:
        start = time.perf_counter()
        result = self._infer(pixels)
        self.infer_seconds = time.perf_counter() - start
        return result

    def take_latencies(self) -> list[float]:
        """Return the latencies of the requests since the last call, in milliseconds, and clear them.

        A request is a batch, including the preparation of its pixels, without its wait in a queue. Subclasses append to
        ``_latencies``.
        """
        taken, self._latencies = self._latencies, []
        return taken

    def digest(self, facts: BackendFacts) -> str:
        """Return the sha256 (hex) of the model's files: the one in the specification, else computed from the files."""
        return self.spec.model_sha256 or file_sha256(*facts.files_of(Path(self.spec.model)))

    @abc.abstractmethod
    def load(self) -> Loaded:
        """Load the model. Raises ModelError or DeviceError."""

    @abc.abstractmethod
    def _infer(self, pixels: Pixels) -> Probabilities:
        """Return float32 (n, outputs) for checked pixels."""

    def close(self) -> None:  # noqa: B027  (a backend that holds nothing has nothing to free)
        """Free the resources that ``load`` took."""


def load_seconds(spec: ModelSpec) -> float:
    """Return how long loading may take: ten minutes at least where a device compiles, on the CPU a minute more."""
    return spec.timeout_seconds + _START_SECONDS if spec.device == "CPU" else max(spec.timeout_seconds, _LOAD_SECONDS)


def no_answer(spec: ModelSpec, seconds: float) -> ModelError:
    """Return the error for a model that was given up after ``seconds``."""
    return ModelError(f"{spec.id}: {spec.device} did not respond within {seconds:g} s and was stopped")


def size_key(height: int, width: int) -> str:
    """Return the key that decides on the input's size, for messages."""
    return f"dataset.preprocess.size: {height if height == width else [height, width]}"


def wrong_width(model: str, output: str | None, width: int, needed: int) -> WrongWidthError:
    """Return the error for an output that cannot hold the labels."""
    hint = (
        "; set dataset.background_class, or this model's own `background_class`"
        if abs(width - needed) == 1
        else f"; choose another `output`, or set `dataset.classes: {width}` and `dataset.background_class: false`"
    )
    named = f" '{output}'" if output else ""
    error = WrongWidthError(
        f"{model}: the output{named} has {width} values per image, but the labels need {needed}{hint}"
    )
    error.width = width
    return error
