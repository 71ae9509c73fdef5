"""`harness track`: a finished run to an experiment tracker; needs that tracker's package and no framework."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.options import add_run
from harness.commands.result import Result
from harness.errors import ConfigError
from harness.text import printable

NAME = "track"
HELP = "log a finished run to MLflow or Weights & Biases"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness track`."""
    add_run(parser)
    parser.add_argument("--to", choices=["mlflow", "wandb"], required=True, help="log to this tracker (required)")
    parser.add_argument(
        "--project",
        metavar="NAME",
        help="log to this experiment (MLflow) or project (W&B) (default: the name of the configuration)",
    )
    parser.add_argument(
        "--uri", help="log to this tracking server or database of MLflow (default: $MLFLOW_TRACKING_URI)"
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="write a local folder for `wandb sync` instead of sending the run (W&B only)",
    )
    parser.add_argument(
        "--dir",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="write W&B's local files to this folder (default: the current folder)",
    )


def run(options: argparse.Namespace) -> Result:
    """Send the record's figures, parameters and reports; the result says where they are."""
    from harness.judging.recount import read_sound_record
    from harness.tracking.entry import entry_of
    from harness.tracking.sinks import Target, send

    if options.to == "mlflow" and options.offline:
        raise ConfigError("--offline is for wandb; for MLflow name a local database: --uri sqlite:///mlflow.db")
    if options.to == "wandb" and options.uri:
        raise ConfigError("--uri is for mlflow; W&B takes its server from WANDB_BASE_URL")
    entry = entry_of(read_sound_record(options.folder))
    target = Target(options.project, options.uri, options.offline, options.dir)
    return Result(text=f"{printable(send(options.to, entry, target))}\n")
