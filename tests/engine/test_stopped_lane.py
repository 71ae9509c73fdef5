"""A model that is being loaded when the run is interrupted: its loading ends, and nobody loads it again."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from harness.backends.base import ModelSpec
from harness.config import Input
from harness.engine import lane as lane_module
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
    assert errors == ["m: its process died", "m: not loaded any more, the run was stopped"]
    assert len(opened) == 1
