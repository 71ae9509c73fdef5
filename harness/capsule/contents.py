"""What a capsule holds: the schema of its description, and the names of its other parts.

======================== ===================================================================================
``capsule``              the description, JSON (:class:`Contents`)
``image_ids``            JSON list of the image ids, in their order
``labels``               i4 (n,): 0-based class of each image, without background
``digests``              u1 (n, 32): sha256 of each image's encoded bytes; zeros where it had none
``answers``              f4 (n, outputs): what the reference gave, before any activation; zeros for bad images
``pixels/K/S``           u1 or f4 (rows, height, width, 3) BGR: shard ``S`` after preprocessing ``K``
``encoded/S``, ``sizes`` the encoded images of shard ``S`` one after the other; i8 (n,): the size of each
======================== ===================================================================================

A capsule has pixels or encoded images, never both; ``answers`` is missing where there is no reference.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt

from harness.config.preprocess import Preprocess
from harness.disk.beginnings import CAPSULE
from harness.disk.parts import PartsKind
from harness.errors import DatasetError

KIND = PartsKind(
    name="parity capsule",
    magic=CAPSULE,
    newest=1,
    mend="make it again with `harness capsule make`, or copy it again",
    error=DatasetError,
)
SHARD_ROWS = 256  # rows of one part with pixels or encoded images

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Row = NonNegativeInt


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BadRow(_Part):
    """An image that could not be used where the capsule was made, and why."""

    row: Row
    reason: str


class Images(_Part):
    """Which images they are. ``listed``: how many the set listed from which they were taken.

    ``seed``: they are the first of its random order with this seed, as a certification draws them; None: the first
    as they were listed. ``fingerprint``: sha256 over (image id, label), as in the record.
    """

    count: PositiveInt
    listed: PositiveInt
    form: str
    name: str
    label_source: str
    seed: NonNegativeInt | None = None
    fingerprint: Sha256
    bad: tuple[BadRow, ...] = ()


class Prepared(_Part):
    """A preprocessing whose pixels are in the capsule, and the libraries that made them, the decoder first."""

    preprocess: Preprocess
    libraries: tuple[str, ...]


class ReferenceAnswers(_Part):
    """The model whose predictions they are.

    ``contract``: what they depend on in addition to the images, as the configuration says it. ``loaded``: what the
    model reported about itself; ``applied``: what turns the output into probabilities; ``outputs``: values per image.
    """

    sha256: Sha256
    bytes: NonNegativeInt
    outputs: PositiveInt
    contract: dict[str, Any]
    loaded: dict[str, Any]
    applied: Literal["none", "softmax", "sigmoid"]


class Contents(_Part):
    """The description. ``config``: the configuration without places; ``encoded``: images are encoded, not pixels."""

    harness_version: str
    made_utc: str
    config: dict[str, Any]
    environment: dict[str, Any]
    images: Images
    encoded: bool = False
    prepared: tuple[Prepared, ...] = ()
    reference: ReferenceAnswers | None = None
    certify_pp: FiniteFloat | None = None


def shards(count: int) -> list[range]:
    """Return the rows of each shard of ``count`` images."""
    return [range(start, min(start + SHARD_ROWS, count)) for start in range(0, count, SHARD_ROWS)]
