"""Releases as uv lists them, from a folder of wheels without any network."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bisecting.uv import Source, releases, uv_program
from harness.errors import ConfigError, ToolError
from tests.bisecting.wheels import wheel

pytestmark = pytest.mark.usefixtures("uv")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for version in ("0.9", "1.0", "1.2.0", "1.10.0", "2.0rc1"):
        wheel(tmp_path / "wheels", "some-package", version, {"some_module.py": ""})
    wheel(tmp_path / "wheels", "other", "1.1", {"other.py": ""})
    return Source(tmp_path / "wheels", offline=True)


def test_in_the_order_of_versions_and_in_both_directions(source: Source) -> None:
    assert releases("some-package", "1.0", "1.10", source) == ("1.0", "1.2.0", "1.10.0")
    assert releases("Some.Package", "1.10.0", "0.9", source) == ("1.10.0", "1.2.0", "1.0", "0.9")


def test_an_early_release_only_where_it_is_named(source: Source) -> None:
    assert releases("some-package", "1.2", "2.0rc1", source)[-1] == "2.0rc1"


@pytest.mark.parametrize(
    ("package", "good", "bad", "said"),
    [
        ("some-package", "1.0", "1.11.0", "did you mean 1.10.0?"),
        ("some-package", "1.2", "1.2.0", "are the same release"),
        ("nowhere", "1.0", "2.0", "there is no release of nowhere"),
        ("some-package", "--help", "2.0", "is not a version"),
        ("some-package", "1.0", "1.0; import os", "is not a version"),
        ("some-package", "1.0", "1.*", "is not a version"),
        ("../wheels", "1.0", "2.0", "is not a valid package name; give its name on the index"),
        (
            "--index-url=http://x",
            "1.0",
            "2.0",
            "is not a valid package name; give its name on the index",
        ),
        ("p @ file:///x", "1.0", "2.0", "is not a valid package name; give its name on the index"),
        ("p\nq", "1.0", "2.0", "is not a valid package name; give its name on the index"),
    ],
)
def test_refused(source: Source, package: str, good: str, bad: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        releases(package, good, bad, source)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        releases("p", "1", "2", Source(tmp_path / "none"))


def test_without_uv_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uv_program.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ToolError, match="pip install uv"):
        releases("p", "1", "2", Source())
    uv_program.cache_clear()
