"""The trackers that a run can be sent to; each is a separate extra, imported only when it is used."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, TrackingError
from harness.text import printable
from harness.tracking.entry import Entry

_FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"  # named by MLflow 3.17 when it refuses a folder


@dataclass(frozen=True)
class Target:
    """Where an entry goes. ``project``: MLflow's experiment, W&B's project, instead of the configuration's name.

    ``uri``: MLflow's tracking server or database (None: MLflow's own setting); ``offline``: W&B writes into ``folder``,
    to be sent later, and nothing goes over the network.
    """

    project: str | None = None
    uri: str | None = None
    offline: bool = False
    folder: Path = Path()


def send(name: str, entry: Entry, target: Target) -> str:
    """Send an entry to the tracker ``name``; return a line that says where it is now.

    Raises ConfigError if the tracker's package is not installed, TrackingError with its own words where it refuses.
    """
    try:
        return SINKS[name](entry, target)
    except (ConfigError, KeyboardInterrupt):
        raise
    except Exception as error:
        if _FILE_STORE in str(error):
            raise TrackingError(
                f"mlflow no longer writes to the folder {printable(target.uri or 'mlruns')}; use a database, "
                f"`--uri sqlite:///mlflow.db`, or set {_FILE_STORE}=true"
            ) from error
        message = str(error).strip().splitlines() or [type(error).__name__]
        raise TrackingError(f"{name} rejected the run: {printable(message[0])}") from error


def _import(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{module} cannot be imported ({printable(str(error))}); pip install 'conversion-accuracy-harness[{extra}]'"
        ) from error


def _mlflow(entry: Entry, target: Target) -> str:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # the user wants the tracker, not its statistics
    client_of = _import("mlflow", "mlflow").MlflowClient
    entities = _import("mlflow.entities", "mlflow")
    client = client_of(tracking_uri=target.uri)
    project = target.project or entry.project
    known = client.get_experiment_by_name(project)
    experiment = known.experiment_id if known else client.create_experiment(project)
    run = client.create_run(experiment, start_time=entry.started_ms, run_name=entry.name).info
    try:
        metrics = [entities.Metric(key, value, entry.started_ms, 0) for key, value in entry.metrics.items()]
        client.log_batch(run.run_id, metrics=metrics, tags=[entities.RunTag(*item) for item in entry.tags.items()])
        parameters = [entities.Param(*item) for item in entry.parameters.items()]
        for start in range(0, len(parameters), 100):  # as many as a server takes at once
            client.log_batch(run.run_id, params=parameters[start : start + 100])
        for file in entry.files:
            client.log_artifact(run.run_id, str(file))
    except BaseException:
        client.set_terminated(run.run_id, "FAILED")
        raise
    client.set_terminated(run.run_id, "FINISHED" if entry.completed else "FAILED")
    return f"mlflow: experiment {project}, run {run.run_id}"


def _wandb(entry: Entry, target: Target) -> str:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
    wandb = _import("wandb", "wandb")
    project = target.project or entry.project.replace("/", "_")
    run = wandb.init(
        project=project,
        name=entry.name,
        config=entry.parameters,
        tags=[entry.tags["verdict"]],
        dir=str(target.folder),
        mode="offline" if target.offline else None,
    )
    try:
        run.summary.update({**entry.metrics, **entry.tags})
        artifact = wandb.Artifact(f"{entry.project.replace(' ', '_').replace('/', '_')}-report", type="accuracy-report")
        for file in entry.files:
            artifact.add_file(str(file))
        run.log_artifact(artifact)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish(exit_code=0 if entry.completed else 1)
    if run.offline:  # requested by --offline, by WANDB_MODE or by `wandb offline`
        return f"wandb: offline, project {project}, run {run.id}; send it with: wandb sync {Path(run.dir).parent}"
    return f"wandb: project {project}, run {run.url or run.id}"


SINKS: dict[str, Callable[[Entry, Target], str]] = {"mlflow": _mlflow, "wandb": _wandb}
