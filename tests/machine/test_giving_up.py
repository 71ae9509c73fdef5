"""Calls that may never return: they are given up, and what they use is freed when they have ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from harness.machine.giving_up import Calls, ExpiredError, GivenUpError, any_held
from tests.conftest import PROJECT, harness_environment


@pytest.fixture
def calls() -> Iterator[Calls]:
    made = Calls("test")
    yield made
    made.close()


def test_results_and_errors_are_those_of_the_call(calls: Calls) -> None:
    assert calls.call(lambda: 1 + 1, 60) == 2
    with pytest.raises(ValueError, match="what it raises"):
        calls.call(lambda: raising("what it raises"), 60)
    first, second = calls.call(threading.get_ident, 60), calls.call(threading.get_ident, 60)
    assert first == second != threading.get_ident()
    assert not any_held()


def raising(text: str) -> None:
    raise ValueError(text)


def test_a_call_within_a_call_is_made_at_once(calls: Calls) -> None:
    assert calls.call(lambda: calls.call(threading.get_ident, 60), 60) == calls.call(threading.get_ident, 60)


def test_one_that_takes_too_long_is_given_up_and_freed_when_it_ends(calls: Calls) -> None:
    go, freed = threading.Event(), threading.Event()
    with pytest.raises(ExpiredError):
        calls.call(go.wait, 0.01)
    assert any_held()
    with pytest.raises(GivenUpError):
        calls.call(lambda: None, 60)
    calls.when_free(freed.set)
    calls.close()
    assert not freed.is_set()
    go.set()
    assert freed.wait(60)
    calls.when_free(freed.clear)  # nothing is in its way any more
    assert not freed.is_set()


def test_progress_keeps_it_from_being_given_up(calls: Calls) -> None:
    asked: list[int] = []
    go = threading.Event()

    def progress() -> int:
        asked.append(len(asked))
        if len(asked) == 5:
            go.set()
        return len(asked)

    assert calls.call(go.wait, 0.001, progress) is True


def test_another_thread_gives_it_up(calls: Calls) -> None:
    go, began = threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait()

    def give_up() -> None:
        began.wait()
        calls.give_up()

    threading.Thread(target=give_up).start()
    with pytest.raises(GivenUpError):
        calls.call(work, 600)
    go.set()


def test_nothing_is_given_up_where_nothing_is_called(calls: Calls) -> None:
    calls.give_up()
    assert calls.call(lambda: 1, 60) == 1


def test_it_can_be_called_again_after_it_was_closed(calls: Calls) -> None:
    assert calls.call(lambda: 1, 60) == 1
    calls.close()
    assert calls.call(lambda: 2, 60) == 2


# A call of native code that holds its thread, as a multiplication of huge matrices does, and hears of no interrupt.
_NATIVE = """
import atexit, ctypes, sys
from harness.machine.giving_up import Calls, any_held, end_at_once
def work():
    print("began", flush=True)
    ctypes.CDLL(None).sleep(1000)
try:
    Calls("test").call(work, 600)
except KeyboardInterrupt:
    assert any_held()
    atexit.register(end_at_once, 130)
"""


def test_an_interrupt_ends_the_process_that_waits() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _NATIVE], stdout=subprocess.PIPE, cwd=PROJECT, env=harness_environment()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"began\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
