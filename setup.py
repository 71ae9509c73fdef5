"""What pyproject.toml cannot say: the wheel carries the demo's files, and the README of a package links outside."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TARGET = "harness/demo_data"


def demo_files() -> list[str]:
    """Return the paths of the demo's files below the project's folder."""
    found = {path for pattern in PROJECT["tool"]["harness"]["demo"] for path in ROOT.glob(pattern)}
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def long_description() -> str:
    """Return the README as a package index shows it, away from the files that it links to.

    Links and pictures become absolute below `project.urls.Repository`, at the version's tag. While no repository is
    named there, links become plain text and pictures are left out.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    home = PROJECT["project"].get("urls", {}).get("Repository")
    tag = f"v{PROJECT['project']['version']}"

    def absolute(match: re.Match[str]) -> str:
        picture, label, target = match.groups()
        if "://" in target or target.startswith("#"):
            return match[0]
        if home:
            return f"{picture}[{label}]({home}/{'raw' if picture else 'blob'}/{tag}/{target})"
        return "" if picture else label

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", absolute, text)


class BuildWithDemo(build_py):
    """Builds the package with the demo's files in it; an editable installation reads them from the checkout."""

    def run(self) -> None:
        """Build, then copy the demo's files."""
        super().run()
        if not self.editable_mode:
            for name, target in self._demo_outputs().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(name, target, preserve_mode=False)

    def _demo_outputs(self) -> dict[str, str]:
        return {name: str(Path(self.build_lib) / TARGET / name) for name in demo_files()}

    def get_outputs(self, include_bytecode: int = 1) -> list[str]:
        """Return what is written, the demo's files included."""
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs + ([] if self.editable_mode else list(self._demo_outputs().values()))

    def get_source_files(self) -> list[str]:
        """Return what is read, so that a source distribution has it."""
        sources: list[str] = super().get_source_files()
        return sources + demo_files()


setup(
    cmdclass={"build_py": BuildWithDemo},
    long_description=long_description(),
    long_description_content_type="text/markdown",
)
