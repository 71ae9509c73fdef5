"""A model in a process of its own: the same answers, and whatever happens to the process costs only that model."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import Backend, Loaded, ModelSpec
from harness.backends.isolation.backend import IsolatedBackend
from harness.backends.isolation.messages import receive, send, spec_from_json, spec_to_json
from harness.backends.opening import open_backend
from harness.config import Input
from harness.errors import DeviceError, ModelError
from tests.conftest import CLASSES, PROJECT, SIZE, Tiny


def spec_of(tiny: Tiny, **more: Any) -> ModelSpec:
    given: dict[str, Any] = {"output": "Net/Probabilities", "isolate": True, "timeout_seconds": 60.0, **more}
    return ModelSpec("ir", str(tiny.ir), Input(name="input", color="BGR"), size=SIZE, outputs=CLASSES + 1, **given)


def child_of(backend: Any) -> int:
    assert isinstance(backend, IsolatedBackend)
    assert backend._child is not None
    return backend._child.pid


def test_the_answers_are_those_of_the_network(tiny: Tiny, pixels: NDArray[np.uint8]) -> None:
    with open_backend("openvino", spec_of(tiny)) as backend:
        assert backend.loaded.details["isolated"] is True
        assert backend.loaded.effective_precision == "f32"
        found = backend.infer(pixels)
        assert len(backend.take_latencies()) == len(pixels)
        assert backend.take_latencies() == []
        pid = child_of(backend)
    np.testing.assert_allclose(found, tiny.network.of_pixels(pixels), atol=1e-5)
    found[0, 0] = 2  # the caller owns the array
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_its_seconds_are_those_of_the_inference_alone(
    tiny: Tiny, pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray]:
        header, data = receive(stream)
        return {**header, "seconds": 123.0}, data

    monkeypatch.setattr("harness.backends.isolation.backend.receive", slow)
    with open_backend("openvino", spec_of(tiny)) as backend:
        backend.infer(pixels)
        assert backend.infer_seconds == 123.0  # as the child says, however long the way there took
        backend.infer(pixels[:0])
        assert backend.infer_seconds == 123.0


def test_a_crash_is_told_with_its_signal(tiny: Tiny, pixels: NDArray[np.uint8]) -> None:
    with open_backend("openvino", spec_of(tiny)) as backend:
        backend.infer(pixels)
        os.kill(child_of(backend), signal.SIGSEGV)
        with pytest.raises(ModelError, match=r"ir: the process that ran CPU died \(signal 11\)"):
            backend.infer(pixels)


def test_ctrl_c_ends_it_at_once_and_without_a_traceback(
    tiny: Tiny, pixels: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    with open_backend("openvino", spec_of(tiny)) as backend:
        backend.infer(pixels)
        os.kill(child_of(backend), signal.SIGINT)
        with pytest.raises(ModelError, match=r"died \(signal 2\)"):
            backend.infer(pixels)
    assert "Traceback" not in capfd.readouterr().err


def test_a_model_that_cannot_be_loaded_is_one_error_and_no_words_of_the_interpreter(
    tiny: Tiny, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Python ends with "Fatal Python error" where a thread is reading stdin, which is what waits for requests."""
    broken = tmp_path / "broken.xml"
    broken.write_text("<net>")
    for _ in range(3):
        with (
            pytest.raises(ModelError, match="broken"),
            open_backend("openvino", spec_of(Tiny(tiny.graph, broken, tiny.network))),
        ):
            pass
    assert "Fatal" not in capfd.readouterr().err


def test_a_hang_is_ended_by_the_time_limit(tiny: Tiny, pixels: NDArray[np.uint8]) -> None:
    with open_backend("openvino", spec_of(tiny, timeout_seconds=1.0)) as backend:
        os.kill(child_of(backend), signal.SIGSTOP)
        with pytest.raises(ModelError, match="did not respond within 1 s and was stopped"):
            backend.infer(pixels)


class Endless(Backend):
    """A model that never answers: it says its process's number first."""

    def load(self) -> Loaded:
        print(os.getpid(), file=sys.stderr, flush=True)
        while self.spec.id:
            pass
        raise AssertionError

    def _infer(self, pixels: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_it_ends_with_whoever_asks_however_that_ended() -> None:
    """The asking process is killed while the model is in a loop: nobody is left who would stop it."""
    script = (
        "from tests.backends.isolation.test_backend import Endless, spec_of\n"
        "from harness.backends.isolation.backend import IsolatedBackend\n"
        "import types\n"
        "spec = spec_of(types.SimpleNamespace(ir='x'), isolate=False)\n"
        "IsolatedBackend(spec, 'tests.backends.isolation.test_backend:Endless', 300.0).__enter__()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, cwd=PROJECT) as asking:
        assert asking.stderr is not None
        child = int(asking.stderr.readline())
        saved = threading.Timer(60, os.kill, (child, signal.SIGKILL))  # else the read below would wait for ever
        saved.start()
        asking.kill()
        assert asking.stderr.read() == b""  # both have ended: nobody holds the other end
        assert saved.is_alive()
        saved.cancel()


def test_what_the_child_refuses_is_refused_here(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match="has no output 'Net/Probability'"):
        open_backend("openvino", spec_of(tiny, output="Net/Probability")).__enter__()
    with pytest.raises(DeviceError, match=r"GPU\.7'? not found"):
        open_backend("openvino", spec_of(tiny, device="GPU.7")).__enter__()


def test_messages_survive_the_pipe_and_a_closed_one_is_noticed() -> None:
    stream = io.BytesIO()
    send(stream, {"shape": [2, 3]}, b"abcdef")
    send(stream, {"empty": True})
    stream.seek(0)
    assert receive(stream) == ({"shape": [2, 3], "bytes": 6}, bytearray(b"abcdef"))
    assert receive(stream) == ({"empty": True, "bytes": 0}, bytearray())
    with pytest.raises(EOFError):
        receive(stream)
    with pytest.raises(EOFError, match="not a message"):
        receive(io.BytesIO(struct.pack("<I", 1 << 30)))


def test_the_specification_survives_json(tmp_path: Path) -> None:
    spec = ModelSpec(
        "a", str(tmp_path / "b"), Input(name="i", color="RGB", mean=(1, 2, 3)), "o", 224, 1001, precision="bf16"
    )
    assert spec_from_json(spec_to_json(spec)) == spec
