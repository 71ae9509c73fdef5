"""From a path to labelled images: recognise the form, open it, find its labels, join them by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.dataset.imagenet import CLASSES, class_names
from harness.dataset.labels.builtin_check import check_against_builtin, check_against_wnids
from harness.dataset.labels.find import builtin_labels, find_labels, read_labels
from harness.dataset.labels.listing import read_text
from harness.dataset.labels.table import LabelTable, join, listed
from harness.dataset.sources.arrow import open_arrow
from harness.dataset.sources.capsule import open_capsule_images
from harness.dataset.sources.carried import Carried
from harness.dataset.sources.class_folders import open_class_folders
from harness.dataset.sources.flat import open_flat
from harness.dataset.sources.listed import find_list, find_list_beside, list_places, open_listed
from harness.dataset.sources.manifest_file import open_manifest
from harness.dataset.sources.parquet import open_parquet
from harness.dataset.sources.pictures import Pictures, without_clutter
from harness.dataset.sources.recognise import recognise
from harness.dataset.sources.shard_files import shard_files
from harness.dataset.sources.tar import open_tar
from harness.dataset.sources.tfrecord import is_tfrecord_name, open_tfrecord
from harness.dataset.sources.webdataset import open_webdataset
from harness.errors import DatasetError
from harness.text import is_storable

_FOLDERS = ("flat", "list", "devkit", "kaggle")


@dataclass(frozen=True)
class ImageSetRequest:
    """What the configuration says of an image set.

    ``labels``: `auto`, or a file or folder; ``trust``: they are not compared with the built-in ones; ``may_miss``:
    missing listed images are bad images, and no reason to stop.
    """

    path: Path
    form: str = "auto"
    labels: str = "auto"
    trust: bool = False
    classes: int = CLASSES
    class_names: tuple[str, ...] | None = None
    may_miss: bool = False


@dataclass(frozen=True)
class Labelled:
    """Images with their 0-based classes, row by row, and where both were found."""

    form: str
    pairs: list[tuple[str, int]]
    read: Callable[[int], bytes]
    signature: Callable[[int], str]
    label_source: str
    class_names: tuple[str, ...] | None
    notes: tuple[str, ...]
    carried: Carried | None = None


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read a file with one class name per line, in the network's order. Raises DatasetError if it has none.

    Names may repeat, as `crane` and `maillot` do in ImageNet's own list; labels then have to be numbers for them.
    """
    names = tuple(line.strip() for line in read_text(path).split("\n") if line.strip())
    if not names:
        raise DatasetError(f"{path}: contains no name; write one class name per line")
    return names


def open_labelled(wanted: ImageSetRequest) -> Labelled:
    """Open an image set of any form.

    Raises DatasetError if it cannot be read, or images and labels do not belong together.
    """
    if not wanted.path.exists():
        raise DatasetError(f"{wanted.path}: no such file or folder; set dataset.path to the image set")
    found = recognise(wanted.path, wanted.class_names or ()) if wanted.form == "auto" else None
    form, path = (found.form, found.path) if found else (wanted.form, wanted.path)
    list_file = (
        find_list(path) if form == "class_folders" and wanted.form == "auto" and wanted.labels == "auto" else None
    )
    if list_file:
        form, pictures, table = _folders_with_list(path, list_file, wanted)
    elif form in _FOLDERS or (form == "class_folders" and wanted.form == "auto" and wanted.labels != "auto"):
        form, pictures, table = _folder(path, form, wanted)
    else:
        pictures, table = _open(form, path, wanted), None
        form = pictures.form
        list_file = find_list_beside(path) if form == "tar" and wanted.labels == "auto" else None
        if wanted.labels != "auto" or list_file:
            _, table = read_labels(list_file or Path(wanted.labels), wanted.class_names)
        elif pictures.classes is None:
            beside = find_labels(path.parent)
            table = beside[1] if beside else builtin_labels(pictures.names, classes=wanted.classes, place=str(path))
    own = wanted.classes == CLASSES and not wanted.class_names and not wanted.trust
    if own and table is not None and table.wnids:
        check_against_wnids(table.names, table.classes, table.wnids, source=table.source)
    elif own and table is None and pictures.classes is not None and pictures.wnids:
        check_against_wnids(pictures.names, pictures.classes, pictures.wnids, source=f"{path}: {pictures.label_source}")
    if found and found.left_out:
        note = f"{wanted.path}: only {path.relative_to(wanted.path)} is read, not {listed(found.left_out, 'folder')}"
        pictures = _with_notes(pictures, [note])
    labelled = _joined(form, pictures, table, wanted, str(path))
    strange = [name for name, _ in labelled.pairs if not is_storable(name)]
    if strange:
        raise DatasetError(
            f"{path}: {listed(strange, 'name')} not UTF-8; rename the files".encode(errors="backslashreplace").decode()
        )
    if own:
        names, classes = [name for name, _ in labelled.pairs], [label for _, label in labelled.pairs]
        check_against_builtin(names, classes, source=labelled.label_source)
    return labelled


