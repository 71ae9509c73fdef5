"""The configuration of the engine: what evaluates the shards, here or on a cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.config.types import Count, Number, Strict

_WEEK = 7 * 24 * 3600  # seconds

EngineKind = Literal["local", "ray"]
ResourceName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.\-]*$", max_length=80)]


class EngineSettings(Strict):
    """What evaluates the shards. A local engine ignores all but `kind`."""

    kind: EngineKind = Field("local", description="local: this process; ray: workers on a Ray cluster.")
    address: str = Field(
        "auto",
        min_length=1,
        description="Address of the Ray cluster; auto: the one that runs on this machine, or else one that is started "
        "for this run.",
    )
    workers: Count | None = Field(
        None, description="How many workers evaluate shards; without it as many as the cluster has room for."
    )
    resources: dict[ResourceName, Annotated[Number, Field(gt=0)]] = Field(
        default_factory=dict,
        description="What one worker takes of each Ray resource: `CPU` is its number of cores, and a device has the "
        "resource of its own name, such as NPU. Each is 1 without it.",
    )
    timeout_seconds: Annotated[Number, Field(gt=0, le=_WEEK)] = Field(
        1800.0, description="The longest that a worker may take to evaluate one shard, or a cluster to start a worker."
    )
