"""The registry of backends: what is known of each without importing its framework.

Every folder ``backends/NAME`` states its facts in ``facts.py``, and other distributions may add a backend by an entry
point of the group ``harness.backends`` that names such a ``BackendFacts``. Nothing here imports a framework, numpy or
pydantic: the configuration and the command line ask the registry, too.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from harness.errors import ConfigError, nearest

Role = Literal["reference", "candidate"]
GROUP = "harness.backends"
_BUILT_IN = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/facts.py")))


@dataclass(frozen=True)
class BackendFacts:
    """What is known of a backend before its framework is imported.

    ``name``: as ``backend:`` names it; ``title``: as messages name the framework; ``roles``: what its models can be;
    ``suffixes``: of the files that it runs; ``companions``: suffixes of the files that belong to such a file, by its
    suffix; ``module``: what `import` needs; ``distributions``: those whose versions decide what is computed;
    ``switches``: environment variables that change what is computed; ``extra``: what `pip install` needs;
    ``runner``: the ``Backend`` class; ``reader``: the function that reads what a file says of itself, and ``devices``:
    the function that finds its devices. ``markers``: files that make a folder a model, such as ``saved_model.pb``;
    ``precisions``: those that may be pinned; ``other_devices``: whether there is any but the CPU; ``editor``: what
    edits a model's graph to plant faults; ``importer``: imports the framework, or says what to install;
    ``default_for``: roles of models whose configuration names no backend; ``compiles``: compiled models are kept in a
    folder between runs. Lazy targets are written ``module:object``.
    """

    name: str
    title: str
    roles: frozenset[Role]
    suffixes: tuple[str, ...]
    module: str
    distributions: tuple[str, ...]
    extra: str
    runner: str
    companions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    switches: tuple[str, ...] = ()
    reader: str | None = None
    devices: str | None = None
    importer: str | None = None
    default_for: frozenset[Role] = frozenset()
    compiles: bool = False
    markers: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    other_devices: bool = False
    editor: str | None = None

    def recognises(self, path: Path) -> bool:
        """Return whether the path is a model of this backend: a name with its suffix, or a folder with its marker."""
        if path.is_dir():
            return any((path / marker).is_file() for marker in self.markers)
        return path.suffix in self.suffixes

    def files_of(self, model: Path) -> tuple[Path, ...]:
        """Return the files that a model consists of, the one that a configuration names first."""
        beside = dict(self.companions).get(model.suffix, ())
        return (model, *(model.with_suffix(suffix) for suffix in beside))

    def version(self) -> str:
        """Return the installed version of the framework without importing it; `absent` where there is none."""
        found = _versions(self.distributions)
        if not found and importlib.util.find_spec(self.module):  # a build under another name, such as a nightly one
            found = _versions(sorted(set(importlib.metadata.packages_distributions().get(self.module, []))))
        return ", ".join(found) or "absent"


def _versions(packages: Sequence[str]) -> list[str]:
    versions = []
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    return versions


def _built_in_facts(name: str) -> BackendFacts:
    facts: BackendFacts = importlib.import_module(f"harness.backends.{name}.facts").FACTS
    return facts


@lru_cache(maxsize=1)
def _all() -> dict[str, BackendFacts]:
    known: dict[str, BackendFacts] = {}
    for name in _BUILT_IN:
        known[name] = _built_in_facts(name)
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.name not in known:
            known[point.name] = point.load()
    return known


_added: dict[str, BackendFacts] = {}


def register(facts: BackendFacts) -> None:
    """Add a backend, or put it in the place of one of the same name."""
    _added[facts.name] = facts


def unregister(name: str) -> None:
    """Take back what ``register`` added."""
    _added.pop(name, None)


def backends() -> dict[str, BackendFacts]:
    """Return all backends by name, the built-in ones first."""
    return _all() | _added


def built_in(role: Role) -> list[str]:
    """Return the names of the backends that come with the harness and can have this role."""
    return [name for name in _BUILT_IN if role in _built_in_facts(name).roles]


def default_backend(role: Role) -> str:
    """Return the backend of a model whose configuration names none."""
    return next(name for name in _BUILT_IN if role in _built_in_facts(name).default_for)


def facts_of(name: str) -> BackendFacts:
    """Return a backend's facts. Raises ConfigError with the nearest name."""
    known = backends()
    if name in known:
        return known[name]
    close = nearest(name, known)
    near = f"; did you mean '{close[0]}'?" if close else ";"
    raise ConfigError(f"there is no backend '{name}'{near} there are {', '.join(known)}")


def recognise(path: Path) -> BackendFacts | None:
    """Return the first backend that recognises a model's file or folder; None where none does."""
    return next((facts for facts in backends().values() if facts.recognises(path)), None)


def load_target(target: str) -> Any:
    """Import and return what ``module:object`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
