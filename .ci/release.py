"""A release from the current commit: `make release`, or `python .ci/release.py [--dry-run] [--repository URL]`.

The version is that of pyproject.toml. Before: CHANGELOG.md has a section `## VERSION` with the lines of "Unreleased",
and that is committed. After: `dist/` holds wheel, source distribution, their SHA256SUMS and NOTES.md (the section),
and the commit has the annotated tag `vVERSION`. Nothing is pushed or uploaded; the last lines say how.

`--repository URL` is where the project is hosted: it becomes `project.urls` of the packages, and their README links to
its files. The commit names no host, so a fork needs no change.

Built from `git archive`, never from the working folder, with the commit's time as the time of every file: the same
commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path


def version_of(folder: Path) -> str:
    """Return the version that pyproject.toml and the package agree on. Raises SystemExit where they do not."""
    version = str(tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    source = (folder / "harness/__init__.py").read_text(encoding="utf-8")
    if f'__version__ = "{version}"' not in source:
        sys.exit(f"release: pyproject.toml says {version}, harness/__init__.py another version; make them equal")
    return version


def notes_of(folder: Path, version: str) -> str:
    """Return the changelog's section of a version. Raises SystemExit where it is missing or empty."""
    text = (folder / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = {
        part.split()[0]: part.partition("\n")[2].strip() for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    }
    if not sections.get(version):
        sys.exit(
            f"release: CHANGELOG.md has no lines under `## {version}`; move those of `## Unreleased` there, commit"
        )
    return f"{sections[version]}\n"


def git(folder: Path, *arguments: str) -> bytes:
    """Return what a git command prints. Raises SystemExit with its message where it fails."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"release: git {' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def urls(repository: str, version: str) -> str:
    """Return the table `project.urls` of a repository. Raises SystemExit where it is not an https address."""
    if not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w.~-]+)+/?", repository):
        sys.exit(f"release: --repository {repository}: give an address such as https://example.org/owner/name")
    home = repository.rstrip("/").removesuffix(".git")
    changes, issues = f"{home}/blob/v{version}/CHANGELOG.md", f"{home}/issues"
    return f'\n[project.urls]\nRepository = "{home}"\nChangelog = "{changes}"\nIssues = "{issues}"\n'


def build(folder: Path, dist: Path, more: str = "") -> list[Path]:
    """Build wheel and source distribution of HEAD into ``dist``; return their paths.

    ``more``: appended to the pyproject.toml that is built.
    """
    time = git(folder, "log", "-1", "--format=%ct").decode().strip()
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(git(folder, "archive", "HEAD"))) as archive:
            archive.extractall(scratch, filter="data")
        with Path(scratch, "pyproject.toml").open("a", encoding="utf-8") as stream:
            stream.write(more)
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), scratch],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": time},
        )
    return sorted([*dist.glob("*.whl"), *dist.glob("*.tar.gz")])


def main(arguments: list[str] | None = None, folder: Path | None = None) -> None:
    """Check, build, tag."""
    parser = argparse.ArgumentParser(description="Build wheel and source distribution of this commit and tag it.")
    parser.add_argument("--dry-run", action="store_true", help="build and check, without a tag")
    parser.add_argument("--repository", metavar="URL", help="where the project is hosted, for links of the packages")
    options = parser.parse_args(arguments)
    folder = folder or Path(__file__).parents[1]
    version = version_of(folder)
    tag, dist = f"v{version}", folder / "dist"
    notes = notes_of(folder, version)
    known = "urls" in tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if options.repository and known:
        sys.exit("release: pyproject.toml has project.urls already; leave out --repository")
    more = urls(options.repository, version) if options.repository else ""
    if git(folder, "status", "--porcelain"):
        sys.exit("release: the working folder has changes; commit them, or put them away")
    if git(folder, "tag", "--list", tag):
        sys.exit(f"release: the tag {tag} already exists; raise the version in pyproject.toml and harness/__init__.py")
    if dist.is_dir() and any(dist.iterdir()):
        sys.exit(f"release: {dist} is not empty; remove what is in it")
    files = build(folder, dist, more)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (dist / "SHA256SUMS").write_text(sums, encoding="utf-8")
    (dist / "NOTES.md").write_text(notes, encoding="utf-8")
    print(sums, end="")
    if not more and not known:
        print("note: the packages name no repository, so their README has no links; add --repository URL")
    if options.dry_run:
        print(f"dry run: {tag} was not set")
        return
    git(folder, "tag", "--annotate", tag, "--cleanup=verbatim", "--message", f"{tag}\n\n{notes}")
    print(f"tagged {tag}; publish with: git push origin {tag} && python -m twine upload dist/*.whl dist/*.tar.gz")


if __name__ == "__main__":
    main()
