"""Accuracy Checker's data sets: which images, which labels, whether class 0 is background.

An entry of the configuration overrides the one of the same name in ``dataset_definitions.yml`` key by key, as
``config/config_reader.py`` does. Sources of the keys: ``dataset.py`` and ``annotation_converters/imagenet.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.errors import nearest
from harness.importing.documents import Document, Faults, Part, shown

_DEFINITIONS = "dataset_definitions.yml"
_IMAGENET_IMAGES: Final = 50_000
# The definitions that the public zoo ships, for a configuration that lies somewhere without them.
_KNOWN: Final[dict[str, dict[str, Any]]] = {
    "imagenet_1000_classes": {"converter": "imagenet", "annotation_file": "val.txt"},
    "imagenet_1000_classes_2015": {"converter": "imagenet", "annotation_file": "val15.txt"},
    "imagenet_1001_classes": {"converter": "imagenet", "annotation_file": "val.txt", "has_background": True},
}
_CLASSES: Final = {"antispoofing": 2, "mrlEyes_2018_01": 2, "mnist": 10, "fashion_mnist": 10}  # by converter
_LOST: Final[dict[str, str]] = {
    "postprocessing": "the harness counts predictions as they are",
    "subsample_size": "different images would be evaluated; use `dataset.subset` or `--limit` instead",
    "subsample_seed": "different images would be evaluated; use `dataset.subset` instead",
    "subset_file": "the choice of images would be lost; write a list of them and set `dataset.labels` to it",
    "segmentation_masks_source": "the harness does not read masks",
    "additional_data_source": "the harness does not read a second source of images",
}


@dataclass
class ImageSet:
    """A labelled image set, as a configuration of the harness names it."""

    name: str
    place: str
    converter: str | None
    is_imagenet: bool
    background: bool
    background_place: str
    classes: int | None
    images: int | None
    labels: str  # `auto`, or a file relative to the annotations
    labels_place: str

    def same_as(self, other: ImageSet) -> bool:
        """Return whether both are the same images with the same labels."""
        mine = (self.converter, self.background, self.labels, self.is_imagenet or self.name)
        return mine == (other.converter, other.background, other.labels, other.is_imagenet or other.name)


def find_definitions(document: Document, named: Path | None) -> Part | None:
    """Return the definitions: the named ones, those of `global_definitions`, or those of the folder or above it."""
    inside = document.top.text("global_definitions")
    if named is not None:
        return Document(named, document.faults).top
    folder = document.file.absolute().parent
    if inside is not None:
        return Document(folder / inside, document.faults).top
    for above in (folder, *list(folder.parents)[:3]):
        for file in (above / _DEFINITIONS, above / "data" / _DEFINITIONS):
            if file.is_file():
                return Document(file, document.faults).top
    return None


def defined(part: Part, name: str, identifier: str, definitions: Part | None) -> Part:
    """Return the part merged over the definition of the same identifier, if there is one."""
    wanted = part.values.get(identifier)
    for other in definitions.parts(name) if definitions is not None else []:
        if wanted is not None and other.values.get(identifier) == wanted:
            return Part(part.document, part.key, part.values, other)
    return part


def read_image_set(part: Part, definitions: Part | None) -> tuple[ImageSet, Part]:
    """Read a data set's entry; return it, and its part merged over its definition. Faults are collected."""
    dataset = defined(part, "datasets", "name", definitions)
    name = dataset.text("name") or ""
    if dataset.base is None and name in _KNOWN and "annotation_conversion" not in dataset:
        dataset = Part(part.document, part.key, part.values, _known(name, part.faults))
        dataset.text("name")
    for key in ("annotation", "dataset_meta", "data_source", "batch", "store_subset"):
        dataset.raw(key)  # caches of the conversion, Accuracy Checker's folders, and the speed of reading
    if dataset.truth("analyze_dataset"):
        dataset.refuse("analyze_dataset", "the harness does not analyse data sets")
    dataset.truth("shuffle")  # of a subset only
    for key, what in _LOST.items():
        if key in dataset:
            dataset.refuse(key, what)
    if not name:
        part.refuse_missing("name", "it is unknown which images are meant")
    conversion = dataset.part("annotation_conversion")
    if conversion is None:
        _refuse_undefined(part, name, definitions)
    return _image_set(dataset, name, conversion), dataset


def _known(name: str, faults: Faults) -> Part:
    document = Document.__new__(Document)  # of values rather than of a file
    document.file, document.faults, document.lines = Path(_DEFINITIONS), faults, {}
    values = {"name": name, "annotation_conversion": dict(_KNOWN[name]), "data_source": "ILSVRC2012_img_val"}
    return Part(document, (), values)


def _refuse_undefined(part: Part, name: str, definitions: Part | None) -> None:
    names = [str(other.values.get("name")) for other in definitions.parts("datasets")] if definitions else list(_KNOWN)
    near = nearest(name, names)
    hint = f"; did you mean {near[0]}?" if near else ""
    where = "its file" if definitions is None else definitions.document.file
    part.refuse(
        "name",
        f"{shown(name)} is defined neither here (`annotation_conversion`) nor in {_DEFINITIONS} ({where}), so "
        f"its labels are unknown; name the definitions with --definitions FILE{hint}",
    )


def _image_set(dataset: Part, name: str, conversion: Part | None) -> ImageSet:
    converter = conversion.text("converter") if conversion is not None else None
    found = ImageSet(name, dataset.place("name"), converter, converter == "imagenet", False, "", None, None, "auto", "")
    if conversion is None:
        return found
    found.background = conversion.truth("has_background")
    found.background_place = conversion.place("has_background" if "has_background" in conversion else "converter")
    if converter != "imagenet":
        found.classes = _CLASSES.get(converter or "")
        found.labels_place = conversion.place("converter")
        conversion.note(
            "converter",
            f"the harness does not read labels of the converter {converter}; write a list with one `file class` "
            "per line and set `dataset.labels` to it",
        )
        return found
    found.classes, found.images = 1000, _IMAGENET_IMAGES
    file = conversion.text("annotation_file")
    found.labels_place = conversion.place("annotation_file")
    if file is None:
        conversion.refuse(None, "has no `annotation_file`, so the labels are unknown")
    elif Path(file).name != "val.txt":  # the usual list is what `auto` finds; another one has other labels
        found.labels = file
    for key in ("labels_file", "images_dir", "dataset_meta_file"):
        conversion.raw(key)  # names of classes for reports, and a check that the images are there
    conversion.finish()
    return found
