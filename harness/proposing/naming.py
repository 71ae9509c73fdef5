"""The names of a data set's own classes: those that the user gives, or a list found next to the images or the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.backends.description import Stated
from harness.dataset.imagenet import CLASSES
from harness.dataset.sources.opening import read_class_names
from harness.errors import ConfigError, HarnessError
from harness.proposing.models import FoundModel

_USUAL_FILES = ("classes.txt", "class_names.txt", "names.txt", "labels.txt")


@dataclass(frozen=True)
class ClassNames:
    """A file with one class name per line, in the network's order, and why it was chosen."""

    file: Stated[Path]
    names: tuple[str, ...]

    def leaves_background(self, width: int) -> bool:
        """Whether a network with ``width`` values has a background class in addition to the named ones.

        Raises ConfigError if the numbers do not match.
        """
        if width - len(self.names) not in (0, 1):
            raise ConfigError(
                f"{self.file.value}: lists {len(self.names)} classes, but the model gives {width} values per image; "
                "list one name for each of its classes"
            )
        return width == len(self.names) + 1


def find_class_names(images: Path, models: Sequence[FoundModel], given: Path | None) -> ClassNames | None:
    """Return ``given``, or the list found next to images or model; None if ImageNet's names hold or none is found.

    A file is taken without being named only where it has a line for each class, and one for each folder of a set of
    class folders. Raises DatasetError if ``given`` cannot be read, ConfigError if its length does not fit.
    """
    width = models[0].width
    if given is not None:
        found = ClassNames(Stated(given, "--class-names"), read_class_names(given))
        found.leaves_background(width)
        return found
    if width in (CLASSES, CLASSES + 1):
        return None
    folders = {path.name for path in images.iterdir() if path.is_dir()} if images.is_dir() else set()
    for file in _candidates(images, models[0].path):
        try:
            names = read_class_names(file)
        except HarnessError:
            continue
        if width - len(names) in (0, 1) and len(set(names)) == len(names) and folders <= set(names):
            return ClassNames(Stated(file, "found: one name for each class"), names)
    return None


def _candidates(images: Path, model: Path) -> Iterator[Path]:
    for folder in dict.fromkeys((images, images.parent, model.parent)):
        for name in _USUAL_FILES:
            if (folder / name).is_file():
                yield folder / name
