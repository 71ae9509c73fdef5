"""Where a run's figures come from: what was run, on what, with which versions; pairs of text for every form."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from harness.record.schema import ModelPart, RunRecord
from harness.report.facts import numbers

SHORT_HASH = 12


def facts(record: RunRecord) -> list[tuple[str, str]]:
    """Return (name, value) of everything but the models; what the record does not know is left out."""
    dataset = record.dataset
    pairs: list[tuple[str, str | None]] = [
        ("started (UTC)", record.started_utc),
        ("command", shlex.join(record.command)),
        ("config file", record.config_file),
        ("harness", record.harness_version),
        ("data set", f"{dataset.name} ({dataset.form}), {numbers.plural(dataset.listed, 'image')} listed"),
        ("fingerprint of the evaluated images and labels", dataset.fingerprint),
        ("fingerprint of the images' bytes", dataset.content_fingerprint),
        ("capsule", dataset.capsule),
    ]
    pairs += [(name, _plain(value)) for name, value in _leaves(record.environment)]
    pairs += [(name.replace("_", " "), _plain(value)) for name, value in record.timing.items()]
    return [(name, value) for name, value in pairs if value]


def model_facts(record: RunRecord) -> list[tuple[str, ...]]:
    """Return (id, file, short sha256, backend, device, precision asked, effective, details) of every model."""
    return [
        (
            part.id,
            part.model,
            part.model_sha256[:SHORT_HASH],
            part.backend,
            f"{part.device}: {part.device_name}" if part.device_name else part.device,
            part.precision.requested,
            part.precision.effective,
            ", ".join(f"{name} {_plain(value)}" for name, value in _details(part) if value is not None),
        )
        for part in record.models
    ]


def _details(part: ModelPart) -> Iterator[tuple[str, Any]]:
    """Yield what the backend reports, and the requested properties with their effective values."""
    yield from _leaves(part.details)
    if part.hints != "pinned":
        yield "hints", part.hints
    for name, pair in part.properties.items():
        same = pair.effective == pair.requested
        yield f"property {name}", pair.effective if same else f"{pair.effective} (requested {pair.requested})"


def resolved_config(record: RunRecord) -> str:
    """Return the resolved configuration as indented JSON."""
    return json.dumps(record.config, indent=2, ensure_ascii=False, allow_nan=False)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested mappings with its dotted name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)
