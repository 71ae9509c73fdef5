"""The suite file: many configurations, each on its own image set or on several, run one after the other."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from harness.config.dataset import Dataset
from harness.config.explain import explain
from harness.config.load import read_values
from harness.config.origin import Key, Origin, dotted
from harness.config.schema import Config
from harness.config.types import Count, Location, ModelId, Number, PercentagePoints, Strict, not_truth
from harness.errors import ConfigError, nearest
from harness.text import printable

_MOST_FAULTS = 50
_ID: TypeAdapter[str] = TypeAdapter(ModelId)
_OF_A_CONFIGURATION = ("dataset", "reference", "candidates", "matrix")


class Pixels(Strict):
    """Decoded images, shared by runs on the same images with the same preprocessing."""

    share: bool = Field(True, description="Decode the images once for all runs with the same preprocessing.")
    max_gb: Annotated[Number, Field(ge=0)] = Field(
        20.0,
        description="Disk space, in GB, for shared pixels while the suite runs; an image of 224 x 224 takes 150 kB.",
    )


class SuiteRun(Strict):
    """One configuration, on its own image set or on some of the suite's."""

    config: Location = Field(description="The configuration: a YAML file, or a capsule.")
    id: ModelId | None = Field(None, description="Name of the run, and of its folder. Default: the name of the file.")
    sets: tuple[ModelId, ...] | None = Field(
        None, description="Names of the suite's image sets to use. Default: the configuration's own."
    )
    set: dict[str, Any] = Field({}, description="Overrides of the configuration, with dotted keys as for `--set`.")
    limit: Count | None = Field(None, description="Evaluate only the first images, as with `--limit`.")
    certify: PercentagePoints | None = Field(
        None, description="Limit of a certification in percentage points, as with `--certify`."
    )


def _or_a_name(schema: dict[str, Any]) -> None:
    """Let a run be a path alone, which stands for `{config: PATH}`."""
    schema["items"] = {"anyOf": [schema["items"], {"type": "string"}]}


class Suite(Strict):
    """A suite: runs, and the image sets that they may share."""

    version: Annotated[Literal[1], BeforeValidator(not_truth)] = Field(description="Version of this schema.")
    name: ModelId = Field(description="Name of the suite, and of the folder of its runs.")
    sets: dict[ModelId, dict[str, Any]] = Field(
        {}, description="Image sets by name: keys of `dataset` that override those of a configuration."
    )
    runs: Annotated[tuple[SuiteRun, ...], Field(min_length=1, json_schema_extra=_or_a_name)] = Field(
        description="The configurations to run, each a path or a mapping."
    )
    pixels: Pixels = Pixels()


@dataclass(frozen=True)
class PlannedRun:
    """One run: a configuration with what the suite changes.

    ``overrides``: as after `--set`, where relative paths begin at the suite's folder; ``place``: where the run is
    written in the file; ``places``: where each overridden key was written, "file:line: key".
    """

    id: str
    config: Path
    overrides: tuple[str, ...]
    limit: int | None
    certify: float | None
    place: str
    places: Mapping[str, str]


@dataclass(frozen=True)
class LoadedSuite:
    """A suite file that was read. ``runs``: configurations x sets, in the order of the file."""

    file: Path
    name: str
    pixels: Pixels
    runs: tuple[PlannedRun, ...]

    @property
    def folder(self) -> Path:
        """The folder that relative paths begin at."""
        return self.file.absolute().parent


