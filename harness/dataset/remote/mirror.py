"""A mirror: the files at a URL as a tree on disk, which are empty until they are read.

So every form of image set is recognised, indexed and read as if it were on disk. Small files that are not images
(lists, labels) are fetched when the mirror is opened; images and shards when they are first read. Beyond a limit, the
least recently used files are emptied again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from harness.config.secrets import redact
from harness.dataset.remote.store import Entry, Store
from harness.dataset.remote.unmarked_files import UNLISTED, images_of, is_image_on_disk
from harness.dataset.sources.suffixes import has_no_suffix, is_image_name
from harness.disk.atomic import replacing, write_atomically
from harness.disk.kept_folders import hold, kept_folder
from harness.disk.own_json import read_own_json
from harness.disk.private import exposed, foreign, make_private
from harness.errors import DatasetError, RecordError

_LISTS = (".txt", ".csv", ".tsv", ".lst")  # of a list that is called as the images' folder
_BESIDE = (  # what is looked for next to the images, as it would be on disk
    "val.txt",
    "val_annotations.txt",
    "label.labels.txt",
    "LOC_val_solution.csv",
    "ILSVRC2012_devkit_t12.tar.gz",
    "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
    "ILSVRC2012_devkit_t12/data/meta.mat",
)
_SHARD = re.compile(r"\.(tar|parquet|arrow)$|(^|[.-])tfrecords?($|[.-])|-[0-9]{5}-of-[0-9]{5}", re.IGNORECASE)
_LARGEST_OTHER = 1 << 28  # bytes of a file that is neither image nor shard
_MANY = 4096  # files other than images and shards: a folder of labels, and no data set with one file per row
_LEFT = 0.9  # of the limit, after files were emptied
_LOOK = 0.05  # of the limit, that may be added before the files are counted again
_LOCKS = 64
_OF_URLS = "/:%@;=+,!$&()*~"  # letters that mean something in a URL, and stay
_SHOWN = "url"  # a file that says which URL a mirror is of, without secrets


@dataclass(frozen=True)
class RemoteCache:
    """Where mirrors lie, and how many bytes their images, shards and models may have together."""

    folder: Path
    max_bytes: int


@dataclass
class Mirror:
    """The content of one URL.

    ``tree``: the folder of its files; ``entries``: in the store, by name below ``tree``; ``unmarked``: names of images
    without a suffix.
    """

    store: Store
    tree: Path
    cache: RemoteCache
    entries: dict[str, Entry] = field(default_factory=dict)
    whole: bool = False
    unmarked: set[str] = field(default_factory=set)
    _room: int | None = None  # bytes that may still be added before the files are counted again
    _locks: list[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(_LOCKS)])
    _emptying: threading.Lock = field(default_factory=threading.Lock)

    def entry(self, path: str) -> Entry | None:
        """Return what a path in the tree stands for."""
        return self.entries.get(os.path.relpath(path, self.tree).replace(os.sep, "/"))

    def fill(self, path: str, entry: Entry) -> None:
        """Fetch a file, where it is empty. Raises DatasetError."""
        if entry.size == 0:
            return
        with self._locks[hash(path) % _LOCKS]:
            with contextlib.suppress(OSError):
                if os.stat(path).st_size:  # noqa: PTH116
                    os.utime(path)
                    return
            self._fetch(Path(path), entry)

    def is_lazy(self, name: str) -> bool:
        """Return whether a file is fetched only when it is read: an image or a shard."""
        return _is_lazy(name) or name in self.unmarked

    def _fetch(self, path: Path, entry: Entry) -> None:
        lazy = self.is_lazy(path.relative_to(self.tree).as_posix())
        most = self.cache.max_bytes if self.whole or lazy else _LARGEST_OTHER
        if entry.size is not None and entry.size > most:
            raise DatasetError(
                f"{path.name}: {entry.size:,} bytes are more than the {most:,} that may be kept; set "
                "cache.remote_gb higher"
            )
        self._make_room(entry.size or 0)
        try:
            make_private(path.parent)
            with replacing(path, private=True) as stream:
                for block in self.store.read(entry, most):
                    stream.write(block)
        except (OSError, RecordError) as error:
            raise DatasetError(f"{path}: cannot be cached: {error}; set cache.folder to another folder") from None

    def _make_room(self, size: int) -> None:
        """From time to time, empty the least recently used files, so that the limit holds for all mirrors together."""
        with self._emptying:
            self._room = 0 if self._room is None else self._room - size
            if self._room <= 0:
                self._room = int(self.cache.max_bytes * _LOOK)
                empty(self.cache, self.cache.max_bytes - size - self._room)

    def write_index(self) -> None:
        """Save the versions of the files, so that changed ones are fetched again next time."""
        index = {name: entry.token for name, entry in self.entries.items()}
        write_atomically(self.tree.parent / f"{self.tree.name}.json", json.dumps(index).encode(), private=True)


_open: dict[str, Mirror] = {}


def mirrored(url: str, cache: RemoteCache, names: Callable[[], Sequence[str]] = tuple, *, whole: bool = False) -> Path:
    """Return the local path at which the content of a URL can be opened. Raises ConfigError or DatasetError.

    ``names``: gives those of files that are there, where a server cannot list them; ``whole``: every
    file is fetched now and stays, as those of a model.
    """
    store = Store(url)
    tree = cache.folder / "remote" / _place_of(store.url) / ("whole" if whole else "tree")
    try:
        make_private(tree)
    except OSError as error:
        raise DatasetError(f"{tree}: cannot be created: {error.strerror}; set cache.folder to another folder") from None
    if fault := exposed(cache.folder) or foreign(tree, cache.folder / "remote"):
        raise DatasetError(f"{fault}; it is not used")
    if whole:
        hold(tree)
    name = _name_in(store.url)
    mirror = Mirror(store, tree, cache, whole=whole)
    if store.is_folder():
        mirror.entries = _folder(store, name, names)
    elif entry := store.at():
        mirror.entries = {name: entry}
    lists = (f"{name.removesuffix('.tar')}{suffix}" for suffix in _LISTS)
    for other in (*lists, *_BESIDE) if mirror.entries and not whole else ():
        if found := store.beside(other):
            mirror.entries[other] = found
    if not mirror.entries:
        raise DatasetError(f"{store.shown}: nothing found; check the URL")
    try:
        _lay_out(mirror)
        mirror.write_index()
        write_atomically(tree.parent / _SHOWN, redact(store.url).encode(), private=True)
    except (OSError, RecordError) as error:
        raise DatasetError(f"{tree}: cannot be written: {error}; set cache.folder to another folder") from None
    _open[str(tree) + os.sep] = mirror
    return tree / name


def kept(url: str, cache: RemoteCache) -> Path:
    """Return the path of a URL's content in the mirror of an earlier run, without any network access.

    Raises DatasetError. ``url``: as a record shows it, perhaps with ``***`` instead of secrets.
    """
    url = url.rstrip("/")
    place = cache.folder / "remote" / _place_of(url)
    if not place.is_dir():
        marks = (cache.folder / "remote").glob(f"*/{_SHOWN}")
        place = next((mark.parent for mark in marks if _is_mark_of(mark, url)), place)
    path = place / "tree" / _name_in(url)
    if exposed(cache.folder) or foreign(path, cache.folder / "remote") or not path.exists():
        raise DatasetError(f"{redact(url)}: not in this machine's cache")
    return path


def _is_mark_of(mark: Path, url: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return mark.read_text(encoding="utf-8") == redact(url)
    return False


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Fetch nothing meanwhile: files of mirrors are what they are on disk."""
    before = dict(_open)
    _open.clear()
    try:
        yield
    finally:
        _open.update(before)