def open_unlabelled(wanted: ImageSetRequest) -> Pictures:
    """Open the images of a set of any form whose labels do not matter; a folder of images needs none.

    Raises DatasetError if it cannot be read.
    """
    if not wanted.path.exists():
        raise DatasetError(f"{wanted.path}: no such file or folder")
    found = recognise(wanted.path, wanted.class_names or ()) if wanted.form == "auto" else None
    form, path = (found.form, found.path) if found else (wanted.form, wanted.path)
    if form not in (*_FOLDERS, "class_folders"):
        return _open(form, path, wanted)
    if not path.is_dir():
        raise DatasetError(f"{path}: not a folder of images")
    return open_flat(path, deep=True)


def _folders_with_list(path: Path, list_file: Path, wanted: ImageSetRequest) -> tuple[str, Pictures, LabelTable | None]:
    """Open class folders next to which a list lies: by the list if it fits them, else by the folders, which is noted.

    Raises DatasetError if neither can be used, or both give an image another class.
    """
    try:
        folders = open_class_folders(path, wanted.class_names)
    except DatasetError:
        return _folder(path, "class_folders", wanted)  # names of folders that are not classes
    assert folders.classes is not None
    try:
        _, table = read_labels(list_file, wanted.class_names)
        if not table.classes:
            raise DatasetError("it lists no image")
        pictures, table = open_listed(path, table, may_miss=wanted.may_miss)
    except DatasetError as error:
        note = f"{list_file} is not used, because the folders give the classes: {error}"
        return "class_folders", replace(folders, notes=(*folders.notes, note)), None
    by_folder = dict(zip(folders.names, folders.classes, strict=True))
    for name, label in zip(table.names, table.classes, strict=True):
        if by_folder.get(name, label) != label:
            raise DatasetError(
                f"{list_file}: {name} is class {label} in the list and class {by_folder[name]} by its folder; set "
                "dataset.labels to the list, or dataset.form: class_folders"
            )
    return "list", pictures, table


def _folder(path: Path, form: str, wanted: ImageSetRequest) -> tuple[str, Pictures, LabelTable]:
    """Open a folder of image files and find its labels: named ones, a list next to it, devkit, Kaggle, built-in."""
    if not path.is_dir():
        raise DatasetError(f"{path}: not a folder of images; set dataset.path to one")
    list_file = find_list(path) if wanted.labels == "auto" and wanted.form in ("auto", "list") else None
    if wanted.labels != "auto" or list_file:
        kind, table = read_labels(list_file or Path(wanted.labels), wanted.class_names)
        if kind != "list":
            return kind, open_flat(path, deep=True), table
        return kind, *open_listed(path, table, may_miss=wanted.may_miss)
    if form == "list":
        places = ", ".join(str(place) for place in list_places(path))
        raise DatasetError(
            f"{path}: no label list found (looked for {places}); set dataset.labels to a `name class` file"
        )
    pictures = open_flat(path)
    if wanted.form != "flat":
        beside = find_labels(path, form=None if form == "flat" else form)
        if beside:
            return beside[0], pictures, beside[1]
        if form != "flat":
            raise DatasetError(f"{path}: no labels of the form `{form}` found near it; set dataset.labels to them")
    return "flat", pictures, builtin_labels(pictures.names, classes=wanted.classes, place=str(path))


