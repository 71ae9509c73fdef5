"""`harness bisect` as a whole: over releases from a folder of wheels, and over commits, each with a planted change."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from harness.backends.registry import register, unregister
from harness.cli import main
from harness.config import load_config
from harness.engine.capsule import Making, make_capsule
from tests.bisecting.conftest import uv  # noqa: F401  (a fixture)
from tests.bisecting.test_commits import commit, git
from tests.bisecting.wheels import FACTS, runtime, wheel

IMAGES, CLASSES = 12, 4


@pytest.fixture(autouse=True)
def _backend() -> Iterator[None]:
    register(FACTS)
    yield
    unregister(FACTS.name)


@pytest.fixture
def capsule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A capsule of one candidate that answers as the reference does, and is right for every image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(3)
    (tmp_path / "images").mkdir()
    weights = np.random.default_rng(7).normal(size=(3, CLASSES + 1))
    lines: list[str] = []
    while len(lines) < IMAGES:
        colour = generator.integers(0, 256, 3)
        answer = int((colour / 64 @ weights).argmax())
        if answer > 0:
            name = f"{len(lines):02d}.png"
            cv2.imwrite(str(tmp_path / "images" / name), np.full((8, 8, 3), colour, np.uint8))
            lines.append(f"{name} {answer - 1}\n")
    (tmp_path / "images.txt").write_text("".join(lines))
    for name in ("original.planted", "board/other.planted"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("weights")
    model = {"backend": "planted", "input": {"color": "BGR"}}
    data = {
        "version": 1,
        "name": "planted",
        "dataset": {"path": "images", "classes": CLASSES, "images": IMAGES, "preprocess": {"size": 8}},
        "reference": {**model, "id": "original", "model": "original.planted"},
        "candidates": [{**model, "id": "other", "model": "board/other.planted"}],
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(data))
    making = Making(use_cache=False, quiet=True)
    return make_capsule(load_config(tmp_path / "config.yml"), tmp_path / "board" / "a.capsule", making).path


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.slow  # a run of the harness in a process of its own for each release that the search asks for
@pytest.mark.usefixtures("uv")
def test_releases(capsule: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1.0 good; 1.1 moves probabilities a little, 1.2 cannot be installed, 1.3 loses the model: two answers."""
    wheels = capsule.parent / "wheels"
    runtime(wheels, "1.0")
    runtime(wheels, "1.1", sharper=1.0005)
    wheel(wheels, FACTS.distributions[0], "1.2", {"planted_runtime/__init__.py": ""}, whole=False)
    runtime(wheels, "1.3", loading="from harness.errors import ModelError; raise ModelError('no such operation')")
    runtime(wheels, "1.4", sharper=1.5)
    options = ["--find-links", str(wheels), "--offline", "--all", "--out", "runs"]
    assert main(["bisect", str(capsule), "--good", "1.0", "--bad", "1.4", *options]) == 1
    text = capsys.readouterr().out
    assert (
        "Changed: the verdict, first by one of these versions, of which only the last could be tried: 1.2, 1.3." in text
    )
    assert "Changed: the answers (by more than 0.0001), first by 1.1." in text
    found = json.loads(Path("runs/bisect.json").read_text())
    assert (found["package"], found["versions"]) == ("planted-runtime", ["1.0", "1.1", "1.2", "1.3", "1.4"])
    assert found["first_changed"] == {"verdict": "1.3", "answers": "1.1"}
    assert found["suspects"] == {"verdict": ["1.2"], "answers": []}
    trials = {trial["version"]: trial for trial in found["trials"]}
    assert {name: trial["verdict"] for name, trial in trials.items()} == {
        "1.0": "PASS",
        "1.1": "PASS",
        "1.2": "SKIPPED",
        "1.3": "ERROR",
        "1.4": "FAIL",
    }
    assert trials["1.0"]["candidates"][0]["max_abs_diff"] == 0
    (other,) = trials["1.1"]["candidates"]
    assert 1e-4 < other["max_abs_diff"] < 1e-3  # within parity's limit, beyond the tolerance of the answers
    assert other["moved_from_good"] == pytest.approx(other["max_abs_diff"])
    assert "no such operation" in trials["1.3"]["note"]
    assert Path("runs/1.4/run.json").is_file()


@pytest.mark.slow  # as above, for each commit
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commits(
    capsule: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each commit's own model is validated, and a commit that makes none is skipped; both ends have to make one."""
    with zipfile.ZipFile(runtime(tmp_path, "1.0")) as archive:
        archive.extractall(tmp_path / "installed")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"))
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    hashes = [commit(repository, text) for text in ("weights 1", "weights 2", "fails", "missing", "missing too")]
    make = "grep -q fails model.txt && exit 1; grep -q missing model.txt || cp model.txt m.planted; echo m.planted"
    chosen = ["--commits", f"{hashes[0]}..main", "--convert", make, "--repository", str(repository)]
    assert main(["bisect", str(capsule), *chosen, "--json"]) == 3  # the bad end makes no model
    assert "did not write m.planted" in capsys.readouterr().err

    hashes.append(commit(repository, "weights 3"))
    assert main(["bisect", str(capsule), *chosen, "--all", "--json"]) == 0
    found = document(capsys)
    assert [trial["version"] for trial in found["trials"]] == hashes
    assert [trial["verdict"] for trial in found["trials"]] == ["PASS", "PASS", "SKIPPED", "SKIPPED", "SKIPPED", "PASS"]
    assert found["subjects"][hashes[1]] == "Model weights 2"
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    records = [
        json.loads((Path(trial["folder"]) / "run.json").read_text()) for trial in found["trials"] if trial["tried"]
    ]
    digests = [record["models"][1]["model_sha256"] for record in records]
    assert len(set(digests)) == 3  # each commit's own file was validated


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--good and --bad missing"),
        (["--good", "1"], "--bad missing"),
        (["--good", "1", "--bad", "2", "--convert", "x"], "--convert needs --commits"),
        (["--commits", "a..b"], "--convert missing"),
        (["--commits", "a..b", "--convert", "x", "--offline"], "--offline needs --good and --bad"),
        (["--good", "1", "--bad", "2", "--tolerance", "2"], "--tolerance 2"),
        (["--good", "1", "--bad", "2", "--out", "board"], "board: already exists"),
        (["--commits", "a..b", "--convert", "x", "--candidate", "othr"], "did you mean other?"),
        (["--good", "1", "--bad", "2", "--set", "candidates.othr.device=GPU"], "did you mean"),
    ],
)
def test_refused(
    capsule: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.bisecting import uv as tool

    monkeypatch.setattr(tool, "releases", lambda *_: ("1", "2"))
    assert main(["bisect", str(capsule), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_capsule_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.capsule").write_bytes(b"harness capsule\n")
    assert main(["bisect", str(tmp_path / "a.capsule"), "--good", "1", "--bad", "2"]) == 3
    assert "Traceback" not in capsys.readouterr().err
