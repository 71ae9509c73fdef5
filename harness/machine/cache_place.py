"""Where caches are kept if no configuration says so."""

from __future__ import annotations

import os
from pathlib import Path

NOWHERE = Path(os.devnull) / "no home"  # where nothing can be written


def default_cache_folder() -> Path:
    """Return $HARNESS_CACHE, or the user's cache folder; NOWHERE for a user without a home, as containers have them."""
    if os.environ.get("HARNESS_CACHE"):
        return Path(os.environ["HARNESS_CACHE"])
    import platformdirs

    try:
        return Path(platformdirs.user_cache_dir("conversion-accuracy-harness", appauthor=False))
    except RuntimeError:
        return NOWHERE
