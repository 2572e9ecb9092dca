"""Trace sensitivity: one number an encoder, from 0 (no trace) to 1, and what it is made of.

A cell is one measurement of an encoder, turned into a share:

    read out    (accuracy - chance) / (1 - chance)      of a linear probe
    neighbours  (share - chance) / (1 - chance)         of the 10 nearest photos, those of the query's kind of camera
    lost        (before - after) / before               of kNN accuracy from all-same to neg-same, and of recall@1 from
                                                        negatives of the other kind of camera to those of the same

A part is the mean of its cells, the sensitivity the mean of the parts. Encoders are ranked over the same cells alone,
the basis: the set of cells that most encoders have. A share below 0 (worse than chance, or nothing lost) stays.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from flickrexif.eval.report.choice import Entry, group_of, used
from flickrexif.eval.report.style import FAMILIES, family_order, plain
from flickrexif.eval.report.wording import dataset_of, settings_of, subject_of
from flickrexif.eval.results import Result

NEAREST = "10"  # the metric of same-camera neighbours that counts
MASKED = 0.9  # share of the image that is hidden where a camera's trace is read out, at least
SUBJECT = 4  # parts of a key that say what was measured; a record of a failure does not tell all its settings


@dataclass(frozen=True, slots=True)
class Part:
    """One of the questions that the sensitivity sums up."""

    name: str
    title: str
    formula: str
    meaning: str


PARTS = (
    Part(
        "processing",
        "Processing",
        "(accuracy - chance) / (1 - chance)",
        "How well a linear probe reads the processing of an image out of its embedding.",
    ),
    Part(
        "acquisition",
        "Acquisition",
        "(accuracy - chance) / (1 - chance)",
        "How well it reads out the camera and its settings, with 90% of the image hidden.",
    ),
    Part(
        "pull",
        "Class lost",
        "(all-same - neg-same) / all-same",
        "The share of right kNN answers that is lost when only images of other classes are processed like the query.",
    ),
    Part(
        "camera",
        "Same camera",
        "(share - chance) / (1 - chance)",
        "How many of the 10 nearest photos are from the query's kind of camera, beyond chance.",
    ),
    Part(
        "pairs",
        "Pairs lost",
        "(other - same) / other",
        "The share of found pairs (recall@1) that is lost when the others are from the query's kind of camera.",
    ),
)

CellKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement of an encoder as a share; None with a reason where it has no number."""

    key: CellKey  # what was measured, see `choice.group_of`
    part: str
    label: str
    record: str
    value: float | None
    semantics: float | None = None  # kNN accuracy where nothing misleads; of the part `pull` alone
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An encoder's sensitivity over the cells of the basis that it has; `rank` None where it lacks one of them."""

    encoder: str
    family: str
    value: float | None
    parts: Mapping[str, float | None]  # by the names of PARTS
    semantics: float | None
    cells: tuple[Cell, ...]  # of the basis
    lacking: tuple[str, ...]  # labels of the cells it lacks, with the reason where one is told
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The scores, ranked ones first; `basis` names the cells that count, by key."""

    basis: Mapping[CellKey, str]
    scores: tuple[Score, ...]
    parts: tuple[str, ...]  # those of PARTS that the basis has


# --- shares


def above_chance(value: float | None, chance: float | None) -> float | None:
    """(value - chance) / (1 - chance); None where either is not known or chance leaves no room."""
    if value is None or chance is None or chance >= 1:
        return None
    return (value - chance) / (1 - chance)


def lost(before: float | None, after: float | None) -> float | None:
    """(before - after) / before; None where either is not known or there is nothing to lose."""
    if before is None or after is None or before <= 0:
        return None
    return (before - after) / before


def cell_of(entry: Entry) -> Cell | None:
    """The cell of a record; None for one that does not count."""
    path, result = entry
    part, value = _share(result)
    if not part:
        return None
    why = "" if value is not None else plain(result.detail.get("reason") or "no number in the record", 120)
    semantics = result.metrics.get("all_same") if part == "pull" else None
    return Cell(
        key=group_of(result),
        part=part,
        label=_label(result),
        record=path,
        value=value,
        semantics=semantics,
        reason=why,
    )


def _share(result: Result) -> tuple[str, float | None]:
    """The part that the record counts for ("" for none) and its share."""
    metrics = result.metrics
    match result.task:
        case "probe" if result.parameter:
            return "processing", above_chance(metrics.get("accuracy"), metrics.get("chance"))
        case "probe" if _number(result.settings.get("mask")) >= MASKED or _has_reason(result):
            return "acquisition", above_chance(metrics.get("accuracy"), metrics.get("chance"))
        case "knn":
            return "pull", lost(metrics.get("all_same"), metrics.get("neg_same"))
        case "neighbors":
            return "camera", above_chance(metrics.get(NEAREST), _chance(result))
        case "retrieval":
            return "pairs", lost(metrics.get("different"), metrics.get("same"))
    return "", None


def _has_reason(result: Result) -> bool:
    """A record without a number does not always tell its settings."""
    return bool(result.detail.get("reason"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _chance(result: Result) -> float | None:
    chance = result.detail.get("chance")
    return _number(chance) if chance is not None else None


def _label(result: Result) -> str:
    what = {
        "probe": "linear probe",
        "knn": "five set-ups",
        "neighbors": "same-camera neighbours",
        "retrieval": "pairs",
    }
    subject = subject_of(result)
    return f"{what[result.task]}{f', {subject}' if subject else ''}, {dataset_of(result)}{settings_of(result)}"


# --- scores


def board_of(entries: Iterable[Entry], basis: Mapping[CellKey, str] | None = None) -> Board:
    """The scores of all encoders in the records; over `basis` where one is given, as for comparing two boards."""
    cells: dict[str, list[Cell]] = {}
    families: dict[str, str] = {}
    for entry in used(entries):
        result = entry[1]
        families[result.encoder] = result.family if result.family in FAMILIES and result.family else ""
        mine = cells.setdefault(result.encoder, [])
        if cell := cell_of(entry):
            mine.append(cell)
    basis = _basis(cells) if basis is None else basis
    found = [_score(encoder, families[encoder], mine, basis) for encoder, mine in cells.items()]
    parts = {cell.part for score in found for cell in score.cells}
    shown = tuple(part.name for part in PARTS if part.name in parts)
    return Board(basis=basis, scores=_ranked(found), parts=shown)


def _basis(cells: Mapping[str, Sequence[Cell]]) -> dict[CellKey, str]:
    """The set of cells that most encoders have; the larger of two as frequent, then the first by name."""
    sets = Counter(found for mine in cells.values() if (found := frozenset(c.key for c in mine if c.value is not None)))
    if not sets:
        return {}
    keys = min(sets, key=lambda found: (-sets[found], -len(found), sorted(found)))
    labels = {cell.key: cell.label for mine in cells.values() for cell in mine}
    return {key: labels[key] for key in sorted(keys)}


def _score(encoder: str, family: str, cells: Sequence[Cell], basis: Mapping[CellKey, str]) -> Score:
    known = {cell.key: cell for cell in cells if cell.value is not None and cell.key in basis}
    reasons = {cell.key[:SUBJECT]: cell.reason for cell in cells}
    parts = {part.name: _mean([cell.value for cell in known.values() if cell.part == part.name]) for part in PARTS}
    return Score(
        encoder=encoder,
        family=family,
        value=_mean(list(parts.values())),
        parts=parts,
        semantics=_mean([cell.semantics for cell in known.values()]),
        cells=tuple(known[key] for key in basis if key in known),
        lacking=tuple(_told(label, reasons.get(key[:SUBJECT], "")) for key, label in basis.items() if key not in known),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _told(label: str, reason: str) -> str:
    return f"{label} ({reason})" if reason else label


def _ranked(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Complete scores by value, equal ones with an equal rank; then the others by value, without a rank."""
    order = sorted(scores, key=lambda s: (bool(s.lacking), -(s.value if s.value is not None else -math.inf),
                                          family_order(s.family, s.encoder)))  # fmt: skip
    complete = [score.value for score in order if not score.lacking and score.value is not None]
    return tuple(
        score if score.lacking or score.value is None else replace(score, rank=1 + complete.index(score.value))
        for score in order
    )