def _place_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _name_in(url: str) -> str:
    return PurePosixPath(re.sub(r"[?#].*", "", url)).name or "files"


def _folder(store: Store, name: str, names: Callable[[], Sequence[str]]) -> dict[str, Entry]:
    try:
        below = store.below()
        unlisted = None if below else DatasetError(f"{store.shown}: contains no file; check the URL")
    except DatasetError as error:
        below, unlisted = {}, error
    if unlisted is not None:
        below = {item: _unlisted(store, store.root, item) for item in names()}
        if not below:
            raise unlisted
    return {f"{name}/{item}": entry for item, entry in below.items()}


def _unlisted(store: Store, folder: str, name: str) -> Entry:
    path = f"{quote(folder, safe=_OF_URLS)}/{quote(name, safe='/')}" if store.is_http else f"{folder}/{name}"
    return Entry(path, None, UNLISTED)


def expect(path: Path, names: Sequence[str]) -> None:
    """Let the files be there that a list in a mirror names, relative to its own folder."""
    found = _of(str(path)) if _open else None
    if found is None:
        return
    mirror, entry = found
    folder, before = entry.path.rpartition("/")[0], path.parent.relative_to(mirror.tree).as_posix()
    listings: dict[str, dict[str, Entry]] = {}
    for name in names:
        key = name if before == "." else f"{before}/{name}"
        if not (is_image_name(name) or has_no_suffix(name)) or ".." in name.split("/") or name.startswith("/"):
            continue
        mirror.unmarked |= {key} if has_no_suffix(name) else set()
        if key in mirror.entries:
            continue
        below, _, last = name.rpartition("/")
        where = f"{folder}/{below}".rstrip("/")
        if mirror.store.is_http:
            mirror.entries[key] = _unlisted(mirror.store, folder, name)
            continue
        if where not in listings:
            listings[where] = mirror.store.listing(where)
        if last in listings[where]:
            mirror.entries[key] = listings[where][last]
    _lay_out(mirror)
    mirror.write_index()


