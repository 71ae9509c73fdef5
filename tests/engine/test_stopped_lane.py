"""Models that are being loaded when the run is interrupted: their loading ends, and nobody loads them again."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.engine import lane as lane_module
from harness.engine import loading
from harness.engine.lane import Lane
from harness.errors import ModelError


def test_loading_that_was_stopped_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, killed, opened = threading.Event(), threading.Event(), []

    class Endless:
        def __enter__(self) -> Any:
            begun.set()
            assert killed.wait(10)
            raise ModelError("m: its process died")

        def __exit__(self, *_: object) -> None:
            pass

        def stop(self) -> None:
            killed.set()

    def open_backend(*_: object) -> Any:
        opened.append(Endless())
        return opened[-1]

    monkeypatch.setattr(lane_module, "open_backend", open_backend)
    lane = Lane(ModelSpec("m", "m.onnx", Input(color="RGB"), None, 8, 5, isolate=True), "onnxruntime", "reference")
    errors: list[str] = []

    def load() -> None:
        with pytest.raises(ModelError) as caught:
            lane.load()
        errors.append(str(caught.value))

    first = threading.Thread(target=load)
    first.start()
    assert begun.wait(10)
    lane.stop()
    first.join(10)
    load()
    assert errors == ["m: its process died", "m: was unloaded, because the run was stopped"]
    assert len(opened) == 1


def test_a_lane_that_was_stopped_before_its_loading_began_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "open_backend", lambda *_: pytest.fail("opened"))
    lane = Lane(ModelSpec("m", "m.onnx", Input(color="RGB"), None, 8, 5, isolate=True), "onnxruntime", "candidate")
    lane.stop()
    with pytest.raises(ModelError, match="m: was unloaded, because the run was stopped"):
        lane.load()


@pytest.mark.parametrize("role", ["reference", "candidate"])
def test_an_interrupt_while_models_are_loaded_stops_them(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    begun, stopped = threading.Event(), threading.Event()

    class Endless:
        cache = None
        backend = "onnxruntime"
        spec = SimpleNamespace(id="m", isolate=True)
        optional = False

        def __init__(self) -> None:
            self.role = role

        def import_framework(self) -> None:
            """Import nothing."""

        def load(self) -> Any:
            begun.set()
            assert stopped.wait(10)
            raise ModelError("m: its process died")

        def stop(self) -> None:
            stopped.set()

    def interrupted(_: Any) -> None:
        assert begun.wait(10)
        raise KeyboardInterrupt

    run: Any = SimpleNamespace(models=SimpleNamespace(lanes=[Endless()]), timing={}, failures={})
    monkeypatch.setattr(loading, "wait", interrupted)  # where the main thread is while models are loaded
    monkeypatch.setattr(loading, "_load", lambda _, lanes, pool: interrupted([pool.submit(x.load) for x in lanes]))
    with pytest.raises(KeyboardInterrupt), loading.models_loading(run):
        pytest.fail("loaded")
    assert stopped.is_set()
