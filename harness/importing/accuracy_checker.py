"""An ``accuracy-check.yml`` of Accuracy Checker, with the ``model.yml`` next to it, as a configuration of the harness.

The reader follows Accuracy Checker's grammar: its keys, aliases and defaults. A key that changes what is fed, computed
or counted, and that has no counterpart here, is an error with file, line and consequence; what no prediction depends on
(a metric that is not an accuracy) is a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError, nearest
from harness.importing.datasets import ImageSet, defined, find_definitions, read_image_set
from harness.importing.documents import Document, Faults, Note, Part, shown
from harness.importing.launchers import Runner, read_runner
from harness.importing.metrics import Published, read_metrics
from harness.importing.model_yml import ModelYml, read_model_yml
from harness.importing.preprocessing import Pixels, read_pixels

READS = "an accuracy-check.yml of Accuracy Checker (Open Model Zoo), with the model.yml next to it"
_MOST_ENTRIES = 32


@dataclass
class Entry:
    """One launcher on one data set: a model of the configuration."""

    id: str
    id_place: str
    name: str
    name_place: str
    runner: Runner
    image_set: ImageSet
    pixels: Pixels
    published: Published


@dataclass
class Check:
    """All that was read: entries in the file's order, the facts of `model.yml`, notes for the reader."""

    file: Path
    entries: list[Entry]
    model: ModelYml | None
    notes: list[Note]

    @property
    def reference(self) -> Entry | None:
        """The first entry whose model is not the converted one; None if it would be the only model."""
        others = [entry for entry in self.entries if not entry.runner.is_converted]
        return others[0] if others and len(self.entries) > 1 else None

    @property
    def candidates(self) -> list[Entry]:
        """All other entries."""
        reference = self.reference
        return [entry for entry in self.entries if entry is not reference]

    @property
    def leading(self) -> Entry:
        """The entry whose preprocessing is the data set's: the reference, or the first candidate."""
        return self.reference or self.entries[0]


def read_accuracy_check(
    file: Path, definitions: Path | None = None, only: Sequence[str] = (), dataset: str | None = None
) -> Check:
    """Read a configuration of Accuracy Checker.

    ``definitions``: the file of data set definitions; without it `global_definitions`, or a `dataset_definitions.yml`
    in the folder or above. ``only``: frameworks of the entries to import, none: all. ``dataset``: the data set to
    import, where entries name several. Raises ConfigError with every fault.
    """
    faults = Faults()
    document = Document(file, faults)
    top = document.top
    _require_models(document)
    beside = file.absolute().parent / "model.yml"
    model = None
    if beside.is_file():
        model = read_model_yml(Document(file.parent / "model.yml", faults))
    found = find_definitions(document, definitions)
    pairs = _pairs(top, found, only, dataset)
    entries = _entries(pairs, found, model)
    top.raw("global_definitions")
    top.finish()
    _require_one_image_set(top, entries)
    faults.raise_if_any(file)
    if not entries:
        raise ConfigError(f"{file}: contains no entry to import")
    return Check(file, entries, model, list(dict.fromkeys(faults.notes)))


def _require_models(document: Document) -> None:
    top = document.top
    if "models" in top:
        return
    if "evaluations" in top:
        at = top.at("evaluations")
        raise ConfigError(f"{at}: evaluations by a Python module cannot be imported, only `models:`")
    kinds = {
        ("model_optimizer_args", "files", "task_type"): "a model.yml; name the accuracy-check.yml next to it",
        ("candidates", "reference"): "a configuration of the harness already",
        ("datasets",): "definitions of data sets; name the accuracy-check.yml, and these with --definitions",
    }
    for keys, what in kinds.items():
        if any(key in top for key in keys):
            raise ConfigError(f"{document.file}: this is {what}; `harness import` reads {READS}")
    close = nearest("models", [str(name) for name in top.names()])
    near = f"; did you mean `models` where `{close[0]}` is written?" if close else ""
    raise ConfigError(f"{document.file}: contains no `models:`; `harness import` reads {READS}{near}")