def load_suite(path: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> LoadedSuite:
    """Read a suite file. Relative paths begin at its folder. The configurations are not read.

    Raises ConfigError that lists every fault with file, line, key and the fix.
    """
    file = Path(path)
    data, origin, unread, _ = read_values(file, (), environment)
    faults = [f"{origin.file}:{line}: {dotted(key) or 'the suite'}: {what}" for key, line, what in unread]
    if "runs" not in data and any(key in data for key in _OF_A_CONFIGURATION):
        raise ConfigError(
            printable(f"{file}: a configuration, not a suite; run it with `harness validate`, or list it under `runs`")
        )
    runs = data.get("runs")
    if isinstance(runs, list):
        data["runs"] = [{"config": item} if isinstance(item, str) else item for item in runs]
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        faults += explain(error, data, origin, Suite, already=frozenset(key for key, _, _ in unread))
        raise _refusal(file, faults) from None
    faults += _set_faults(suite, origin)
    planned: list[PlannedRun] = []
    for number, run in enumerate(suite.runs):
        faults += _run_faults(suite, run, number, origin)
        if not faults:
            planned += _planned(suite, run, number, origin, file.absolute().parent)
    faults += [] if faults else _repeated(planned)
    if faults:
        raise _refusal(file, faults)
    return LoadedSuite(file, suite.name, suite.pixels, tuple(planned))


def _refusal(file: Path, faults: Sequence[str]) -> ConfigError:
    count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
    more = [f"and {len(faults) - _MOST_FAULTS} more"] if len(faults) > _MOST_FAULTS else []
    return ConfigError(f"{file}: {count} in the suite", [*faults[:_MOST_FAULTS], *more])


def _set_faults(suite: Suite, origin: Origin) -> Iterator[str]:
    for name, keys in suite.sets.items():
        for key in keys:
            if key not in Dataset.model_fields:
                close = nearest(key, Dataset.model_fields)
                near = f"did you mean `{close[0]}`?" if close else f"valid: {', '.join(Dataset.model_fields)}"
                yield f"{origin.place(('sets', name, key))}: unknown key; {near}"


def _run_faults(suite: Suite, run: SuiteRun, number: int, origin: Origin) -> Iterator[str]:
    for place, name in enumerate(run.sets or ()):
        if name not in suite.sets:
            close = nearest(name, suite.sets)
            near = f"did you mean '{close[0]}'?" if close else f"available: {', '.join(suite.sets) or 'none'}"
            yield f"{origin.place(('runs', number, 'sets', place))}: there is no set '{name}'; {near}"
    if run.sets == ():
        yield f"{origin.place(('runs', number, 'sets'))}: is empty; name a set, or leave `sets` out"
    for key in run.set:
        first = re.split(r"[.\[]", key)[0]
        if first not in Config.model_fields:
            close = nearest(first, Config.model_fields)
            near = f"did you mean `{close[0]}`?" if close else f"available: {', '.join(Config.model_fields)}"
            yield f"{origin.place(('runs', number, 'set', key))}: no configuration has the key `{first}`; {near}"
    if run.id is None:
        try:
            _ID.validate_python(run.config.stem)
        except ValidationError:
            where = origin.place(("runs", number, "config"))
            yield f"{where}: the name of this file is not an id; give the run one, such as `id: a`"


def _planned(suite: Suite, run: SuiteRun, number: int, origin: Origin, folder: Path) -> Iterator[PlannedRun]:
    name = run.id or run.config.stem
    config = Path(os.path.normpath(folder / run.config.expanduser()))
    key: Key = ("runs", number)
    own = {setting: origin.place((*key, "set", setting)) for setting in run.set}
    for chosen in run.sets or (None,):
        values = dict(suite.sets[chosen]) if chosen else {}
        settings = [_setting(f"dataset.{item}", value) for item, value in values.items()]
        places = {f"dataset.{item}": origin.place(("sets", chosen or "", item)) for item in values}
        yield PlannedRun(
            f"{name}-{chosen}" if chosen else name,
            config,
            (*settings, *(_setting(item, value) for item, value in run.set.items())),
            run.limit,
            run.certify,
            origin.place(key),
            places | own,
        )


def _setting(key: str, value: Any) -> str:
    """Return a key and its value as after `--set`; variables in it are replaced already."""
    return f"{key}={json.dumps(value, ensure_ascii=False).replace('${', '$${')}"


def _repeated(runs: Sequence[PlannedRun]) -> Iterator[str]:
    seen: dict[str, PlannedRun] = {}
    for run in runs:
        folded = run.id.casefold()  # two folders that some file systems treat as one
        if folded in seen:
            yield f"{run.place}: the id '{run.id}' is already used by {seen[folded].place}; give each run its own `id`"
        seen.setdefault(folded, run)


@contextlib.contextmanager
def told_where(run: PlannedRun) -> Iterator[None]:
    """Let a ConfigError about a key that the suite sets name the line of the suite, instead of `--set`."""
    try:
        yield
    except ConfigError as error:
        message, *details = str(error).split("\n")
        raise ConfigError(message, [_told(line.strip(), run) for line in details]) from None


_OF_A_CANDIDATE = re.compile(r"--set candidates\[\d+\]((?:\.\w+|\[\d+\])+)(?:=[^:]*)?: (.*)")


def _told(line: str, run: PlannedRun) -> str:
    of_candidate = _OF_A_CANDIDATE.fullmatch(line)
    if of_candidate:  # the suite may name the candidate by its id, a message names it by its place
        ends = [key for key in run.places if key.startswith("candidates") and key.endswith(of_candidate[1])]
        return f"{run.places[ends[0]]}: {of_candidate[2]}" if ends else line
    for key in sorted(run.places, key=len, reverse=True):
        rest = line.removeprefix(f"--set {key}")
        if rest == line or re.match(r"\w", rest):
            continue
        inner, _, said = rest.partition(": ")
        return f"{run.places[key]}{'' if inner.startswith('=') else inner}: {said}"
    return line
