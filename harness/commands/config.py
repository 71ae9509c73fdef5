"""`harness config check` and `harness config schema`."""

from __future__ import annotations

import argparse
import json
import sys

from harness.config import load_config, require_calibration, require_files
from harness.config.schema import Config


def check(options: argparse.Namespace) -> int:
    """Check a configuration and that the files it names are there."""
    config = load_config(options.config, options.overrides)
    made_by_validate = all(config.conversion_for(candidate).automatic for candidate in config.candidates)
    require_files(config, candidates=not made_by_validate)
    if made_by_validate:
        require_calibration(config, [candidate for candidate in config.candidates if not candidate.model.exists()])
    candidates = ", ".join(candidate.id for candidate in config.candidates)
    print(f"{options.config}: in order. Reference {config.reference.id}, candidates {candidates}.")
    return 0


def json_schema() -> str:
    """Return the configuration's JSON Schema as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema(_options: argparse.Namespace) -> int:
    """Print the JSON Schema, from which editors complete the keys."""
    sys.stdout.write(json_schema())
    return 0
