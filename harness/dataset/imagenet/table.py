"""The built-in tables of ILSVRC2012, read from package data whose checksums stand here (provenance: PROVENANCE.md).

Classes are 0..999: the WordNet ids in sorted order, as every published network but the challenge's own kit counts them.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from harness.errors import DatasetError

CLASSES = 1000
IMAGES = 50_000
_BITS = 10  # of a label; 0..999
_SHA256 = {
    "validation_labels.bin": "dc4c232d0ee1f8c640c2400014b392fa27f0410ab5720fd420d323a9dd422fa4",
    "classes.txt": "39f47730ce0fe6db6a6bcb21a4bc3f8e5cdd189dfcd6fea5710d348959bbc96b",
}
_NUMBER = re.compile(r"ILSVRC2012_val_([0-9]{8})(?![0-9])")


def _package_data(name: str) -> bytes:
    data = resources.files(__package__).joinpath(name).read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256[name]:
        raise DatasetError(f"{name}: the built-in table is damaged; install the harness again")
    return data


@cache
def validation_labels() -> NDArray[np.int32]:
    """Return int32 (50000,): the class 0..999 of ILSVRC2012_val_00000001 and those that follow, without background.

    Raises DatasetError if the installation is damaged.
    """
    bits = np.unpackbits(np.frombuffer(_package_data("validation_labels.bin"), np.uint8)).reshape(IMAGES, _BITS)
    labels = np.asarray(bits.astype(np.int32) @ (1 << np.arange(_BITS - 1, -1, -1, dtype=np.int32)), np.int32)
    labels.flags.writeable = False
    return labels


@cache
def _classes() -> tuple[tuple[str, int, str], ...]:
    """Return (WordNet id, devkit id, names) of every class."""
    rows = []
    for line in _package_data("classes.txt").decode("utf-8").splitlines():
        wnid, devkit, names = line.split(" ", 2)
        rows.append((wnid, int(devkit), names))
    return tuple(rows)


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the classes 0..999, synonyms separated by commas."""
    return tuple(names for _, _, names in _classes())


@cache
def class_of_wnid() -> dict[str, int]:
    """Return the class 0..999 of each WordNet id."""
    return {wnid: index for index, (wnid, _, _) in enumerate(_classes())}


@cache
def classes_in_devkit_order() -> NDArray[np.int32]:
    """Return int32 (1000,): the class 0..999 of the devkit's ids 1..1000; element 0 belongs to id 1."""
    order = np.empty(CLASSES, np.int32)
    for index, (_, devkit, _) in enumerate(_classes()):
        order[devkit - 1] = index
    order.flags.writeable = False
    return order


def number_of(name: str) -> int | None:
    """Return the number 1..50000 of a validation image, from `ILSVRC2012_val_` anywhere in its name; or None."""
    found = _NUMBER.search(name)
    number = int(found[1]) if found else 0
    return number if 1 <= number <= IMAGES else None


def label_of(name: str) -> int | None:
    """Return the class 0..999 of a validation image by its name, or None if the name is not of that set."""
    number = number_of(name)
    return None if number is None else int(validation_labels()[number - 1])
