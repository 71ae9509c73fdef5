from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import harness.conversion


def test_importing_loads_no_framework_and_no_network_library() -> None:
    heavy = ["openvino", "tensorflow", "pooch", "requests", "tqdm", "numpy", "cv2", "pandas"]
    script = f"import sys, harness.conversion; print([name for name in {heavy} if name in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    assert all(callable(getattr(harness.conversion, name)) for name in harness.conversion.__all__)
