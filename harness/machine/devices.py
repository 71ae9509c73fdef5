"""Devices that models run on, as a backend describes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device as a configuration names it.

    ``capabilities``: the framework's own words, sorted; ``precisions``: what `precision:` may pin on it;
    ``default_precision``: what `device_default` gives; ``plugin``: the plug-in and its version; ``note``: what the
    plug-in did not report; ``remark``: a note for users. Unknown values are None or empty.
    """

    name: str
    full_name: str | None
    type: str | None
    capabilities: tuple[str, ...]
    precisions: tuple[str, ...]
    default_precision: str | None
    plugin: str | None
    note: str | None = None
    remark: str | None = None


@dataclass(frozen=True)
class VirtualDevice:
    """A device that runs a model on others; ``example``: as a configuration names it."""

    name: str
    example: str
    what: str
    plugin: str | None


@dataclass(frozen=True)
class AbsentDevice:
    """A device that a user might expect, and why it is missing."""

    name: str
    reason: str


@dataclass(frozen=True)
class Devices:
    """All that a backend offers. ``version``: of its framework."""

    version: str
    devices: tuple[Device, ...]
    virtual: tuple[VirtualDevice, ...]
    absent: tuple[AbsentDevice, ...]
