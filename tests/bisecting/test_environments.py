"""Environments in the cache: whole ones are used again, and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.bisecting.environments import CannotBuildError, Environment, Environments, environment_variables
from harness.bisecting.uv import Source
from harness.errors import ToolError
from tests.bisecting.wheels import wheel

PACKAGE = "planted-thing"


@pytest.fixture
def environments(uv: None, tmp_path: Path) -> Environments:
    wheels = tmp_path / "wheels"
    for version in ("1.0", "1.1"):
        wheel(wheels, PACKAGE, version, {"planted_thing.py": f"VERSION = {version!r}\n"})
    wheel(wheels, PACKAGE, "1.2", {"planted_thing.py": ""}, whole=False)
    return Environments(tmp_path / "cache", PACKAGE, Source(wheels, offline=True))


def says(python: Path, code: str) -> str:
    done = subprocess.run(
        [python, "-P", "-c", code], env=environment_variables(), capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout.strip()


def test_the_release_the_harness_and_everything_else_of_this_process(environments: Environments) -> None:
    import numpy as np

    import harness

    one, other = environments.of("1.0"), environments.of("1.1")
    code = "import planted_thing, harness, numpy; print(planted_thing.VERSION, harness.__file__, numpy.__version__)"
    for environment, version in ((one, "1.0"), (other, "1.1")):
        assert says(environment.python, code) == f"{version} {harness.__file__} {np.__version__}"
        assert environment.versions == {PACKAGE: version}
        assert environment.note is None
    assert one.folder != other.folder


def test_made_once_and_made_again_where_it_is_not_whole(environments: Environments) -> None:
    first = environments.of("1.0")
    marks = first.folder / "complete.json"
    made = (first.folder / "pyvenv.cfg").stat().st_mtime_ns
    assert environments.of("1.0") == first
    assert (first.folder / "pyvenv.cfg").stat().st_mtime_ns == made

    (module,) = first.folder.rglob("planted_thing.py")
    module.unlink()  # it is a link into uv's own cache
    module.write_text("VERSION = 'changed'\n")
    assert says(environments.of("1.0").python, "import planted_thing as p; print(p.VERSION)") == "1.0"

    marks.unlink()  # as where the process that made it was killed
    (module,) = first.folder.rglob("planted_thing.py")
    module.unlink()
    assert says(environments.of("1.0").python, "import planted_thing as p; print(p.VERSION)") == "1.0"


def test_a_mark_that_says_nothing_is_not_believed(environments: Environments) -> None:
    first = environments.of("1.0")
    for text in ("{", "null", '{"format": 1, "version": "1.0"}'):
        (first.folder / "complete.json").write_text(text)
        assert environments.of("1.0") == first
        assert json.loads((first.folder / "complete.json").read_text())["version"] == "1.0"


def test_a_wheel_made_again_under_its_name_is_another_release(environments: Environments) -> None:
    first = environments.of("1.1")
    assert environments.source.find_links is not None
    wheel(environments.source.find_links, PACKAGE, "1.1", {"planted_thing.py": "VERSION = 'again'\n"})
    second = environments.of("1.1")
    assert second.folder != first.folder
    assert says(second.python, "import planted_thing as p; print(p.VERSION)") == "again"


def test_what_cannot_be_installed_is_for_skipping(environments: Environments) -> None:
    with pytest.raises(CannotBuildError, match=r"planted-thing 1\.2: cannot be installed"):
        environments.of("1.2")
    with pytest.raises(CannotBuildError):
        environments.of("1.2")  # and its remains are not taken for an environment


def test_another_version_of_what_it_needs_is_said(uv: None, tmp_path: Path) -> None:
    """A release that needs an older package gets it, and the note names both."""
    import filelock

    wheels = tmp_path / "wheels"
    needing = "Metadata-Version: 2.1\nName: needy\nVersion: 1.0\nRequires-Dist: filelock==0.1\n"
    wheel(wheels, "needy", "1.0", {"needy.py": ""}, metadata=needing)
    wheel(wheels, "filelock", "0.1", {"filelock_old.py": ""})
    made = Environments(tmp_path / "cache", "needy", Source(wheels, offline=True)).of("1.0")
    assert made.note == f"with filelock 0.1 (here {filelock.__version__})"


def test_a_cache_that_others_may_write_to_is_refused(environments: Environments) -> None:
    environments.folder.mkdir()
    environments.folder.chmod(0o777)
    if os.name != "posix":
        pytest.skip("permissions are not known here")
    with pytest.raises(ToolError, match="others may write"):
        environments.of("1.0")


def made(folder: Path, name: str, size: int, used: float) -> Path:
    """Write what counts as an environment: a mark, as old as its last use, and some bytes."""
    (folder / name).mkdir(parents=True, mode=0o700)
    (folder / name / "library.so").write_bytes(bytes(size))
    (folder / name / "complete.json").write_text("{}")
    os.utime(folder / name / "complete.json", (used, used))
    return folder / name


def test_beyond_the_limit_those_that_were_not_used_for_longest_go(tmp_path: Path) -> None:
    said: list[str] = []
    old, middle, new = (made(tmp_path, name, 1000, used) for name, used in (("old", 10), ("middle", 20), ("new", 30)))
    (tmp_path / "no environment").mkdir()
    limited = Environments(tmp_path, PACKAGE, Source(), most_bytes=2500, say=said.append)
    limited._trim(new)
    assert [path.exists() for path in (old, middle, new)] == [False, True, True]
    assert len(said) == 1
    assert "removed 1 least recently used environments" in said[0]
    assert said[0].endswith("(--cache-gb): old")
    limited._trim(new)
    assert len(said) == 1


def test_one_that_is_used_and_the_one_just_made_stay(tmp_path: Path) -> None:
    used, free, own = (made(tmp_path, name, 1000, used) for name, used in (("used", 10), ("free", 20), ("own", 5)))
    with Environment(used, {}).in_use():
        Environments(tmp_path, PACKAGE, Source(), most_bytes=1)._trim(own)
        assert [path.exists() for path in (used, free, own)] == [True, False, True]
    Environments(tmp_path, PACKAGE, Source(), most_bytes=1)._trim(own)
    assert [path.exists() for path in (used, own)] == [False, True]


def test_a_use_is_remembered(environments: Environments) -> None:
    first = environments.of("1.0")
    os.utime(first.folder / "complete.json", (10, 10))
    environments.of("1.0")
    assert (first.folder / "complete.json").stat().st_mtime > 10
