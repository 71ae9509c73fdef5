"""Options of LiteRT's interpreter: handed over as they are, and refused where it has none of that name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Pixels
from harness.backends.litert.runner import LiteRTBackend
from harness.errors import ConfigError
from tests.backends.litert.test_runner import Maker, make_tflite, model, spec
from tests.conftest import Network

__all__ = ["Maker", "make_tflite", "model"]


def test_handed_over(model: Path, network: Network, pixels: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_edge_litert import interpreter

    given: list[dict[str, Any]] = []
    real = interpreter.Interpreter.__init__

    def noted(self: Any, *arguments: Any, **options: Any) -> None:
        given.append(options)
        real(self, *arguments, **options)

    noted.__signature__ = inspect.signature(real)  # type: ignore[attr-defined]
    monkeypatch.setattr(interpreter.Interpreter, "__init__", noted)
    asked = {"num_threads": 2, "experimental_disable_delegate_clustering": True}
    with LiteRTBackend(spec(model, properties=asked, threads=1)) as backend:
        assert backend.loaded.properties["num_threads"] == {"requested": 2, "effective": None}
        assert (backend.loaded.details["threads"], backend.loaded.details["streams"]) == (2, 1)
        assert len(given) == 1
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=1e-5)
    with LiteRTBackend(spec(model, hints="device", precision="device_default", threads=1)) as backend:
        assert (backend.loaded.details["threads"], backend.loaded.details["streams"]) == (None, 1)
    assert asked.items() <= given[0].items()
    assert "num_threads" not in given[1]


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"num_thread": 1}, "did you mean num_threads?"),
        ({"zzz": 1}, "it has num_threads"),
        ({"num_threads": 0}, "a whole number from 1"),
        ({"num_threads": "2"}, "a whole number from 1"),
        ({"experimental_preserve_all_tensors": 1}, "true or false"),
        ({"experimental_delegates": "evil.so"}, "are not loaded"),
        ({"experimental_op_resolver_type": "AUTO"}, "`device: CPU.BUILTIN`"),
    ],
)
def test_refused(model: Path, properties: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught, LiteRTBackend(spec(model, properties=properties)):
        pass
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("threads", "batch", "used"), [(1, 1, [1]), (2, 1, [1, 1]), (16, 1, [4, 4, 4, 4]), (4, 256, [1, 4])]
)
def test_an_interpreter_for_each_batch_at_a_time(
    model: Path, monkeypatch: pytest.MonkeyPatch, threads: int, batch: int, used: list[int]
) -> None:
    """With a batch of 256 there is one batch at a time: the interpreter that told its batch is opened again."""
    given: list[int] = []
    real = LiteRTBackend._open

    def noted(self: Any, litert: Any, content: bytes, options: Any) -> Any:
        given.append(options["num_threads"])
        return real(self, litert, content, options)

    monkeypatch.setattr(LiteRTBackend, "_open", noted)
    with LiteRTBackend(spec(model, threads=threads, batch=batch)) as backend:
        assert given == used
        assert backend.loaded.details["threads"] == threads
        assert backend.loaded.details["streams"] == (1 if batch == 256 else len(used))
