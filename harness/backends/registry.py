"""The registry of backends: facts about each, without importing its framework.

Nothing here imports a framework, numpy or pydantic: the configuration and the command line ask the registry, too.

How to add a backend: make the folder ``backends/NAME`` with two files; nothing else lists the backends.

* ``facts.py`` binds ``FACTS`` to a ``BackendFacts``. It imports nothing but this module.
* ``runner.py`` has the subclass of ``harness.backends.base.Backend`` that ``FACTS.runner`` names. ``load`` imports the
  framework, and ``_infer`` runs it on the parts that ``harness.backends.batches.in_batches`` yields;
  ``harness.feeding.contract`` has the pixel table that applies mean and scale, ``harness.backends.names`` finds inputs
  and outputs by name.

A ``framework.py`` imports the framework without its banner and says what to install where it is missing. Another
distribution adds a backend by an entry point of the group ``harness.backends`` that names a ``BackendFacts``.
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

from harness.errors import ConfigError, ModelError, nearest
from harness.machine.digests import contains

Role = Literal["reference", "candidate"]
GROUP = "harness.backends"
_BUILT_IN = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/facts.py")))


@dataclass(frozen=True)
class BackendFacts:
    """Facts of a backend that are known before its framework is imported.

    ``name``: its name in ``backend:``; ``title``: name of the framework in messages; ``roles``: roles that its models
    can have; ``suffixes``: suffixes of the files that it runs; ``companions``: suffixes of the files that belong to
    such a file, by its suffix; ``module``: the module to import; ``distributions``: packages whose versions affect the
    results; ``switches``: environment variables that affect the results; ``extra``: the extra for `pip install`;
    ``markers``: files that make a folder a model, such as ``saved_model.pb``; ``precisions``: precisions that can be
    pinned; ``properties``: whether a candidate may set properties of the backend, or use the device's own hints;
    ``default_for``: roles of models whose configuration names no backend; ``signatures``: whether its models have named
    signatures, from which ``signature:`` chooses one; ``compiles``: whether compiled models are kept between runs;
    ``reads``: other backends whose models this one also runs; ``loop_words``: byte strings, by the suffix of the file,
    of which a file with loops contains one; ``target``: name of its format in ``conversion.to``, if a conversion can
    write it with the first of ``suffixes``; ``also_called``: other names that people type, for hints.

    The other fields are lazy targets, written ``module:object``:

    * ``runner``: the ``Backend`` class;
    * ``importer``: ``() -> module``, imports the framework, or raises ModelError that says what to install;
    * ``recogniser``: ``(path) -> bool``, decides by content if other backends have the same suffixes or markers; it
      gets only existing paths that match, and must not import the framework;
    * ``files``: ``(path) -> files``, the files of a model if their suffixes do not identify them, the named one first.
      It also returns missing files, and only the path of an unreadable model. It must not import the framework;
    * ``reader``: reads what a file states about its own input;
    * ``exporter``: ``(reference, folder) -> model``, returns the input of OpenVINO's converter, if that is not the
      model's own file: a path, an object in memory or an ``openvino.Model``; it may write into ``folder``, which is
      removed afterwards;
    * ``freezer``: ``(reference) -> Frozen``, returns a TensorFlow model as a graph without variables
      (``backends/tensorflow/frozen.py``), for conversion to other formats;
    * ``guard``: ``(path) -> None``, raises ModelError for a model that must not be opened; other backends that read
      its format call it before they open a file. It must not import the framework;
    * ``describer``: ``(path) -> ModelDescription``, returns inputs, outputs and the preprocessing that the file states;
    * ``may_loop``: ``(path) -> bool``, whether a model's file has loops, so that it may never end, if ``loop_words``
      cannot decide this. It must not import the framework;
    * ``aliases``: ``(path) -> {name: tensor}``, further names that a model's file gives to its inputs and outputs. It
      must not import the framework, and returns an empty mapping for an unreadable file;
    * ``devices``: ``() -> Devices``, finds the devices, if there are others than the CPU;
    * ``editor``: edits a model's graph to inject faults;
    * ``rounder``: a ``Backend`` class that runs the same files in f32 on the CPU, with weights and activations rounded
      as ``rounding`` of the specification says;
    * ``observer``: ``(backend) -> Observer``, gives access to a loaded model's operations and their outputs
      (``harness/backends/observing.py``); the caller closes it, and the backend as well.
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
    exporter: str | None = None
    freezer: str | None = None
    describer: str | None = None
    guard: str | None = None
    loop_words: tuple[tuple[str, tuple[bytes, ...]], ...] = ()
    may_loop: str | None = None
    aliases: str | None = None
    devices: str | None = None
    properties: bool = False
    importer: str | None = None
    default_for: frozenset[Role] = frozenset()
    compiles: bool = False
    markers: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    editor: str | None = None
    observer: str | None = None
    rounder: str | None = None
    also_called: tuple[str, ...] = ()
    recogniser: str | None = None
    files: str | None = None
    reads: tuple[str, ...] = ()
    target: str | None = None
    signatures: bool = False

    @property
    def runs_folders(self) -> bool:
        """Whether a model of this backend can be a folder."""
        return bool(self.folder_markers)

    @property
    def readable(self) -> tuple[BackendFacts, ...]:
        """The backend itself, then those whose models it runs directly, too."""
        known = backends()
        return (self, *(known[name] for name in self.reads if name in known))

    @property
    def folder_markers(self) -> tuple[str, ...]:
        """Files that make a folder a model that this backend runs; empty: it runs no folders."""
        return tuple(marker for facts in self.readable for marker in facts.markers)

    @property
    def forms(self) -> str:
        """A description of the model formats that this backend runs."""
        suffixes = [suffix for facts in self.readable for suffix in facts.suffixes]
        return ", ".join((*suffixes, *(f"a folder with {marker}" for marker in self.folder_markers)))

    def format_of(self, model: Path) -> BackendFacts:
        """Return the backend whose own format a model has that this one runs; itself where none is recognised."""
        return next((facts for facts in self.readable if facts.recognises(model)), self)

    def recognises(self, path: Path) -> bool:
        """Return whether the path is a model of this backend.

        That is a name with its suffix, or a folder with its marker, and the content that ``recogniser`` asks for. A
        path that does not exist is recognised by its suffix alone.
        """
        if is_folder(path):
            matches = any((path / marker).is_file() for marker in self.markers)
        else:
            matches = path.suffix in self.suffixes
        if matches and self.recogniser and (is_folder(path) or path.is_file()):
            return bool(load_target(self.recogniser)(path))
        return matches

    def files_of(self, model: Path) -> tuple[Path, ...]:
        """Return the files that a model consists of.

        Of a folder, those are all files below it, sorted by their paths; of a file, it comes first.
        """
        native = self.format_of(model)
        if native is not self:
            return native.files_of(model)
        if self.files:
            return tuple(load_target(self.files)(model))
        if is_folder(model):
            return tuple(sorted((path for path in model.rglob("*") if path.is_file()), key=Path.as_posix))
        beside = dict(self.companions).get(model.suffix, ())
        return (model, *(model.with_suffix(suffix) for suffix in beside))

    def require_harmless(self, model: Path) -> None:
        """Check a model before it is opened. Raises ModelError for one that must not be."""
        if target := self.format_of(model).guard:
            load_target(target)(model)

    def has_loops(self, model: Path) -> bool:
        """Return whether a model may have loops, so that it may never end."""
        facts = self.format_of(model)
        words = dict(facts.loop_words)
        if any(contains(path, *words[path.suffix]) for path in facts.files_of(model) if path.suffix in words):
            return True
        return bool(facts.may_loop and load_target(facts.may_loop)(model))

    def aliases_of(self, model: Path) -> dict[str, str]:
        """Return the further names that a model's file gives to its inputs and outputs, with their tensors' names."""
        target = self.format_of(model).aliases
        return dict(load_target(target)(model)) if target else {}

    @property
    def is_installed(self) -> bool:
        """Whether the framework is there, without importing it."""
        try:
            return importlib.util.find_spec(self.module) is not None
        except ValueError:  # in `sys.modules` as None, which keeps it from being imported
            return False

    def describe(self, model: Path) -> Any:
        """Return the ``ModelDescription`` of a model that this backend runs, checked to be harmless first.

        Raises ModelError if it cannot be read, or its backend describes no models.
        """
        native = self.format_of(model)
        if native.describer is None:
            raise ModelError(
                f"{model}: the backend {native.name} cannot describe models; write the entry of this model by hand"
            )
        self.require_harmless(model)
        return load_target(native.describer)(model)

    def version(self) -> str:
        """Return the installed version of the framework without importing it; `absent` where there is none."""
        found = _versions(self.distributions)
        if not found and self.is_installed:  # a build under another name, such as a nightly one
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
    """Add a backend; it replaces one of the same name."""
    _added[facts.name] = facts


