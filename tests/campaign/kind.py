"""What a kind of the campaign is, and what several kinds use."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaign.mutations import Mutate

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Kind:
    """``make`` writes a sound folder and returns the file to be mutated; ``use`` reads it as the harness does.

    ``use`` may raise HarnessError; anything else that it raises is a bug. ``needs``: modules without which it says
    nothing. ``share``: how many mutations it gets, as a part of those of a quick kind. ``addresses``: bytes of the
    address space of a worker, so that more is refused as on a smaller machine; None where V8 draws a chart, which
    reserves more.
    """

    name: str
    make: Callable[[Path], Path]
    mutate: Mutate
    use: Callable[[Path], object]
    needs: tuple[str, ...] = ()
    share: float = 1.0
    addresses: int | None = 16 * 2**30


def command(*arguments: object) -> str:
    """Run a command as the shell does, but for exceptions, which arrive here; return what it prints to stdout."""
    from harness import cli
    from harness.errors import EXIT_BUG, EXIT_INTERRUPTED

    given = [str(argument) for argument in arguments]
    options = cli.build_parser(given).parse_args(given)
    options.given = given
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        code = cli._run(options.run, options)
    assert 0 <= code < EXIT_BUG or code == EXIT_INTERRUPTED
    return out.getvalue()


def picture(number: int, suffix: str = "JPEG") -> bytes:
    from PIL import Image

    generator = np.random.default_rng(number)
    pixels = np.kron(generator.integers(0, 256, (4, 5, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, suffix)
    return out.getvalue()


def read_all(path: Path, **keys: Any) -> int:
    """Open an image set and decode every image, as a run does; bad images are part of the answer."""
    from harness.config import Preprocess
    from harness.config.schema import Dataset
    from harness.dataset.image_set import open_image_set
    from harness.feeding.decode import Decoder

    dataset = Dataset(path=path, **keys)
    images = open_image_set(dataset)
    with Decoder(images, Preprocess(size=16), threads=1) as decoder:
        return sum(len(part.bad) for part in decoder.shards(list(enumerate(images.manifest.shards()))))
