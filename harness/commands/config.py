"""`harness config check` and `harness config schema`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from harness.commands.options import add_actions, add_config, add_named
from harness.commands.result import Result
from harness.text import printable

NAME = "config"
HELP = "check a configuration, or print its schema"

_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `harness config`."""
    actions = add_actions(parser)
    add_config(add_named(actions, "check", "check a configuration and that the files it names exist"))
    printing = add_named(actions, "schema", "print the JSON Schema of configurations, for editors")
    printing.add_argument("--suite", action="store_true", help="print the schema of suite files instead")


def run(options: argparse.Namespace) -> Result:
    """Run the chosen action."""
    return check(options) if options.action == "check" else schema(suite=options.suite)


def check(options: argparse.Namespace) -> Result:
    """Check a configuration and that the files it names are there."""
    from harness.config import load_config, require_calibration, require_files
    from harness.config.limits import never_failing
    from harness.config.unstated import unstated

    config = load_config(options.config, options.overrides)
    made_by_validate = all(config.conversion_for(candidate).automatic for candidate in config.candidates)
    require_files(config, candidates=not made_by_validate)
    if made_by_validate:
        require_calibration(config, [candidate for candidate in config.candidates if not candidate.model.exists()])
    candidates = ", ".join(candidate.id for candidate in config.candidates)
    file = printable(str(options.config))
    warnings = "".join(f"warning: {printable(text)}\n" for text in [*unstated(config), *never_failing(config)])
    named = f"Reference {config.reference.id}" if config.reference else "No reference"
    return Result(text=f"{warnings}{file}: valid. {named}, candidates {candidates}.\n")


def schema(*, suite: bool = False) -> Result:
    """Return the JSON Schema, from which editors complete the keys. ``suite``: that of suite files."""
    return Result(text=json_schema(suite=suite))


def json_schema(*, suite: bool = False) -> str:
    """Return the JSON Schema of configurations, or of suites, as text."""
    from harness.config import Config
    from harness.config.suite import Suite

    own = (Suite if suite else Config).model_json_schema()
    plain = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_limits(own)}
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _with_limits(schema: Any) -> Any:
    """Write limits as JSON Schema has them: pydantic leaves its own words where a validator runs before them."""
    if isinstance(schema, list):
        return [_with_limits(item) for item in schema]
    if isinstance(schema, dict):
        return {_LIMITS.get(key, key): _with_limits(value) for key, value in schema.items()}
    return schema
