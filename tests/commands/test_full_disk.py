"""A disk without room: one message, exit code 3, what was there before whole, and nothing cut off beside it."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from tests.conftest import Tiny, require, run_harness, write_config, write_images
from tests.engine.test_cache_archive import filled

FULL = "No space left on device; free some space, then run the same command again"
REPORTS = ("html", "md", "junit", "csv", "pr", "badge")


def fill(disk: Path) -> None:
    """Leave no room on a disk; names of new files still find some."""
    with (disk / "filler").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(b"x" * 4096)


@dataclass
class Disk:
    """``place``: a folder on a full disk; ``before``: what lies there, by name."""

    place: Path
    before: dict[str, str]

    def same(self) -> None:
        """Nothing is there that was not, and what was there is what it was."""
        assert contents(self.place) == self.before


def contents(place: Path) -> dict[str, str]:
    files = (path for path in place.rglob("*") if path.is_file() and path.name not in ("filler", ".lock"))
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def full(small_disk: Path) -> Callable[..., Disk]:
    """Return a function that fills the disk beside files, by name, and returns it."""

    def make(files: dict[str, bytes | Path]) -> Disk:
        for name, content in files.items():
            (small_disk / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy(content, small_disk / name)
            else:
                (small_disk / name).write_bytes(content)
        fill(small_disk)
        return Disk(small_disk, contents(small_disk))

    return make


def refused(capsys: pytest.CaptureFixture[str], *arguments: object, words: str = FULL) -> str:
    """Run a command that finds no room; return its one message."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 3
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("harness: ")]
    assert len(said) == 1, said
    assert words in said[0]
    return said[0]


@pytest.fixture
def project(tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Path:
    require("openvino")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "images", 24)
    write_config(tmp_path, tiny)
    return tmp_path


@pytest.mark.parametrize("there", [False, True])
def test_capsule_make(
    project: Path, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    disk = full({"a.capsule": b"the one before"} if there else {})
    text = refused(capsys, "capsule", "make", project / "config.yml", disk.place / "a.capsule", "--overwrite")
    assert f"{disk.place}/a.capsule: cannot be written: " in text
    disk.same()


@pytest.mark.parametrize("there", [False, True])
def test_cache_export(
    tmp_path: Path, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    filled(tmp_path / "here")
    disk = full({"c.tar": b"the one before"} if there else {})
    text = refused(capsys, "cache", "export", disk.place / "c.tar", "--folder", tmp_path / "here")
    assert f"{disk.place}/c.tar: cannot be written: " in text
    disk.same()


def test_cache_import_show_and_trim(
    tmp_path: Path, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "here")
    assert main(["cache", "export", str(tmp_path / "c.tar"), "--folder", str(tmp_path / "here")]) == 0
    disk = full({"cache/probabilities/a/1.rows": b"before"})
    (disk.place / "cache").chmod(0o700)
    text = refused(
        capsys, "cache", "import", tmp_path / "c.tar", "--folder", disk.place / "cache", words="No space left"
    )
    assert f"{disk.place}/cache" in text
    disk.same()
    assert main(["cache", "show", "--folder", str(disk.place / "cache")]) == 0
    assert main(["cache", "trim", "--folder", str(disk.place / "cache"), "--max-gb", "0"]) == 0
    assert contents(disk.place) == {}  # there is room again


@pytest.mark.parametrize("there", [False, True])
def test_feed_init_and_dataset_index(
    project: Path, tiny: Tiny, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    names = ("i.csv", "f.npz", "c.yml")
    disk = full(dict.fromkeys(names, b"the one before") if there else {})
    index, feed, config = (disk.place / name for name in names)
    if not there:  # an existing list is not written over
        assert f"{index}: cannot be written" in refused(capsys, "dataset", "index", project / "images", index)
    image = next((project / "images").iterdir())
    assert f"{feed}: cannot be written" in refused(capsys, "feed", project / "config.yml", image, "--out", feed)
    assert f"{config}: cannot be written" in refused(capsys, "init", tiny.graph, "-o", config, "--force")
    disk.same()


@pytest.mark.parametrize("there", [False, True])
def test_diagnose_html(
    project: Path, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    disk = full({"d.html": b"the one before"} if there else {})
    text = refused(capsys, "diagnose", project / "config.yml", "--html", disk.place / "d.html")
    assert f"{disk.place}/d.html: cannot be written: " in text
    disk.same()


def test_reports_of_every_format_and_a_baseline(
    project: Path, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str]
) -> None:
    run = project / "run"
    assert main(["validate", str(project / "config.yml"), "--out", str(run)]) in (0, 1)
    capsys.readouterr()
    assert main(["report", str(run), "--format", ",".join(REPORTS)]) == 0
    disk = full({f"run/{name}": run / name for name in ("run.json", "predictions.parquet")})
    for name in REPORTS:
        refused(
            capsys, "report", disk.place / "run", "--format", name, words="No space left on device; free some space"
        )
        disk.same()
    refused(capsys, "report", "--index", disk.place)
    refused(capsys, "baseline", "update", run, disk.place / "b.json")
    disk.same()


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("target", ["openvino", "onnx", "litert", "int8"])
def test_convert(
    project: Path, tiny: Tiny, full: Callable[..., Disk], capsys: pytest.CaptureFixture[str], target: str, there: bool
) -> None:
    require({"onnx": "tf2onnx", "litert": "ai_edge_litert", "int8": "nncf"}.get(target, "openvino"))
    suffix = {"onnx": ".onnx", "litert": ".tflite"}.get(target, ".xml")
    disk = full({f"made/m{suffix}": b"the one before"} if there else {"made/note": b""})
    conversion: dict[str, Any] = {"to": target} if target in ("onnx", "litert") else {}
    if target == "int8":
        write_images(project / "apart", 8, seed=2)
        conversion = {"weights": "int8", "calibration": {"path": "apart", "images": 8}}

    def change(data: dict[str, Any]) -> None:
        (candidate,) = data["candidates"]
        candidate |= {"model": str(disk.place / f"made/m{suffix}"), "conversion": conversion, "output": "answer"}
        candidate |= {"backend": {"onnx": "onnxruntime", "litert": "litert"}.get(target, "openvino")}
        if target == "int8":
            data["conversion"] = candidate.pop("conversion")

    config = write_config(project, tiny, change)
    text = refused(capsys, "convert", config, "--overwrite", words="space")
    assert f"{disk.place}/made/m{suffix}" in text
    assert text.endswith(FULL) or "check the free disk space" in text  # OpenVINO does not say why it cannot write
    disk.same()


def test_a_suite(project: Path, small_disk: Path) -> None:
    """The disk becomes full while the runs write; with room, the suite goes on."""
    suite = project / "suite.yml"
    runs = [{"config": "config.yml", "id": f"run{number}"} for number in range(3)]
    suite.write_text(yaml.safe_dump({"version": 1, "name": "s", "runs": runs}))
    out = small_disk / "out"
    out.mkdir()
    (small_disk / "filler").write_bytes(bytes(250 * 1024))
    done = run_harness("suite", suite, "--out", out, "--no-cache", cwd=project)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert not [path for path in small_disk.rglob("*") if path.name.endswith(".tmp")]
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
    again = run_harness("suite", suite, "--out", out, "--no-cache", "--resume", cwd=project)
    assert again.returncode in (0, 1), again.stderr
    assert all((out / f"run{number}" / "run.json").is_file() for number in range(3))
