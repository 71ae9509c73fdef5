"""Calls of native code that may never return: made in a thread that is given up, since nothing can interrupt them.

A loop without end is found in a model's file, and such a model gets a separate process. A multiplication of huge
matrices is not found: it holds its thread for hours, and with it Ctrl-C, which Python handles between two calls only.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")

_PATIENCE = 2.0  # seconds for a call to end after its result is no longer needed
_LOOK = 0.5  # seconds between two checks of a running call

_held: set[Calls] = set()


class ExpiredError(Exception):
    """A call made no progress within its time."""


class GivenUpError(Exception):
    """The result of a call is no longer needed."""


class Calls:
    """Makes calls, one at a time, in a thread of its own that starts with the first one.

    A call that is given up continues in its thread; what it uses must not be touched before ``when_free``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current: _Call | None = None
        self._lock = threading.Lock()
        self._refuses = self._held = False
        self._at_end: Callable[[], None] | None = None

    def call(self, work: Callable[[], T], seconds: float, progress: Callable[[], object] = lambda: None) -> T:
        """Return what ``work`` returns, or raise what it raises.

        Raises ExpiredError where ``progress`` returned the same for ``seconds``, and GivenUpError after ``give_up``. An
        interrupt of the waiting thread gives the call up as well. Every later call raises GivenUpError then.
        """
        if threading.current_thread() is self._thread:
            return work()
        if self._refuses:
            raise GivenUpError
        call = _Call(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        with self._lock:
            self._current = call
        self._calls.put(call)
        try:
            call.wait(seconds, progress)
        except BaseException as error:
            if not isinstance(error, (GivenUpError, ExpiredError)):
                call.done.wait(_PATIENCE)
            self._hold(call)
            raise
        finally:
            with self._lock:
                self._current = None
        return cast("T", call.result())

    def give_up(self) -> None:
        """Let the call that is made, if any, raise GivenUpError, unless it ends within two seconds."""
        with self._lock:
            if self._current:
                self._current.give_up()

    def when_free(self, action: Callable[[], None]) -> None:
        """Do something now, or as soon as a call that was given up has ended, in its thread."""
        with self._lock:
            if self._held:
                self._at_end = action
                return
        action()

    def close(self) -> None:
        """End the thread, after the call that it is making."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _hold(self, call: _Call) -> None:
        with self._lock:
            if not call.done.is_set():
                self._refuses = self._held = True
                _held.add(self)

    def _serve(self) -> None:
        while call := self._calls.get():
            call.run()
            with self._lock:
                call.done.set()
                held, self._held = self._held, False
                action, self._at_end = self._at_end, None
            if held:
                with contextlib.suppress(Exception):
                    if action:
                        action()
                _held.discard(self)
            del call  # and what it returned


class _Call:
    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._value: Any = None
        self._error: BaseException | None = None
        self._given_up_at: float | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001  (the waiting thread raises it)
            self._error = error

    def result(self) -> Any:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # else the traceback keeps its own frame, with all its variables
        return self._value

    def give_up(self) -> None:
        self._given_up_at = time.monotonic()

    def wait(self, seconds: float, progress: Callable[[], object]) -> None:
        last, since = progress(), time.monotonic()
        while not self.done.wait(min(_LOOK, seconds)):
            now = time.monotonic()
            if self._given_up_at is not None and now - self._given_up_at > _PATIENCE:
                raise GivenUpError
            if (state := progress()) != last:
                last, since = state, now
            elif now - since >= seconds:
                raise ExpiredError


def any_held() -> bool:
    """Tell whether a call that was given up still runs, so that the interpreter could not end normally."""
    return bool(_held)


def end_at_once(code: int) -> None:
    """End the process with an exit code, regardless of its threads."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
