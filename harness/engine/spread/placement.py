"""Which models run together on which kind of worker, and how many workers of each kind a cluster has room for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.config import Candidate, Config
from harness.errors import AbsentDeviceError, ConfigError
from harness.record.shard_table import Failure

PROCESSOR = "CPU"
_CHOOSING = frozenset({"AUTO", "MULTI", "HETERO", "BATCH"})  # words in a device's name that name no device


@dataclass(frozen=True)
class Node:
    """A machine of the cluster. ``resources``: all that it offers, taken or not."""

    name: str
    resources: Mapping[str, float]

    def room_for(self, needs: Mapping[str, float]) -> int:
        """Return how many workers with these needs fit."""
        return int(min(self.resources.get(name, 0.0) / amount for name, amount in needs.items()))

    def without(self, needs: Mapping[str, float], workers: int) -> Node:
        """Return the node with that many workers on it."""
        left = {name: amount - workers * needs.get(name, 0.0) for name, amount in self.resources.items()}
        return Node(self.name, left)


@dataclass(frozen=True)
class Wanted:
    """A model that has to run somewhere. ``optional``: its device may be absent."""

    id: str
    device: str
    optional: bool = False


@dataclass(frozen=True)
class Group:
    """Models that run on the same kind of worker. ``needs``: what one worker takes; ``workers``: how many there are."""

    models: tuple[str, ...]
    needs: Mapping[str, float]
    workers: int = 1


@dataclass(frozen=True)
class Placement:
    """The groups, that of the first model of the run first; ``absent``: optional candidates that no node can run."""

    groups: tuple[Group, ...]
    absent: Mapping[str, Failure]


def device_resources(device: str) -> frozenset[str]:
    """Return the names of the resources that a device stands for; none for the processor.

    Such as NPU for NPU, GPU for GPU.1, and GPU for HETERO:GPU,CPU. AUTO takes what it finds and stands for none.
    """
    names = {part.partition(".")[0].partition("(")[0] for part in re.split(r"[:,]", device.upper())}
    return frozenset(name for name in names if name and not name.startswith("-")) - _CHOOSING - {PROCESSOR}


def wanted_by(config: Config) -> list[Wanted]:
    """Return the models of a configuration, the reference first; that always runs on the processor."""
    found = [Wanted(config.reference.id, PROCESSOR)] if config.reference else []
    return [*found, *(_wanted(candidate) for candidate in config.candidates)]


def _wanted(candidate: Candidate) -> Wanted:
    return Wanted(candidate.id, candidate.device, candidate.optional)


def place(
    models: Sequence[Wanted], nodes: Sequence[Node], resources: Mapping[str, float], workers: int | None
) -> Placement:
    """Return the groups of a run's models (the reference first) and how many workers each has.

    ``resources``: what one worker takes of each; ``workers``: how many are wanted in the first group, None: all that
    fit. Raises AbsentDeviceError if no node offers the device of a candidate that is not optional, ConfigError if no
    node has the cores.
    """
    cores = float(resources.get(PROCESSOR, 1.0))
    if not any(node.room_for({PROCESSOR: cores}) for node in nodes):
        most = max((node.resources.get(PROCESSOR, 0.0) for node in nodes), default=0.0)
        raise ConfigError(
            f"engine.resources: a worker takes {cores:g} cores, but the largest of {len(nodes)} nodes has "
            f"{most:g}; set it lower"
        )
    by_devices: dict[frozenset[str], list[Wanted]] = {}
    for model in models:
        by_devices.setdefault(device_resources(model.device), []).append(model)
    groups, absent = [], {}
    for devices, members in by_devices.items():
        needs = {PROCESSOR: cores, **{name: float(resources.get(name, 1.0)) for name in sorted(devices)}}
        if any(node.room_for(needs) for node in nodes):
            groups.append(Group(tuple(model.id for model in members), needs))
            continue
        for model in members:
            error = _absent(model, needs)
            if not model.optional:
                raise error
            absent[model.id] = Failure(str(error), unavailable=True, kind=type(error).__name__)
    if not groups:
        raise AbsentDeviceError("\n  ".join(["no model can run", *(item.message for item in absent.values())]))
    return Placement(_staffed(groups, list(nodes), workers), absent)


def _absent(model: Wanted, needs: Mapping[str, float]) -> AbsentDeviceError:
    wanted = ", ".join(f"{name}: {amount:g}" for name, amount in needs.items())
    resource = next(name for name in needs if name != PROCESSOR)
    return AbsentDeviceError(
        f"{model.id}: no node of the cluster offers {model.device} (a worker takes {wanted}); start a node "
        f"that has it with `ray start --resources '{{\"{resource}\": 1}}'`, or leave the candidate out"
    )


def _staffed(groups: Sequence[Group], nodes: list[Node], workers: int | None) -> tuple[Group, ...]:
    """Return the groups with their numbers of workers: first those that few nodes can run, one core kept for each."""
    scarce = sorted(range(len(groups)), key=lambda place: -len(groups[place].needs))
    staffed = dict(enumerate(groups))
    for place in scarce:
        needs = groups[place].needs
        first = place == 0
        wanted = workers if first and workers is not None else None
        if wanted is None:
            others = 0 if first else int(any(len(groups[other].needs) < len(needs) for other in scarce))
            wanted = max(1, sum(node.room_for(needs) for node in nodes) - others)
        left = wanted
        for number, node in enumerate(nodes):
            taken = min(left, node.room_for(needs))
            nodes[number], left = node.without(needs, taken), left - taken
        staffed[place] = Group(groups[place].models, needs, wanted)
    return tuple(staffed[place] for place in range(len(groups)))
