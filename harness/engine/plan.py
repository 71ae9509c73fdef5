"""What a validation will do, fixed before any model loads: lanes, keys of their caches, and the run's identity."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness
from harness import __version__
from harness.backends.base import ModelSpec
from harness.config import Candidate, Config, Reference
from harness.dataset.image import decoder_version
from harness.dataset.manifest import Manifest
from harness.engine.cache import ProbabilityCache, touch
from harness.engine.lane import Lane
from harness.machine.digests import file_sha256
from harness.machine.environment import cores, cpu_name

_FRAMEWORKS = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel"), "openvino": ("openvino",)}
_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "TF_XLA_FLAGS")


@dataclass(frozen=True)
class PlannedModel:
    """A model of the configuration with the digest of its files and their size in bytes."""

    model: Reference | Candidate
    role: str
    sha256: str
    spec: ModelSpec
    bytes: int

    def key(self, config: Config) -> dict[str, Any]:
        """Return everything, but the images, that can change this model's probabilities."""
        return {
            "harness": __version__,
            "code": code_digest(),
            "backend": self.model.backend,
            "framework": framework_version(self.model.backend),
            "sha256": self.sha256,
            "input": self.model.input.model_dump(mode="json"),
            "output": self.model.output,
            "outputs": self.spec.outputs,
            "batch": self.model.batch,
            "device": self.spec.device,
            "precision": self.spec.precision,
            "threads": self.spec.threads,
            "preprocess": config.dataset.preprocess.model_dump(mode="json"),
            "decoder": decoder_version(),
            "cpu": cpu_name(),
            "switches": switches(),
        }


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the sha256 over the code between an image's bytes and its probabilities: a checkout has no new version."""
    package = Path(harness.__file__).parent
    return file_sha256(
        package / "dataset" / "header.py",
        package / "dataset" / "image.py",
        *(path for room in ("feeding", "backends") for path in sorted((package / room).rglob("*.py"))),
    )


def switches() -> dict[str, str | None]:
    """Return the environment variables that change what the frameworks compute."""
    return {name: os.environ.get(name) for name in _SWITCHES}


def framework_version(backend: str) -> str:
    """Return the installed version of a backend's framework without importing it; `absent` where there is none."""
    found = _versions(_FRAMEWORKS[backend])
    if not found and importlib.util.find_spec(backend):  # a build under another name, such as a nightly one
        found = _versions(sorted(set(importlib.metadata.packages_distributions().get(backend, []))))
    return ", ".join(found) or "absent"


def _versions(packages: Sequence[str]) -> list[str]:
    versions = []
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    return versions


def cache_folder(config: Config) -> Path:
    """Return where this configuration keeps its caches: `cache.folder`, $HARNESS_CACHE, or the user's cache folder."""
    if config.cache.folder:
        return config.cache.folder
    if os.environ.get("HARNESS_CACHE"):
        return Path(os.environ["HARNESS_CACHE"])
    import platformdirs

    return Path(platformdirs.user_cache_dir("conversion-accuracy-harness", appauthor=False))


def plan_models(config: Config, *, use_cache: bool = True, threads: int | None = None) -> list[PlannedModel]:
    """Return the reference and the candidates with their files' digests. Raises ModelError for unreadable files."""
    planned = []
    models: tuple[Reference | Candidate, ...] = (config.reference, *config.candidates)
    for model in models:
        is_ir = model.backend == "openvino" and model.model.suffix == ".xml"
        files = (model.model, model.model.with_suffix(".bin")) if is_ir else (model.model,)
        sha256 = file_sha256(*files)
        role = "candidate" if isinstance(model, Candidate) else "reference"
        spec = ModelSpec(
            id=model.id,
            model=str(model.model),
            input=model.input,
            output=model.output,
            size=config.dataset.preprocess.size,
            outputs=config.dataset.outputs,
            batch=model.batch,
            device=model.device if isinstance(model, Candidate) else "CPU",
            precision=model.precision if isinstance(model, Candidate) else "f32",
            threads=threads or cores(),
            model_sha256=sha256,
            **_isolation(model),
        )
        item = PlannedModel(model, role, sha256, spec, sum(file.stat().st_size for file in files))
        if use_cache and config.cache.compiled and model.backend == "openvino":
            blob = hashlib.sha256(json.dumps(item.key(config), sort_keys=True).encode()).hexdigest()[:32]
            folder = cache_folder(config) / "compiled" / blob
            touch(folder)
            item = dataclasses.replace(item, spec=spec.with_cache(str(folder)))
        planned.append(item)
    return planned


def _isolation(model: Reference | Candidate) -> dict[str, Any]:
    if not isinstance(model, Candidate):
        return {}
    isolate = model.device != "CPU" if model.isolate is None else model.isolate
    return {"isolate": isolate, "timeout_seconds": model.timeout_seconds}


def lane_for(
    config: Config, planned: PlannedModel, *, use_cache: bool, calibrated_on: frozenset[bytes] = frozenset()
) -> Lane:
    """Return the engine's lane of a planned model, with its cache where the configuration wants one.

    ``calibrated_on``: sha256 digests of images that it must not be evaluated on.
    """
    # A key has no driver and no GPU's full name, and AUTO may choose another device: only the CPU's answers are kept.
    kept = config.cache.candidates and planned.spec.device == "CPU"
    wanted = config.cache.reference if planned.role == "reference" else kept
    cache = None
    if use_cache and wanted:
        cache = ProbabilityCache(cache_folder(config) / "probabilities", planned.key(config))
    return Lane(planned.spec, planned.model.backend, planned.role, cache, calibrated_on)


def identity(config: Config, planned: list[PlannedModel], manifest: Manifest) -> dict[str, Any]:
    """Return what makes two runs one evaluation: configuration but for gates and places, models, data, software."""
    kept = config.resolved()
    for key in ("gates", "published", "archive", "cache", "conversion", "name", "matrix"):
        kept.pop(key, None)
    kept["dataset"].pop("path")
    kept["dataset"].pop("labels")
    kept["dataset"].pop("class_names")
    for model in (kept["reference"], *kept["candidates"]):
        for key in ("model", "gates", "conversion", "optional", "isolate", "timeout_seconds"):
            model.pop(key, None)
    return {
        "config": kept,
        "manifest": manifest.fingerprint(),
        "models": {item.model.id: item.sha256 for item in planned},
        "software": {
            "harness": __version__,
            "code": code_digest(),
            "decoder": decoder_version(),
            "cpu": cpu_name(),
            "switches": switches(),
            **{name: framework_version(name) for name in _FRAMEWORKS},
        },
    }
