"""The command line with the backend `fake` registered: ``python -m tests.engine.spread.fake_driver validate ...``."""

from __future__ import annotations

import sys

from harness.backends.registry import register
from harness.cli import main
from tests.backends.fake import FACTS

register(FACTS)
if __name__ == "__main__":
    sys.exit(main())