def fetch_beside(path: Path, files: Sequence[Path]) -> bool:
    """Fetch files that are next to one of a mirror or below its folder; return whether any was there."""
    found = _of(str(path))
    if found is None:
        return False
    mirror, entry = found
    fetched = False
    for file in files:
        if file.is_relative_to(path.parent) and ".." not in file.parts:
            name = file.relative_to(path.parent).as_posix()
            if there := mirror.store.at(f"{entry.path.rpartition('/')[0]}/{name}"):
                mirror.entries[file.relative_to(mirror.tree).as_posix()] = there
                fetched = True
    if fetched:
        _lay_out(mirror)
        mirror.write_index()
    return fetched


def _lay_out(mirror: Mirror) -> None:
    """Make the tree: files that changed are empty again, and what is gone is removed."""
    before = read_own_json(mirror.tree.parent / f"{mirror.tree.name}.json") or {}
    if not mirror.whole:
        index = mirror.tree.parent / f"{mirror.tree.name}.unmarked.json"
        mirror.unmarked |= images_of(mirror.store, mirror.entries, mirror.unmarked, index)
    eager = [name for name in mirror.entries if mirror.whole or not mirror.is_lazy(name)]
    if len(eager) > _MANY:
        raise DatasetError(
            f"{mirror.store.shown}: {len(eager):,} files that are neither images nor shards; give the URL of the "
            "folder with the images"
        )
    for name in set(before) - set(mirror.entries):
        with contextlib.suppress(OSError):
            _inside(mirror.tree, name).unlink()
    made: set[Path] = set()
    for name, entry in mirror.entries.items():
        path = _inside(mirror.tree, name)
        if path.parent not in made:
            make_private(path.parent)
            made.add(path.parent)
        if before.get(name) != entry.token or not path.exists():
            _placeholder(path)
    for name in eager:
        mirror.fill(str(_inside(mirror.tree, name)), mirror.entries[name])


def _inside(tree: Path, name: str) -> Path:
    path = tree / name
    if ".." in PurePosixPath(name).parts or not path.is_relative_to(tree):
        raise DatasetError(f"{name[:80]!r}: leads out of the image set")
    return path


def _placeholder(path: Path) -> None:
    """Replace the file by an empty one; a process that has it open or mapped keeps the content."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _is_lazy(name: str) -> bool:
    last = name.rpartition("/")[2]
    return is_image_name(last) or bool(_SHARD.search(last))


def empty(cache: RemoteCache, max_bytes: int) -> None:
    """Empty the least recently used images and shards, and remove such models, until the rest fits."""
    kept = []
    for folder, _, files in os.walk(cache.folder / "remote"):
        parts = Path(folder).relative_to(cache.folder).parts
        for name in files if parts[2:3] == ("tree",) else ():
            if not _is_lazy(name) and not is_image_on_disk(os.path.join(folder, name)):
                continue
            with contextlib.suppress(OSError):
                status = os.stat(os.path.join(folder, name))  # noqa: PTH116
                kept.append((status.st_mtime_ns, status.st_size, Path(folder) / name))
    models = {item.path: item for item in map(kept_folder, (cache.folder / "remote").glob("*/whole")) if item}
    kept += [(item.used_ns, item.bytes, item.path) for item in models.values()]
    total = sum(size for _, size, _ in kept)
    if total <= max_bytes:
        return
    for _, size, path in sorted(kept):
        if total <= _LEFT * max_bytes:
            return
        if path in models:
            total -= size if models[path].remove() else 0
        elif size:
            with contextlib.suppress(OSError):
                _placeholder(path)
                total -= size


def _of(path: str) -> tuple[Mirror, Entry] | None:
    for root, mirror in _open.items():
        if path.startswith(root) and (entry := mirror.entry(path)) is not None:
            return mirror, entry
    return None


def present(path: str | os.PathLike[str]) -> None:
    """See to it that a file is there with its bytes, where it is one of a mirror. Raises DatasetError."""
    if _open and (found := _of(os.fspath(path))):
        found[0].fill(os.fspath(path), found[1])


def stamp(path: str | os.PathLike[str]) -> str | None:
    """Return what tells that a file of a mirror is the same in its store, without ``:``; None for any other file."""
    found = _of(os.fspath(path)) if _open else None
    return found[1].token if found else None


def is_unmarked_image(path: str | os.PathLike[str]) -> bool | None:
    """Return whether a file of a mirror without a suffix is an image, without fetching it; None for any other file."""
    for root, mirror in _open.items():
        if os.fspath(path).startswith(root):
            return os.path.relpath(path, mirror.tree).replace(os.sep, "/") in mirror.unmarked
    return None
