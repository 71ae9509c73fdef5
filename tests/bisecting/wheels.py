"""Wheels of a tiny package: a backend of the harness whose releases answer as they are told to."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import numpy as np

from harness.backends.base import Backend, Loaded, Pixels, Probabilities
from harness.backends.registry import BackendFacts

PACKAGE = "planted-runtime"
FACTS = BackendFacts(
    name="planted",
    title="Planted",
    roles=frozenset({"reference", "candidate"}),
    suffixes=(".planted",),
    module="numpy",
    distributions=(PACKAGE,),
    extra="planted",
    runner="tests.bisecting.wheels:Planted",
)


class Planted(Backend):
    """Softmax of fixed weights times an image's mean colour; a release multiplies the logits by its own number."""

    sharper = 1.0

    def load(self) -> Loaded:
        return Loaded("planted 1", "CPU", "a CPU", "f32", "0" * 64, {"batch": 1}, ())

    def _infer(self, pixels: Pixels) -> Probabilities:
        weights = np.random.default_rng(7).normal(size=(3, self.spec.outputs))
        logits = pixels.mean(axis=(1, 2)) / 64 @ weights * self.sharper
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


_MODULE = f"""
import numpy as np
from harness.backends.base import Backend, Loaded
from harness.backends.registry import BackendFacts

FACTS = BackendFacts(
    name="planted", title="Planted", roles=frozenset({{"reference", "candidate"}}), suffixes=(".planted",),
    module="numpy", distributions=("{PACKAGE}",), extra="planted", runner="planted_runtime:Planted",
)


class Planted(Backend):
    def load(self):
        %s
        return Loaded("planted 1", "CPU", "a CPU", "f32", "0" * 64, {{"batch": 1}}, ())

    def _infer(self, pixels):
        weights = np.random.default_rng(7).normal(size=(3, self.spec.outputs))
        logits = pixels.mean(axis=(1, 2)) / 64 @ weights * %r
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
"""


def runtime(folder: Path, version: str, sharper: float = 1.0, loading: str = "") -> Path:
    """Write a release of the backend; ``loading``: a statement that runs when its model is loaded."""
    entry = "[harness.backends]\nplanted = planted_runtime:FACTS\n"
    return wheel(folder, PACKAGE, version, {"planted_runtime/__init__.py": _MODULE % (loading, sharper)}, entry)


def wheel(
    folder: Path,
    package: str,
    version: str,
    files: dict[str, str],
    entry_points: str = "",
    *,
    whole: bool = True,
    metadata: str | None = None,
) -> Path:
    """Write a wheel; ``whole``: with the list of its files, without which no tool installs it."""
    name = f"{package.replace('-', '_')}-{version}"
    info = f"{name}.dist-info"
    metadata = metadata or f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    texts = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **({f"{info}/entry_points.txt": entry_points} if entry_points else {}),
    }
    listed = "".join(_line(path, text.encode()) for path, text in texts.items())
    if whole:
        texts[f"{info}/RECORD"] = f"{listed}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)
    return file


def _line(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"
