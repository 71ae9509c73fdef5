"""Libraries that read untrusted files: any error for a damaged file becomes one refusal that names it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import HarnessError
from harness.text import first_line, printable


@contextlib.contextmanager
def parsing(
    path: Path | str,
    refused: type[HarnessError],
    mend: str,
    *,
    what: str = "cannot be read",
    say: Callable[[Exception], str] = first_line,
) -> Iterator[None]:
    """Raise ``refused`` for any error of a library inside the block: "PATH: WHAT: reason; MEND".

    Parsers document few of the exceptions that they raise for a damaged file. Inside stands what calls the library, and
    no code of the harness that could have a bug of its own. Our own errors and a lack of memory pass; an error of the
    system says what the system says. ``say``: finds the reason in the library's message.
    """
    try:
        yield
    except (HarnessError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  (as above)
        if isinstance(error, OSError) and error.strerror and error.filename:
            raise refused(f"{path}: cannot be read: {error.strerror}") from None
        raise refused(f"{path}: {what}: {printable(say(error))[:300]}; {mend}") from None
