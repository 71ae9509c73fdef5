"""What identifies a prediction: models ready to be loaded, keys of their caches, and the run's identity."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness
from harness import __version__
from harness.backends.base import ModelSpec
from harness.backends.registry import backends, facts_of
from harness.capsule.opened import capsule_at
from harness.config import Candidate, Config, Preprocess, Reference
from harness.conversion.prepared import Prepared, PreparedModel, read_models
from harness.dataset.manifest import Manifest
from harness.disk.private import exposed, foreign
from harness.engine.cache import touch
from harness.engine.task import ModelTask
from harness.feeding.pipeline import libraries
from harness.feeding.pixel_store import PixelStore
from harness.machine.cache_place import NOWHERE, default_cache_folder
from harness.machine.digests import file_sha256
from harness.machine.environment import cores, cpu_name
from harness.machine.family import processor_family
from harness.record.schema import Role


@dataclass(frozen=True)
class PlannedModel:
    """A prepared model, and what a backend needs to load it."""

    prepared: PreparedModel
    spec: ModelSpec

    @property
    def model(self) -> Reference | Candidate:
        """The model as it is configured."""
        return self.prepared.model

    @property
    def role(self) -> Role:
        """Whether it is the reference or a candidate."""
        return self.prepared.role

    @property
    def sha256(self) -> str:
        """The sha256 (hex) over the model's files."""
        return self.prepared.sha256

    @property
    def bytes(self) -> int:
        """The size of the model's files."""
        return self.prepared.model_bytes

    def key(self, config: Config) -> dict[str, Any]:
        """Return everything, but the images, that can change this model's probabilities.

        Of the processor that is its family: docs/engine.md describes the influence of its exact name.
        """
        return {
            "harness": __version__,
            "code": code_digest(),
            "backend": self.model.backend,
            "framework": facts_of(self.model.backend).version(),
            "sha256": self.sha256,
            "input": self.model.input.model_dump(mode="json"),
            "output": [self.spec.output, self.spec.output_layout],
            "outputs": self.spec.outputs,
            "batch": self.model.batch,
            "allow_ops": list(self.model.allow_ops),
            "signature": self.model.signature,
            "device": self.spec.device,
            "precision": self.spec.precision,
            "threads": self.spec.threads,
            "properties": dict(self.spec.properties),
            "hints": self.spec.hints,
            "preprocess": config.preprocess_for(self.model).model_dump(mode="json"),
            "steps": repr(config.preprocess_for(self.model).pixels_key),
            "decoder": ", ".join(pixel_libraries(config, config.preprocess_for(self.model))),
            "pixels": carried_pixels(config),
            "cpu": processor_family(),
            "switches": switches(),
        }


def pixel_libraries(config: Config, preprocess: Preprocess) -> tuple[str, ...]:
    """Return the libraries that make the pixels: where a capsule has these, those of the machine that made it."""
    capsule = capsule_at(config.dataset.path)
    carried = capsule.libraries(preprocess) if capsule else None
    return libraries(preprocess) if carried is None else carried


def carried_pixels(config: Config) -> str | None:
    """Return the sha256 of the capsule that the pixels come from; None if they are made from encoded images."""
    capsule = capsule_at(config.dataset.path)
    return capsule.sha256 if capsule and not capsule.contents.encoded else None


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the sha256 over the code between an image's bytes and its probabilities: a checkout has no new version."""
    package = Path(harness.__file__).parent
    return file_sha256(
        package / "dataset" / "header.py",
        package / "dataset" / "image.py",
        package / "config" / "preprocess.py",
        package / "config" / "steps.py",
        *(path for room in ("feeding", "backends") for path in sorted((package / room).rglob("*.py"))),
    )


def switches() -> dict[str, str | None]:
    """Return the environment variables that change what any of the frameworks computes."""
    names = {name for facts in backends().values() for name in facts.switches}
    return {name: os.environ.get(name) for name in sorted(names)}


def cache_folder(config: Config) -> Path:
    """Return where this configuration keeps its caches: `cache.folder`, $HARNESS_CACHE, or the user's cache folder."""
    if config.cache.folder:
        return config.cache.folder
    return default_cache_folder()


def cache_warnings(config: Config) -> list[str]:
    """Return a sentence for each part of the cache that is not used because others could have written it."""
    folder = cache_folder(config)
    if folder == NOWHERE:
        return ["the cache is not used: this user has no home folder for it; set HARNESS_CACHE or `cache.folder`"]
    faults = (exposed(folder), *(foreign(folder / part) for part in ("probabilities", "compiled")))
    return [f"the cache is not used: {fault}" for fault in faults if fault]


def pixels_key(config: Config) -> dict[str, Any]:
    """Return everything, but the images, that can change the pixels of a run, as JSON values."""
    preprocesses = {item.pixels_key: item for item in map(config.preprocess_for, config.models)}
    dataset = config.dataset
    return {
        "code": code_digest(),
        "set": [str(dataset.path), dataset.form, dataset.label_source],
        "preprocess": [repr(key) for key in preprocesses],
        "libraries": [list(libraries(item)) for item in preprocesses.values()],
    }


