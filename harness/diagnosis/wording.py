"""The sentences of a diagnosis: what the candidate does, what was changed, and how to fix it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.config import Candidate, Config
from harness.conversion.formats.target import target_of
from harness.diagnosis.affine import written
from harness.diagnosis.answer import joined
from harness.diagnosis.changes import CHANNEL_CHANGES, COLOR_ORDER, Change
from harness.diagnosis.feedings import Feeding
from harness.diagnosis.preprocessing import PixelChange
from harness.diagnosis.readings import Reading
from harness.diagnosis.trials import Trial

_ENDINGS = {
    "softmax-twice": "with another activation at its end",
    "sigmoid": "with another activation at its end",
    "scaled-probabilities": "with a factor behind its probabilities",
}


def claim(change: Change | PixelChange, trial: Trial) -> str:
    """Return what the candidate does, as the sentence has it after its name."""
    if isinstance(change, PixelChange):
        return f"gets different pixels than the reference ({change.words} instead of {change.wanted})"
    if change is COLOR_ORDER:
        return f"expects {trial.feeding.color}"
    return change.words if change.words.startswith("expects") else f"sees {change.words}"


def done(change: Change | PixelChange, own: Feeding, trial: Trial) -> str:
    """Return what was done otherwise in the trial; empty if a cast behind it says that."""
    if isinstance(change, PixelChange):
        return "fed the reference's pixels" if change.cause == "preprocess" else f"fed with {change.wanted}"
    if change is COLOR_ORDER:
        return f"fed {trial.feeding.color} instead of {own.color}"
    if change.cast is not None or trial.by_reference:
        return "with the reference fed the same"
    if change.cause == "color-order":
        return "with the channels put back"
    if change.cause == "layout":
        return "with the axes put in their places"
    if change.cause == "flipped":
        return "with the pixels turned back"
    if trial.feeding.formula == own.formula:
        return ""
    return f"fed {trial.feeding.formula} instead of {own.formula}"


def reading_claim(reading: Reading) -> str:
    """Return what a candidate's output is, after the candidate's name."""
    return f"gives {'its classes ' if reading.order and reading.activation is None else ''}{reading.words}"


def reading_done(reading: Reading) -> str:
    """Return how the output was read otherwise."""
    if reading.order:
        return "with the classes in the reference's order"
    return "read so"


def mend(config: Config, candidate: Candidate, own: Feeding, wanted: Feeding, trial: Trial, reading: Reading) -> str:
    """Return how to mend what a trial and a reading take back, as a sentence."""
    key = f"candidates.{candidate.id}"
    settings: list[str] = []
    actions: list[str] = []
    wrong: list[str] = []
    again = target_of(config, candidate) is not None
    by_file = False
    for change in trial.changes:
        feeding = trial.feeding
        if isinstance(change, PixelChange):
            actions.append(f"leave out `{key}.preprocess`, so that it is the reference's")
            continue
        by_file = True
        if change.cast is not None:
            wrong.append("with a cast to whole numbers behind mean and scale")
        elif change.cause == "layout":
            wrong.append("with its axes in another order")
        elif change.cause == "flipped":
            wrong.append("with its pixels mirrored or turned")
        elif change in CHANNEL_CHANGES:
            wrong.append("with its channels in another order")
        elif change.cause == "color-order":
            wrong.append(f"with{'out the' if own.color != wanted.color else ' a'} channel reversal")
            settings.append(f"`{key}.input.color: {feeding.color}`")
        else:
            wrong.append("with a different mean and scale inside than the configuration assumes")
            settings += [
                f"`{key}.input.{name}: {written(new)}`"
                for name, new, old in (("mean", feeding.mean, own.mean), ("scale", feeding.scale, own.scale))
                if new != old
            ]
    if reading.activation:
        name = candidate.output_name
        named = f"name: {name}, " if name else ""
        settings.append(f"`{key}.output: {{{named}activation: {reading.activation}}}`")
    elif ending := _ENDINGS.get(reading.cause.split(" + ")[0]):
        by_file = True
        wrong.append(ending)
    if reading.order:
        by_file = True
        wrong.append("with its classes in another order")
    if settings:
        actions.insert(0, f"set {joined(settings)}")
    return _sentence(wrong if by_file else [], actions, again=again)


def _sentence(wrong: Sequence[str], actions: Sequence[str], *, again: bool) -> str:
    does = " and ".join(actions)
    if not wrong:
        return f"{does[:1].upper()}{does[1:]}." if does else ""
    if again:
        start = f"It was converted {' and '.join(wrong)}: convert again with `harness convert`"
        return f"{start}, or {does}." if does else f"{start}."
    if does:
        return f"It was made {' and '.join(wrong)}, or its settings are wrong: {does}."
    return f"It was made {' and '.join(wrong)}: make the file again."