def _pairs(
    top: Part, definitions: Part | None, only: Sequence[str], dataset: str | None
) -> list[tuple[Part, Part, Part]]:
    """Return model, launcher and data set of each entry that is to be imported."""
    pairs: list[tuple[Part, Part, Part]] = []
    frameworks, names = [], []
    for model in top.parts("models"):
        model.text("name")
        launchers, datasets = model.parts("launchers"), model.parts("datasets")
        for key, found in (("launchers", launchers), ("datasets", datasets)):
            if not found and key not in model:
                model.refuse(None, f"has no `{key}`, so there is nothing to import")
        model.finish()
        for launcher in launchers:
            launcher = defined(launcher, "launchers", "framework", definitions)
            frameworks.append(str(launcher.values.get("framework")))
            for item in datasets:
                names.append(str(item.values.get("name")))
                if (only and frameworks[-1] not in only) or (dataset is not None and names[-1] != dataset):
                    continue
                pairs.append((model, launcher, item))
    for option, asked, there in (("--only", list(only), frameworks), ("--dataset", [dataset or ""], names)):
        missing = [name for name in asked if name and name not in there]
        if missing:
            have = ", ".join(dict.fromkeys(there))
            raise ConfigError(f"{option} {missing[0]}: {top.document.file} has no such entry, only {have or 'none'}")
    if len(pairs) > _MOST_ENTRIES:
        raise ConfigError(
            f"{top.document.file}: {len(pairs)} entries are too many for one configuration; choose "
            "some with --only or --dataset"
        )
    return pairs


def _entries(pairs: list[tuple[Part, Part, Part]], definitions: Part | None, model: ModelYml | None) -> list[Entry]:
    entries: list[Entry] = []
    ids: list[str] = []
    for part, launcher, item in pairs:
        runner = read_runner(launcher, several=len(pairs) > 1)
        image_set, dataset = read_image_set(item, definitions)
        stated = runner.input_size if runner is not None else None
        pixels = read_pixels(dataset, stated or (model.input_size if model is not None else None))
        published = read_metrics(dataset)
        dataset.finish()
        if runner is None:
            continue
        _check_size(item, pixels, stated, "the launcher's `inputs`")
        if runner.is_converted and model is not None:
            _check_size(item, pixels, model.input_size, "model.yml")
        same = ids.count(runner.framework)
        ids.append(runner.framework)
        own = runner.framework if not same else f"{runner.framework}-{same + 1}"
        name = part.text("name")
        if name is None:
            part.refuse(None, "has no `name`")
        entries.append(
            Entry(own, runner.framework_place, name or "", part.place("name"), runner, image_set, pixels, published)
        )
    return entries


def _check_size(part: Part, pixels: Pixels, size: tuple[int, int] | None, where: str) -> None:
    """Note where the steps end at another size than the network is said to take."""
    if size is None or not pixels.exact or (pixels.height, pixels.width) == size:
        return
    part.note(
        None,
        f"the preprocessing ends at {pixels.height}x{pixels.width}, but {where} says {size[0]}x{size[1]}; the "
        "preprocessing is used",
    )


def _require_one_image_set(top: Part, entries: list[Entry]) -> None:
    first = entries[0].image_set if entries else None
    for entry in entries[1:]:
        if first is None or entry.image_set.same_as(first):
            continue
        faults = top.faults.found
        what = (
            f"{entry.id} and {entries[0].id} differ in whether class 0 is background"
            if entry.image_set.is_imagenet and first.is_imagenet and entry.image_set.labels == first.labels
            else f"{entry.id} is evaluated on {shown(entry.image_set.name)}, {entries[0].id} on {shown(first.name)}"
        )
        faults.append(
            f"{top.document.file}: models: {what}; one run has one set of labels: import them one by one with --only "
            "or --dataset"
        )
        return
