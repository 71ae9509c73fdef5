"""Environments in the cache, one a release: that release of one package, and everything else as it is here.

An environment is made by uv and has only the package and what it needs; the harness and its other packages are those of
this process, found behind it on the path. So one thing differs between two environments, as far as the package's own
needs allow. An environment counts once its mark is written, which comes last and names every file with its size:
one that was killed while it was made, or changed since, is made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.bisecting.uv import Source, run_uv
from harness.disk.atomic import write_atomically
from harness.disk.lock import in_use, is_in_use, try_lock
from harness.disk.own_json import read_own_json
from harness.disk.private import foreign, make_private
from harness.errors import HarnessError, ToolError
from harness.machine.digests import file_sha256
from harness.machine.processes import Ended, run_to_end
from harness.text import printable

MOST_BYTES = 10_000_000_000  # of all environments in a folder
_FORMAT = 1
_MARK = "complete.json"
_PATH_FILE = "zz_harness_behind.pth"
_PATIENCE = 900.0  # seconds that another process may take to make the same one
_SECONDS = 60


class CannotBuildError(HarnessError):
    """A version cannot be made ready here; a bisection skips it."""


@dataclass(frozen=True)
class Environment:
    """An environment. ``versions``: of everything that was installed into it; ``note``: what else differs."""

    folder: Path
    versions: dict[str, str]
    note: str | None = None

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return _python_of(self.folder)

    def in_use(self) -> contextlib.AbstractContextManager[None]:
        """Prevent its removal by another process inside the block."""
        return in_use(self.folder / _MARK)


@dataclass(frozen=True)
class Environments:
    """The environments of a package. ``folder``: where they are kept, with those of other packages.

    ``most_bytes``: of all in the folder; the least recently used are removed; ``say``: is called with a message about
    it.
    """

    folder: Path
    package: str
    source: Source
    most_bytes: int = MOST_BYTES
    say: Callable[[str], None] = lambda _: None

    def of(self, version: str) -> Environment:
        """Return the environment with a release, made where there is no whole one.

        Raises CannotBuildError if the release cannot be installed here, ToolError if no environment can be kept.
        """
        fault = foreign(self.folder)
        if fault:
            raise ToolError(f"no environment can be kept: {fault}; or set HARNESS_CACHE to your own folder")
        place = self.folder / self._key(version)
        try:
            make_private(self.folder)
            with try_lock(self.folder / f".{place.name}.lock", _PATIENCE):  # not an error without locks
                found = _whole(place, self.package, version)
                if found is None:
                    found = self._make(place, version)
                os.utime(place / _MARK)
            self._trim(place)
            return found
        except OSError as error:
            raise ToolError(f"{place}: cannot be written: {error.strerror or error}; set HARNESS_CACHE") from None

    def _trim(self, kept: Path) -> None:
        """Remove the least recently used environments until all are within the limit.

        ``kept`` stays, as do those that are in use.
        """
        marks = {path.parent: path.stat().st_mtime for path in self.folder.glob(f"*/{_MARK}")}
        sizes = {place: _bytes_in(place) for place in marks}
        total, removed = sum(sizes.values()), []
        for place in sorted(marks, key=lambda each: marks[each]):
            if total <= self.most_bytes:
                break
            if place == kept or foreign(place) or is_in_use(place / _MARK):
                continue
            (place / _MARK).unlink(missing_ok=True)  # first: what is removed by half is not taken for whole
            shutil.rmtree(place, ignore_errors=True)
            total -= sizes[place]
            removed.append(place.name)
        if removed:
            self.say(
                f"removed {len(removed)} least recently used environments, to stay below "
                f"{self.most_bytes / 1e9:g} GB (--cache-gb): {', '.join(removed)}"
            )

    def _key(self, version: str) -> str:
        parts = {
            "format": _FORMAT,
            "package": self.package,
            "version": version,
            "python": [sys.version, sys.base_prefix],
            "packages": [str(path) for path in (_own_folder(), *_package_folders())],
            "installed": sorted(f"{name}=={own}" for name, own in _installed().items()),
            "offline": self.source.offline,
            "wheels": self._wheels(version),
        }
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
        return f"{_normal(self.package)}-{version}-{digest}"

    def _wheels(self, version: str) -> list[str]:
        """Return the digests of the release's files in the folder of wheels: one may be made again under its name."""
        folder = self.source.find_links
        if folder is None:
            return []
        begins = _normal(f"{self.package}-{version}")
        own = sorted(path for path in folder.iterdir() if _normal(path.name).startswith(begins))
        return [f"{path.name} {file_sha256(path)}" for path in own if path.is_file()]

    def _anew(self, version: str) -> list[str]:
        """Let uv read a wheel of the folder again: to its own cache, a file of the same name is the same wheel."""
        if not self._wheels(version):
            return []
        return ["--no-cache"] if self.source.offline else ["--refresh-package", self.package]

    def _make(self, place: Path, version: str) -> Environment:
        shutil.rmtree(place, ignore_errors=True)
        made = run_uv("venv", "--no-project", "--quiet", "--python", sys.executable, str(place))
        if made.code != 0:
            raise ToolError(f"uv cannot make an environment: {printable(made.last_words)}")
        here = _installed()
        self._install(place, version, here)
        packages = _packages_of(place)
        (packages / _PATH_FILE).write_text(_path_file(), encoding="utf-8")
        versions = _versions_in(packages)
        found = _probe(place, self.package)
        if found != version:
            raise CannotBuildError(
                f"{self.package} {version}: its environment has {found or 'no such package'} instead"
            )
        note = self._differing(versions, here)
        mark = {
            "format": _FORMAT,
            "version": version,
            "versions": versions,
            "note": note,
            "files": _files_digest(place),
        }
        write_atomically(place / _MARK, json.dumps(mark, indent=2, sort_keys=True).encode(), private=True)
        return Environment(place, versions, note)

    def _differing(self, versions: dict[str, str], here: dict[str, str]) -> str | None:
        """Return which other packages have different versions than in this process."""
        same = {_normal(name): own for name, own in here.items() if _normal(name) != _normal(self.package)}
        known = [(name, own, same[_normal(name)]) for name, own in versions.items() if _normal(name) in same]
        others = [f"{name} {own} (here {now})" for name, own, now in sorted(known) if own != now]
        return f"with {', '.join(others)}" if others else None

    def _install(self, place: Path, version: str, here: dict[str, str]) -> None:
        """Install the release, with the versions of this process for its dependencies, as far as the release allows."""
        pins = [f"{name}=={own}" for name, own in here.items() if _normal(name) != _normal(self.package)]
        constraints = place / "constraints.txt"
        constraints.write_text("\n".join(pins), encoding="utf-8")
        # Without a network, what the release needs is perhaps not among the wheels, and then comes from this process.
        tries = [["--constraint", str(constraints)], [], *([["--no-deps"]] if self.source.offline else [])]
        faults = []
        for options in tries:
            common = ["--quiet", "--python", str(_python_of(place)), *self.source.options(), *self._anew(version)]
            ended = run_uv("pip", "install", *common, *options, f"{self.package}=={version}")
            if ended.code == 0:
                return
            faults.append(_why(ended))
        raise CannotBuildError(f"{self.package} {version}: cannot be installed: {faults[1]}")