def _open(form: str, path: Path, wanted: ImageSetRequest) -> Pictures:
    names = wanted.class_names
    if form == "class_folders":
        return open_class_folders(path, names)
    if form == "tar":
        return open_tar(path, names)
    if form == "capsule":
        return open_capsule_images(path)
    if form == "manifest":
        return open_manifest(path, names, may_miss=wanted.may_miss)
    if form in ("tfrecord", "tfds"):
        files, notes = shard_files(path, is_tfrecord_name)
        return without_clutter(open_tfrecord(files, classes=wanted.classes, class_names=names, notes=notes), path)
    if form == "webdataset":
        files, notes = shard_files(path, lambda name: name.endswith(".tar"))
        return _with_notes(open_webdataset(files, names), notes)
    if form == "parquet":
        if path.suffix == ".arrow" or (path.is_dir() and any(path.glob("*.arrow"))):
            files, notes = _without_results(*shard_files(path, lambda name: name.endswith(".arrow")))
            return without_clutter(open_arrow(files, notes, names), path)
        files, notes = shard_files(path, lambda name: name.endswith(".parquet"))
        return without_clutter(open_parquet(files, notes, names), path)
    raise DatasetError(f"dataset.form: {form!r} is not a form; docs/datasets.md lists them")


def _without_results(files: list[Path], notes: tuple[str, ...]) -> tuple[list[Path], tuple[str, ...]]:
    """Leave out `cache-*.arrow`, what Hugging Face's `map` and `filter` made of the data set in the same folder."""
    kept = [path for path in files if not path.name.startswith("cache-")]
    if not kept or len(kept) == len(files):
        return files, notes
    results = f"{len(files) - len(kept)} files cache-*.arrow are results computed from the data set, not evaluated"
    return kept, (*notes, f"{kept[0].parent}: {results}")


def _with_notes(pictures: Pictures, notes: Sequence[str]) -> Pictures:
    return replace(pictures, notes=(*pictures.notes, *notes))


def _joined(form: str, pictures: Pictures, table: LabelTable | None, wanted: ImageSetRequest, place: str) -> Labelled:
    named = wanted.class_names or (class_names() if wanted.classes == CLASSES else None)
    if table is None:
        assert pictures.classes is not None
        pairs = list(zip(pictures.names, map(int, pictures.classes), strict=True))
        return _labelled(form, pairs, pictures, pictures.label_source, named, pictures.notes)
    joined = join(pictures.names, table, place=place)
    rows = joined.rows
    pairs = [(pictures.names[row], label) for row, label in zip(rows, joined.classes, strict=True)]
    notes = (*pictures.notes, *joined.notes)
    if rows != list(range(len(pictures.names))):
        pictures = _with_rows(pictures, rows)
    return _labelled(form, pairs, pictures, table.source, named, notes)


def _labelled(
    form: str,
    pairs: list[tuple[str, int]],
    pictures: Pictures,
    label_source: str,
    class_names: tuple[str, ...] | None,
    notes: tuple[str, ...],
) -> Labelled:
    return Labelled(form, pairs, pictures.read, pictures.signature, label_source, class_names, notes, pictures.carried)


def _with_rows(pictures: Pictures, rows: list[int]) -> Pictures:
    """Return how the given rows are read, in that order."""
    return replace(
        pictures,
        read=lambda row: pictures.read(rows[row]),
        signature=lambda row: pictures.signature(rows[row]),
        carried=pictures.carried and pictures.carried.rows(rows),
    )
