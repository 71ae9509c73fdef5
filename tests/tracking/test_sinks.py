"""Trackers: what a run becomes in MLflow and W&B, with the real packages where they are installed, offline."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.cli import main
from harness.errors import EXIT_NOT_COMPLETED, EXIT_USAGE
from harness.record.store import to_json
from tests.report.records import record


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(to_json(record()), encoding="utf-8")
    (folder / "report.md").write_text("# report\n", encoding="utf-8")
    return folder


def is_there(*modules: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in modules)


@pytest.mark.skipif(not is_there("mlflow", "sqlalchemy", "alembic"), reason="mlflow is not installed")
def test_mlflow_in_a_database_of_ones_own(run: Path, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    command = ["-m", "harness", "track", str(run), "--to", "mlflow", "--uri", f"sqlite:///{database}"]
    done = subprocess.run(
        [sys.executable, *command, "--project", "mine"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mlflow: experiment mine, run ")
    with sqlite3.connect(database) as connection:  # as MLflow keeps it, read without MLflow
        metrics = dict(connection.execute("select key, value from metrics"))
        parameters = dict(connection.execute("select key, value from params"))
        tags = dict(connection.execute("select key, value from tags"))
        [status] = connection.execute("select status from runs").fetchone()
    assert metrics["ir.top1_percent"] == pytest.approx(100 * 509 / 650)
    assert parameters["tf.backend"] == "tensorflow"
    assert (tags["verdict"], status) == ("PASS", "FINISHED")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.rglob("artifacts/report.md")] == ["# report\n"]


@pytest.mark.skipif(not is_there("wandb"), reason="wandb is not installed")
def test_wandb_offline(run: Path, tmp_path: Path) -> None:
    command = ["-m", "harness", "track", str(run), "--to", "wandb", "--offline", "--dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "wandb sync" in done.stdout
    [file] = tmp_path.glob("wandb/offline-run-*/*.wandb")
    data = file.read_bytes()
    assert b"ir.top1_percent" in data
    assert b"mobilenet-v2-1.0-224" in data


class Calls:
    """A stand-in for a tracker's object: notes what it is asked."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.made: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._answers = answers or {}

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            self.made.append((name, given, named))
            answer = self._answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def names(self) -> list[str]:
        return [name for name, _, _ in self.made]


def fake_mlflow(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Calls:
    client = Calls(
        {"create_run": SimpleNamespace(info=SimpleNamespace(run_id="r1")), "create_experiment": "7", **answers}
    )
    module, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    module.MlflowClient = lambda tracking_uri: client  # type: ignore[attr-defined]
    entities.Metric = entities.Param = entities.RunTag = lambda *fields: fields  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    return client


def test_mlflow_is_told_everything_and_the_run_is_ended(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = fake_mlflow(monkeypatch)
    assert main(["track", str(run), "--to", "mlflow"]) == 0
    assert capsys.readouterr().out == "mlflow: experiment mobilenet-v2-1.0-224, run r1\n"
    assert client.names()[:3] == ["get_experiment_by_name", "create_experiment", "create_run"]
    assert client.made[-1] == ("set_terminated", ("r1", "FINISHED"), {})
    files = [Path(given[1]).name for name, given, _ in client.made if name == "log_artifact"]
    assert files == ["run.json", "report.md"]


def test_a_known_experiment_is_used_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake_mlflow(monkeypatch, get_experiment_by_name=SimpleNamespace(experiment_id="3"))
    assert main(["track", str(run), "--to", "mlflow"]) == 0
    assert "create_experiment" not in client.names()
    assert next(given for name, given, _ in client.made if name == "create_run") == ("3",)


def test_a_tracker_that_refuses_is_no_bug_of_ours(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = fake_mlflow(monkeypatch, log_artifact=OSError("the server is away\nsecond line"))
    assert main(["track", str(run), "--to", "mlflow"]) == EXIT_NOT_COMPLETED
    error = capsys.readouterr().err
    assert "mlflow rejected the run: the server is away" in error
    assert "second line" not in error
    assert client.made[-1] == ("set_terminated", ("r1", "FAILED"), {})


def test_a_folder_that_mlflow_refuses_has_a_way_out(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words are those of MLflow 3.17."""
    refusal = OSError(
        "The filesystem tracking backend (e.g., './mlruns') is in maintenance mode and will not receive further "
        "updates. If the filesystem backend is required for your workflow, set `MLFLOW_ALLOW_FILE_STORE=true`"
    )
    fake_mlflow(monkeypatch, get_experiment_by_name=refusal)
    assert main(["track", str(run), "--to", "mlflow", "--uri", "file:store"]) == EXIT_NOT_COMPLETED
    error = capsys.readouterr().err
    assert "the folder file:store; use a database, `--uri sqlite:///mlflow.db`" in error
    assert "maintenance" not in error


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_a_package_that_is_not_there_is_named_with_its_extra(
    name: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert main(["track", str(run), "--to", name]) == EXIT_USAGE
    assert f"pip install 'conversion-accuracy-harness[{name}]'" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["--offline", "WANDB_MODE=offline"])
def test_wandb_is_told_everything(
    how: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary: dict[str, Any] = {}
    files: list[str] = []
    ended: list[int] = []
    started: dict[str, Any] = {}
    the_run = SimpleNamespace(
        id="w1",
        offline=True,
        url=None,
        dir=str(tmp_path / "wandb/offline-run-1/files"),
        summary=summary,
        log_artifact=lambda _: None,
        finish=lambda **given: ended.append(given["exit_code"]),
    )
    module = ModuleType("wandb")
    module.init = lambda **given: started.update(given) or the_run  # type: ignore[attr-defined]
    module.Artifact = lambda *_, **__: SimpleNamespace(add_file=files.append)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    given = [how] if how == "--offline" else []
    assert main(["track", str(run), "--to", "wandb", *given, "--project", "p", "--dir", str(tmp_path)]) == 0
    assert (started["project"], started["dir"]) == ("p", str(tmp_path))
    assert started["mode"] == ("offline" if given else None)  # None: W&B reads its own variable
    assert capsys.readouterr().out.endswith(f"wandb sync {tmp_path}/wandb/offline-run-1\n")
    assert summary["ir.top5_percent"] == pytest.approx(100 * 610 / 650)
    assert [Path(file).name for file in files] == ["run.json", "report.md"]
    assert ended == [0]
    json.dumps(summary, allow_nan=False)


@pytest.mark.parametrize("options", [["--to", "mlflow", "--offline"], ["--to", "wandb", "--uri", "x"]])
def test_options_of_the_other_tracker_are_refused(options: list[str], run: Path) -> None:
    assert main(["track", str(run), *options]) == EXIT_USAGE
