"""`python -m harness.bench.proposals MODEL... --images PATH`: what `harness init` finds for each model, as a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.disk.marks import write_between
from harness.errors import HarnessError
from harness.proposing.measuring import Measured
from harness.proposing.models import find_models
from harness.proposing.proposal import contract_words, propose

_BEGIN, _END = "<!-- measured -->", "<!-- end -->"
_HEAD = (
    "| model | contract | colour, mean and scale | background | crop and filter | right | answers | seconds |",
    "|---|---|---|---|---|---|---|---|",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each model by itself, print the table, and write it into a page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench.proposals", description=__doc__)
    parser.add_argument("models", metavar="MODEL", type=Path, nargs="+")
    parser.add_argument("--images", metavar="PATH", type=Path, required=True)
    parser.add_argument("--labels", metavar="SOURCE")
    parser.add_argument("--into", metavar="PAGE", type=Path, help=f"a page with {_BEGIN} and {_END}")
    options = parser.parse_args(arguments)
    try:
        rows = [row(path, options.images, options.labels) for path in options.models]
        table = "\n".join((*_HEAD, *rows))
        if options.into:
            write_between(options.into, _BEGIN, _END, f"{table}\n")
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    print(table)
    return 0


def row(path: Path, images: Path, labels: str | None) -> str:
    """Return one model's line of the table. Raises HarnessError."""
    proposal = propose(find_models([path]), images, labels, lambda name, text: print(name, text, file=sys.stderr))
    (found,) = proposal.measured.values()
    fed = f"{found.contract.color}, {contract_words(found.contract)}"
    cells = [
        f"`{path.name}`",
        state(found),
        fed,
        "yes" if found.shift == 1 else "no",
        _pixels(found),
        f"{found.right} of {found.images}",
        f"{found.answers:,}",
        f"{found.seconds:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def state(found: Measured) -> str:
    """Return a description of whether a contract was found."""
    return "found" if found.is_found else "no clear margin" if found.reached else "not found"


def _pixels(found: Measured) -> str:
    open_ones = [decision for decision in (found.crop, found.filter) if decision is not None and not decision.is_clear]
    words = f"{found.protocol.crop_name}; {found.protocol.filter_name}"
    return f"{words} (no clear margin)" if open_ones else words


if __name__ == "__main__":
    sys.exit(main())
