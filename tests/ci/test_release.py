"""`.ci/release.py`: what it refuses, and what a release of a small project holds."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PROJECT

spec = importlib.util.spec_from_file_location("release", PROJECT / ".ci" / "release.py")
assert spec is not None
assert spec.loader is not None
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)

CHANGES = "# Changelog\n\n## Unreleased\n- not yet\n\n## 1.2.0\n- new: a\n- new: b\n\n## 1.1.0\n- old\n"
TOML = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "tiny"\n'


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    folder = tmp_path / "project"
    (folder / "harness").mkdir(parents=True)
    (folder / "harness/__init__.py").write_text('__version__ = "1.2.0"\n', encoding="utf-8")
    text = f'{TOML}version = "1.2.0"\n[tool.setuptools]\npackages = ["harness"]\n'
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
    (folder / ".gitignore").write_text("/dist/\n", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "all")
    return folder


def test_a_release(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release.main([], project)
    names = ["tiny-1.2.0-py3-none-any.whl", "tiny-1.2.0.tar.gz"]
    assert sorted(path.name for path in (project / "dist").iterdir()) == ["NOTES.md", "SHA256SUMS", *names]
    expected = [f"{hashlib.sha256((project / 'dist' / name).read_bytes()).hexdigest()}  {name}" for name in names]
    assert (project / "dist/SHA256SUMS").read_text(encoding="utf-8").splitlines() == expected
    assert (project / "dist/NOTES.md").read_text(encoding="utf-8") == "- new: a\n- new: b\n"
    assert git(project, "tag", "--list") == "v1.2.0"
    assert git(project, "rev-parse", "v1.2.0^{commit}") == git(project, "rev-parse", "HEAD")
    assert "- new: b" in git(project, "tag", "--list", "-n9", "v1.2.0")
    assert "git push origin v1.2.0" in capsys.readouterr().out
    with zipfile.ZipFile(project / "dist" / names[0]) as wheel:
        assert "harness/__init__.py" in wheel.namelist()
    with tarfile.open(project / "dist" / names[1]) as source:
        assert "tiny-1.2.0/harness/__init__.py" in source.getnames()
    with pytest.raises(SystemExit, match=r"tag v1\.2\.0 already exists"):
        release.main([], project)


def test_a_dry_run_sets_no_tag(project: Path) -> None:
    release.main(["--dry-run"], project)
    assert git(project, "tag", "--list") == ""
    with pytest.raises(SystemExit, match="dist is not empty"):
        release.main([], project)


def test_the_repository_is_written_into_the_packages_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release.main(["--dry-run", "--repository", "https://example.org/us/tiny.git"], project)
    assert "names no repository" not in capsys.readouterr().out
    with zipfile.ZipFile(project / "dist/tiny-1.2.0-py3-none-any.whl") as wheel:
        metadata = wheel.read("tiny-1.2.0.dist-info/METADATA").decode().splitlines()
    assert [line for line in metadata if line.startswith("Project-URL")] == [
        "Project-URL: Repository, https://example.org/us/tiny",
        "Project-URL: Changelog, https://example.org/us/tiny/blob/v1.2.0/CHANGELOG.md",
        "Project-URL: Issues, https://example.org/us/tiny/issues",
    ]
    assert "urls" not in (project / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "address", ["example.org/us/tiny", "http://example.org/us/tiny", "https://a.org", 'https://a.org/x"y']
)
def test_a_repository_that_is_no_address(project: Path, address: str) -> None:
    with pytest.raises(SystemExit, match="--repository"):
        release.main(["--dry-run", "--repository", address], project)
    assert not (project / "dist").exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("CHANGELOG.md", "## 1.2.0", "## 1.3.0", "no lines under `## 1.2.0`"),
        ("CHANGELOG.md", "- new: a\n- new: b\n", "", "no lines under `## 1.2.0`"),
        ("harness/__init__.py", "1.2.0", "1.2.1", "another version"),
        ("harness/__init__.py", "\n", "\n# edited\n", "has changes"),
    ],
)
def test_what_is_refused(project: Path, name: str, old: str, new: str, message: str) -> None:
    path = project / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SystemExit, match=message):
        release.main([], project)
    assert not (project / "dist").exists()
    assert git(project, "tag", "--list") == ""
