"""The configuration of the engine: what evaluates the shards, here or on a cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.config.types import Count, Number, Strict

_WEEK = 7 * 24 * 3600  # seconds

EngineKind = Literal["local", "ray"]
ResourceName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.\-]*$", max_length=80)]


class EngineSettings(Strict):
    """Where shards are evaluated. The local engine ignores all keys except `kind`."""

    kind: EngineKind = Field("local", description="local: this process; ray: workers on a Ray cluster.")
    address: str = Field(
        "auto",
        min_length=1,
        description="Address of the Ray cluster; auto: $RAY_ADDRESS, or the cluster on this machine, or a new one on "
        "this machine for this run.",
    )
    workers: Count | None = Field(
        None, description="Number of workers that evaluate shards. Default: as many as fit on the cluster."
    )
    resources: dict[ResourceName, Annotated[Number, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Amount of each Ray resource that one worker takes, by default 1: `CPU` is its number of cores, "
        "and a device has the resource of its own name, such as NPU.",
    )
    timeout_seconds: Annotated[Number, Field(gt=0, le=_WEEK)] = Field(
        1800.0,
        description="Time limit, in seconds, for a worker to evaluate one shard, or for the cluster to start a worker.",
    )
