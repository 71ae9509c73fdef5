"""OpenVINO is imported once for all threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("openvino")


def test_threads_that_use_arrays_first_do_not_wait_for_each_other() -> None:
    """Models are loaded at the same time, and the bindings look for numpy at the first array: that was a deadlock."""
    script = [sys.executable, "-m", "tests.backends.openvino.first_arrays"]
    done = subprocess.run(script, capture_output=True, encoding="utf-8", check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
