from __future__ import annotations

import os
import threading

import pytest

from harness.backends.native_output import without_lines


def test_lines_are_held_back_and_others_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_lines([b"banner"]):
        os.write(2, b"a banner\nan error\n")
    assert capfd.readouterr().err == "an error\n"


def test_stderr_is_there_again_after_two_threads_held_it_back(capfd: pytest.CaptureFixture[str]) -> None:
    """The first begins first and ends first: without turns, the second would put back the first one's file."""
    begun, ended, second = threading.Event(), threading.Event(), threading.Event()

    def hold_first() -> None:
        with without_lines([b"banner"]):
            begun.set()
            second.wait(0.2)
        ended.set()

    def hold_second() -> None:
        begun.wait()
        with without_lines([b"banner"]):
            second.set()
            ended.wait()

    threads = [threading.Thread(target=each) for each in (hold_first, hold_second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after both\n")
    assert capfd.readouterr().err == "after both\n"