def _why(ended: Ended) -> str:
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    return printable(" ".join(lines)[:300]) or ended.how


def _whole(place: Path, package: str, version: str) -> Environment | None:
    """Return an environment that is there, whole and unchanged; None if there is none."""
    if foreign(place) or foreign(place / _MARK):
        return None
    mark = read_own_json(place / _MARK)
    if mark is None or mark.get("format") != _FORMAT or mark.get("version") != version:
        return None
    versions, note = mark.get("versions"), mark.get("note")
    if not isinstance(versions, dict) or mark.get("files") != _files_digest(place):
        return None
    if _probe(place, package) != version:
        return None
    return Environment(place, versions, note if isinstance(note, str) else None)


_PROBE = """
import importlib.metadata as metadata, os, sys
found = metadata.distribution(sys.argv[1])
own = os.path.realpath(str(found.locate_file(""))) == os.path.realpath(sys.argv[2])
print(found.version if own else "")
"""


def _probe(place: Path, package: str) -> str | None:
    """Return the version of the package that the environment itself has; None if it has none."""
    command = [str(_python_of(place)), "-P", "-c", _PROBE, package, str(_packages_of(place))]
    try:
        ended = run_to_end(command, environment=environment_variables(), timeout=_SECONDS)
    except OSError:
        return None
    return ended.out.strip() or None if ended.code == 0 else None


def environment_variables() -> dict[str, str]:
    """Return the variables for a process in an environment: nothing else is put on its path."""
    left_out = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    return {name: value for name, value in os.environ.items() if name not in left_out} | {"PYTHONNOUSERSITE": "1"}


def _python_of(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _packages_of(place: Path) -> Path:
    """Return where an environment keeps its packages."""
    variables = {"base": str(place), "platbase": str(place)}
    return Path(sysconfig.get_path("purelib", "venv", variables))


def _own_folder() -> Path:
    """Return the folder that has the harness itself."""
    return Path(harness.__file__).parent.parent


def _package_folders() -> list[Path]:
    """Return this process's own folders of packages."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if sys.prefix == sys.base_prefix:
        folders += [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return [Path(folder) for folder in dict.fromkeys(folders) if Path(folder).is_dir()]


def _path_file() -> str:
    added = [f"import site; site.addsitedir({str(folder)!r})" for folder in _package_folders()]
    return "\n".join([str(_own_folder()), *added, ""])


def _installed() -> dict[str, str]:
    """Return the versions of what is installed in this process's own folders of packages; local builds are left out."""
    found = _versions_in(*_package_folders())
    return {name: version for name, version in found.items() if "+" not in version}


def _versions_in(*folders: Path) -> dict[str, str]:
    found = importlib.metadata.distributions(path=list(map(str, folders)))
    return {str(item.metadata["Name"]): item.version for item in found if item.metadata["Name"]}


def _files_digest(place: Path) -> str:
    """Return a digest over the name and size of every file that was installed."""
    listed = sorted(_files(_packages_of(place)))
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _files(packages: Path) -> Iterator[tuple[str, int]]:
    for folder, names, files in os.walk(packages):
        names[:] = [name for name in names if name != "__pycache__"]
        for name in files:
            path = Path(folder) / name
            yield path.relative_to(packages).as_posix(), path.lstat().st_size


def _bytes_in(place: Path) -> int:
    total = 0
    for folder, _, files in os.walk(place):
        for name in files:
            with contextlib.suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def _normal(name: str) -> str:
    """Return a name as files of packages are called, however it is written: `Some.Name-1.0` as `some_name_1_0`."""
    return name.replace("-", "_").replace(".", "_").lower()
