from __future__ import annotations

import dataclasses
import threading
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities, load_seconds
from harness.backends.opening import open_backend
from harness.backends.registry import backends
from harness.config import Input
from harness.errors import ConfigError, ModelError

SPEC = ModelSpec(id="m", model="m", input=Input(color="RGB"), output="o", size=4, outputs=3)


class Fake(Backend):
    width = 3
    fails = False
    closed = False

    def load(self) -> Loaded:
        if self.fails:
            raise ModelError("no")
        return Loaded("fake", "CPU", "a CPU", "f32", "0")

    def _infer(self, pixels: Pixels) -> Probabilities:
        return np.full((len(pixels), self.width), 0.5, np.float32)

    def close(self) -> None:
        self.closed = True


def pixels(*shape: int) -> Pixels:
    return np.zeros(shape, np.uint8)


def test_entering_loads_and_leaving_frees() -> None:
    backend = Fake(SPEC)
    with backend as entered:
        assert entered is backend
        assert backend.loaded.device_name == "a CPU"
        assert backend.infer(pixels(2, 4, 4, 3)).shape == (2, 3)
        assert not backend.closed
    assert backend.closed


def test_a_load_that_fails_frees_what_it_took() -> None:
    backend = Fake(SPEC)
    backend.fails = True
    with pytest.raises(ModelError), backend:
        pass
    assert backend.closed


def test_a_name_that_is_not_utf8_is_damage_and_no_bug() -> None:
    class Damaged(Fake):
        def load(self) -> Loaded:
            b"name \xff".decode()
            raise AssertionError

    backend = Damaged(SPEC)
    with pytest.raises(ModelError, match="m: damaged: a name in it is not UTF-8"), backend:
        pass
    assert backend.closed


class Slow(Fake):
    """Computes until ``go`` is set, as native code does that nothing can interrupt."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.began, self.go, self.freed = threading.Event(), threading.Event(), threading.Event()

    def _infer(self, pixels: Pixels) -> Probabilities:
        self.began.set()
        self.go.wait()
        return super()._infer(pixels)

    def close(self) -> None:
        self.freed.set()


def test_a_model_that_takes_too_long_is_given_up_and_freed_when_it_ends() -> None:
    backend = Slow(dataclasses.replace(SPEC, timeout_seconds=0.01))
    with backend:
        with pytest.raises(ModelError, match=r"m: CPU did not respond within 0\.01 s and was stopped"):
            backend.infer(pixels(2, 4, 4, 3))
        with pytest.raises(ModelError, match="m: its result is no longer needed"):
            backend.infer(pixels(2, 4, 4, 3))
    assert not backend.freed.is_set()  # it is still computing
    backend.go.set()
    assert backend.freed.wait(60)


def test_a_model_is_given_up_from_another_thread() -> None:
    backend = Slow(dataclasses.replace(SPEC, timeout_seconds=600))

    def stop() -> None:
        backend.began.wait()
        backend.stop()

    with backend:
        threading.Thread(target=stop).start()
        with pytest.raises(ModelError, match="m: its result is no longer needed"):
            backend.infer(pixels(2, 4, 4, 3))
    backend.go.set()
    assert backend.freed.wait(60)


def test_loading_has_a_minute_more_and_ten_minutes_where_a_device_compiles() -> None:
    assert load_seconds(dataclasses.replace(SPEC, timeout_seconds=3)) == 63
    assert load_seconds(dataclasses.replace(SPEC, timeout_seconds=3, device="GPU")) == 600
    assert load_seconds(dataclasses.replace(SPEC, timeout_seconds=900, device="GPU")) == 900


def test_no_image_is_no_call() -> None:
    backend = Fake(SPEC)
    backend.width = 99
    answer = backend.infer(pixels(0, 4, 4, 3))
    assert answer.shape == (0, 3)
    assert answer.dtype == np.float32


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 4, 5, 3), (2, 5, 4, 3), (2, 4, 4, 1), (2, 3, 4, 4)])
def test_pixels_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match=r"m: got pixels of uint8 .*, expected uint8 \(n, 4, 4, 3\)"):
        Fake(SPEC).infer(pixels(*shape))


def test_pixels_of_another_type_are_refused() -> None:
    with pytest.raises(ModelError, match="pixels of float32"):
        Fake(SPEC).infer(np.zeros((1, 4, 4, 3), np.float32))


def test_an_answer_of_another_shape_is_refused() -> None:
    backend = Fake(SPEC)
    backend.width = 4
    with pytest.raises(ModelError, match=r"2 images gave an output of shape \(2, 4\), expected \(2, 3\)"):
        backend.infer(pixels(2, 4, 4, 3))


def test_an_unknown_backend() -> None:
    with pytest.raises(ConfigError, match=f"no backend 'zzz'; available: {', '.join(backends())}"):
        open_backend("zzz", SPEC)


_TYPES: dict[str, type | None] = {"details": dict, "warnings": list, "properties": None}
_VALUES = [1, 1.5, None, True, "a", [1], {"a": 1}, {"a": None}, {"a": [1]}, {"a": {"requested": 1}}]


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Loaded)])
def test_a_report_of_other_types_is_never_plausible(name: str, value: Any) -> None:
    """Whatever JSON a damaged cache or capsule has: documented errors only."""
    right = _TYPES.get(name, str)
    report = {**Loaded("fake", "CPU", "a CPU", "f32", "0").to_json(), name: value}
    try:
        plausible = Loaded.from_json(report).is_plausible
    except TypeError:  # as documented
        plausible = False
    assert plausible == (right is not None and isinstance(value, right) and value != [1])


def test_a_report_with_properties_is_plausible() -> None:
    report = Loaded("fake", "CPU", "a CPU", "f32", "0", properties={"a": {"requested": 1, "effective": None}})
    assert Loaded.from_json(report.to_json()).is_plausible
