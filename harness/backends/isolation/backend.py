"""A backend in a separate process, with a time limit: a plug-in that crashes or hangs affects only its model."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import threading
from typing import Any

import numpy as np

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities, load_seconds, no_answer
from harness.backends.isolation.messages import receive, send, spec_to_json
from harness.errors import AbsentDeviceError, ConfigError, DeviceError, ModelError


class IsolatedBackend(Backend):
    """Runs another backend in a child process.

    ``runner``: the backend's class as ``module:object``, so that a backend that was registered in this process alone is
    found in the child, too; the module has to be importable there.
    ``seconds``: the longest that one shard may take; then the child is killed and ModelError raised. A child that dies
    raises ModelError with how it died. Loading may take ten minutes (a device may compile for long the first time), on
    the CPU a minute more than a shard (a model with a loop is tried when it is loaded).
    """

    takes_floating = True  # the backend in the child process checks its input
    limited = False  # by this class itself

    def __init__(self, spec: ModelSpec, runner: str, seconds: float) -> None:
        super().__init__(spec)
        self._runner, self._seconds = runner, seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._inside = 0.0
        self._given_up = False

    def load(self) -> Loaded:
        """Start the child and let it load the model. Raises what the child's backend raises."""
        command = [sys.executable, "-m", "harness.backends.isolation.worker"]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._given_up:  # by another thread, before there was a child
            self._child.kill()
        limit = load_seconds(dataclasses.replace(self.spec, timeout_seconds=self._seconds))
        header, _ = self._ask({"runner": self._runner, "spec": spec_to_json(self.spec)}, b"", limit)
        return _loaded(header)

    def infer(self, pixels: Pixels) -> Probabilities:
        """Return the model's output, as ``Backend.infer``; its seconds are the child's, without the way there."""
        result = super().infer(pixels)
        if len(pixels):
            self.infer_seconds = self._inside
        return result

    def _infer(self, pixels: Pixels) -> Probabilities:
        header, payload = self._ask({"shape": pixels.shape}, pixels.tobytes(), self._seconds)
        self._latencies += header["latencies"]
        self._inside = float(header["seconds"])
        self.loaded = _loaded(header)
        return np.frombuffer(payload, np.float32).reshape(header["shape"]).copy()

    def _ask(self, header: dict[str, Any], payload: bytes, seconds: float) -> tuple[dict[str, Any], bytearray]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise ModelError(f"{self.spec.id}: its process is not running")
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            child.kill()

        timer = threading.Timer(seconds, expire)
        timer.start()
        try:
            send(child.stdin, header, payload)
            answer, data = receive(child.stdout)
        except (EOFError, OSError):
            raise self._gone(child, expired.is_set(), seconds) from None
        except BaseException:  # interrupted: it may be in a loop without end
            child.kill()
            raise
        finally:
            timer.cancel()
        if "error" in answer:
            kinds = {"AbsentDeviceError": AbsentDeviceError, "DeviceError": DeviceError, "ConfigError": ConfigError}
            raise kinds.get(answer["kind"], ModelError)(answer["error"])
        return answer, data

    def _gone(self, child: subprocess.Popen[bytes], expired: bool, seconds: float) -> ModelError:
        code = child.wait()
        device = self.spec.device
        if expired:
            return no_answer(self.spec, seconds)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ModelError(f"{self.spec.id}: the process that ran {device} died ({how}); its message, if any, is above")

    def stop(self) -> None:
        """Kill the child process, and any that is started later."""
        self._given_up = True
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(OSError):
            if child.stdin:
                child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


def _loaded(header: dict[str, Any]) -> Loaded:
    plain = header["loaded"]
    return Loaded.from_json({**plain, "details": {**plain["details"], "isolated": True}})
