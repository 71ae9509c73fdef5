from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.bench.quietness import Others, busy_seconds, in_words


def test_busy_is_everything_but_idle_and_waiting() -> None:
    """user 100, nice 20, system 30, idle 5000, iowait 70, irq 1, softirq 2, steal 3, guest 9 (in user already)."""
    ticks = os.sysconf("SC_CLK_TCK")
    assert busy_seconds("cpu  100 20 30 5000 70 1 2 3 9 0\ncpu0 1 2 3\n") == pytest.approx(156 / ticks)
    assert busy_seconds("intr 1 2\n") is None


def test_the_words() -> None:
    assert in_words(0.029).startswith("quiet: other processes took 2.9 %")
    assert in_words(0.03).startswith("disturbed: other processes took 3.0 %")
    assert "not known" in in_words(None)


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="the system has no /proc/stat")  # noqa: PTH110
def test_work_of_this_process_and_its_children_is_not_that_of_others() -> None:
    """Our own work must not count; what others do meanwhile is not ours to say, so that it is only bounded."""
    others = Others()
    code = "import time; end = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    with_children = others.share()
    assert with_children is not None
    assert 0 <= with_children <= 1.1