def unregister(name: str) -> None:
    """Undo ``register``."""
    _added.pop(name, None)


def added_backends() -> tuple[BackendFacts, ...]:
    """Return the backends that ``register`` added in this process."""
    return tuple(_added.values())


def backends() -> dict[str, BackendFacts]:
    """Return all backends by name, the built-in ones first."""
    return _all() | _added


def built_in(role: Role) -> list[str]:
    """Return the names of the backends that come with the harness and can have this role."""
    return [name for name in _BUILT_IN if role in _built_in_facts(name).roles]


def default_backend(role: Role) -> str:
    """Return the backend of a model whose configuration names none."""
    return next(name for name in _BUILT_IN if role in _built_in_facts(name).default_for)


def targets() -> dict[str, str]:
    """Return what a conversion can write: name of the format -> suffix of its files."""
    facts = (_built_in_facts(name) for name in _BUILT_IN)
    return {item.target: item.suffixes[0] for item in facts if item.target}


def loop_words() -> dict[str, tuple[bytes, ...]]:
    """Return what tells of loops in the files of all backends, by the suffix of the file."""
    return {suffix: words for facts in backends().values() for suffix, words in facts.loop_words}


def facts_of(name: str) -> BackendFacts:
    """Return a backend's facts. Raises ConfigError with the nearest name."""
    known = backends()
    if name in known:
        return known[name]
    called = [facts.name for facts in known.values() if name.casefold() in facts.also_called]
    close = called or nearest(name, known)
    near = f"; did you mean '{close[0]}'? Available" if close else "; available"
    raise ConfigError(f"there is no backend '{name}'{near}: {', '.join(known)}")


def recognise(path: Path) -> BackendFacts | None:
    """Return the first backend that recognises a model's file or folder; None if none does.

    Backends with a ``recogniser`` are asked first, because they look at the content.
    """
    by_content_first = sorted(backends().values(), key=lambda facts: facts.recogniser is None)
    return next((facts for facts in by_content_first if facts.recognises(path)), None)


def is_folder(path: Path) -> bool:
    """Return whether the path is a folder; False if it is not accessible, where `Path.is_dir` raises."""
    try:
        return path.is_dir()
    except OSError:
        return False


def load_target(target: str) -> Any:
    """Import and return what ``module:object`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