def pixel_store(config: Config, folder: Path | None, max_gb: float) -> PixelStore | None:
    """Return where the decoded images of a run are kept for others; None if that is off."""
    return None if folder is None else PixelStore(folder, pixels_key(config), int(max_gb * 1e9))


def plan_models(
    config: Config,
    prepared: Prepared | None = None,
    *,
    use_cache: bool = True,
    threads: int | None = None,
) -> list[PlannedModel]:
    """Return the reference and the candidates, ready to be loaded.

    ``prepared``: their files, where they were read already. Raises ModelError for unreadable files.
    """
    return [_planned(config, item, use_cache, threads) for item in (prepared or read_models(config)).models]


def _planned(config: Config, prepared: PreparedModel, use_cache: bool, threads: int | None) -> PlannedModel:
    model = prepared.model
    preprocess = config.preprocess_for(model)
    spec = ModelSpec(
        id=model.id,
        model=str(model.model),
        input=model.input,
        output=model.output_name,
        output_layout=model.output_contract.layout,
        activation=model.output_contract.activation,
        background=config.has_background(model),
        size=_size(preprocess),
        floating=preprocess.is_float,
        allow_ops=model.allow_ops,
        signature=model.signature,
        outputs=config.dataset.classes + int(config.has_background(model)),
        batch=model.batch,
        device=model.device if isinstance(model, Candidate) else "CPU",
        precision=model.precision if isinstance(model, Candidate) else "f32",
        properties=model.properties if isinstance(model, Candidate) else {},
        hints=model.hints if isinstance(model, Candidate) else "pinned",
        threads=threads or cores(),
        model_sha256=prepared.sha256,
        **({} if prepared.recorded else _isolation(model)),
    )
    planned = PlannedModel(prepared, spec)
    if prepared.recorded or not (use_cache and config.cache.compiled and facts_of(model.backend).compiles):
        return planned
    key = {**planned.key(config), "cpu": cpu_name()}
    blob = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache_folder(config) / "compiled" / blob
    touch(folder)
    return PlannedModel(prepared, spec.with_cache(str(folder)))


def _size(preprocess: Preprocess) -> int | tuple[int, int]:
    height, width = preprocess.output_size
    return height if height == width else (height, width)


def _isolation(model: Reference | Candidate) -> dict[str, Any]:
    """Return how a model is run; one that may never end runs in a separate process, even with `isolate: false`."""
    device = model.device if isinstance(model, Candidate) else "CPU"
    asked = device != "CPU" if model.isolate is None else model.isolate
    isolate = asked or facts_of(model.backend).has_loops(model.model)
    return {"isolate": isolate, "timeout_seconds": model.timeout_seconds}


def task_for(config: Config, planned: PlannedModel, *, use_cache: bool) -> ModelTask:
    """Return what a worker needs to run a planned model, with its cache where the configuration wants one."""
    # A key has no driver and no GPU's full name, and AUTO may choose another device: only the CPU's answers are kept.
    kept = config.cache.candidates and planned.spec.device == "CPU"
    recorded = planned.prepared.recorded
    keeps = use_cache and not recorded and (config.cache.reference if planned.role == "reference" else kept)
    return ModelTask(
        spec=planned.spec,
        backend=planned.model.backend,
        role=planned.role,
        cache_folder=cache_folder(config) / "probabilities" if keeps else None,
        cache_key=planned.key(config) if keeps else None,
        calibrated_on=planned.prepared.calibrated_on,
        optional=isinstance(planned.model, Candidate) and planned.model.optional,
        preprocess=planned.model.preprocess,
        files=planned.prepared.files,
        applied=recorded.applied if recorded else None,
        recorded=planned.model.recorded if recorded and isinstance(planned.model, Reference) else None,
    )


def identity(config: Config, planned: list[PlannedModel], manifest: Manifest) -> dict[str, Any]:
    """Return what makes two runs one evaluation: configuration but for gates and places, models, data, software."""
    kept = config.resolved()
    for key in ("gates", "published", "archive", "cache", "conversion", "name", "matrix", "engine"):
        kept.pop(key, None)
    if kept["only"] is None:
        kept.pop("only")  # runs of older versions have no such key
    kept["dataset"].pop("path")
    kept["dataset"].pop("labels")
    kept["dataset"].pop("class_names")
    for model in filter(None, (kept["reference"], *kept["candidates"])):
        for key in ("model", "recorded", "gates", "conversion", "optional", "isolate", "timeout_seconds"):
            model.pop(key, None)
    used = [name for item in planned for name in pixel_libraries(config, config.preprocess_for(item.model))]
    capsule = capsule_at(config.dataset.path)
    return {
        "config": kept,
        "capsule": capsule.sha256 if capsule else None,
        "manifest": manifest.fingerprint(),
        "models": {item.model.id: item.sha256 for item in planned},
        "software": {
            "harness": __version__,
            "code": code_digest(),
            "decoder": ", ".join(dict.fromkeys(used)),
            "cpu": cpu_name(),
            "switches": switches(),
            **{name: facts.version() for name, facts in backends().items()},
        },
    }
