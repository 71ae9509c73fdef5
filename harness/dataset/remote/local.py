"""An image set or a model at a URL, as paths on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.config import Dataset
from harness.config.dataset import Labels
from harness.config.urls import url_of
from harness.dataset.labels.find import read_labels
from harness.dataset.remote.mirror import RemoteCache, fetch_beside, kept, mirrored, present
from harness.errors import DatasetError, ModelError

_DEEPEST = 8  # files that name files that name files


def local_dataset(dataset: Dataset, cache: RemoteCache) -> Dataset:
    """Return an image set with every URL in it as a path of its mirror. Raises ConfigError or DatasetError."""
    changes: dict[str, object] = {}
    if url := url_of(dataset.label_source):
        source = str(mirrored(url, cache))
        present(source)
        labels = dataset.labels
        changes["labels"] = labels.model_copy(update={"source": source}) if isinstance(labels, Labels) else source
    if dataset.class_names is not None and (url := url_of(dataset.class_names)):
        changes["class_names"] = mirrored(url, cache)
    dataset = dataset.model_copy(update=changes)
    if url := url_of(dataset.path):
        path = mirrored(url, cache, lambda: _listed(dataset))
        return dataset.model_copy(update={"path": path})
    return dataset


def kept_dataset(dataset: Dataset, cache: RemoteCache) -> Dataset:
    """Return an image set with every URL in it as a path of the mirror that an earlier run left; nothing is fetched.

    Raises DatasetError if there is none.
    """
    changes: dict[str, object] = {}
    if url := url_of(dataset.label_source):
        source, labels = str(kept(url, cache)), dataset.labels
        changes["labels"] = labels.model_copy(update={"source": source}) if isinstance(labels, Labels) else source
    if dataset.class_names is not None and (url := url_of(dataset.class_names)):
        changes["class_names"] = kept(url, cache)
    if url := url_of(dataset.path):
        changes["path"] = kept(url, cache)
    return dataset.model_copy(update=changes)


def _listed(dataset: Dataset) -> Sequence[str]:
    """Return the names in the labels of an image set, for a server that lists no folders."""
    if dataset.label_source == "auto":
        return ()
    return read_labels(Path(dataset.label_source), None)[1].names


def local_model(path: Path, cache: RemoteCache, files_of: Callable[[Path], Sequence[Path]]) -> Path:
    """Return a model's file or folder on disk, with every file that belongs to it, where its path is a URL.

    ``files_of``: tells the files of a model, also those that are not there. Raises ConfigError, ModelError.
    """
    url = url_of(path)
    if url is None:
        return path
    try:
        local = mirrored(url, cache, whole=True)
        for _ in range(_DEEPEST):  # files may name files
            missing = [file for file in files_of(local) if not file.exists()]
            if local.is_dir() or not missing or not fetch_beside(local, missing):
                break
    except DatasetError as error:
        raise ModelError(str(error)) from None
    return local
