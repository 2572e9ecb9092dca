"""Trace sensitivity: one number an encoder, from 0 (no trace) to 1, and its parts.

A cell is one measurement of an encoder as a share:

    read out    (accuracy - chance) / (1 - chance)      of a linear probe
    neighbours  (share - chance) / (1 - chance)         of the 10 nearest photos, those of the query's kind of camera
    lost        (before - after) / before               of kNN accuracy from all-same to neg-same, and of recall@1 from
                                                        negatives of the other kind of camera to those of the same

A part is the mean of its cells, the sensitivity the mean of the parts. Only encoders with the same cells are ranked:
those of the basis, the set of cells that most encoders have. A share below 0 (worse than chance) stays as it is.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from flickrexif.eval.report.entries import Entry, group_of, used_entries
from flickrexif.eval.report.style import FAMILIES, family_order, plain
from flickrexif.eval.report.wording import dataset_of, settings_of, subject_of
from flickrexif.eval.results import Result

NEAREST = "10"  # the metric of same-camera neighbours that counts
MASKED = 0.9  # least share of the image that is hidden where a camera's trace is read out
SUBJECT = 4  # leading parts of a key that compare equal for a failed record too, which may lack settings


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts that the sensitivity is the mean of."""

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
    """One measurement of an encoder as a share; the value is None where it has no number, and `reason` says why."""

    key: CellKey  # the measurement, see `entries.group_of`
    part: str
    label: str
    record: str
    value: float | None
    semantics: float | None = None  # kNN accuracy where all images are processed alike; only in the part `pull`
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An encoder's sensitivity over the cells that it has of the basis; `rank` is None where it lacks one."""

    encoder: str
    family: str
    value: float | None
    parts: Mapping[str, float | None]  # by the names of PARTS
    semantics: float | None
    cells: tuple[Cell, ...]  # of the basis
    lacking: tuple[str, ...]  # labels of the cells it lacks, with the reason where the record has one
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The scores of all encoders, ranked ones first."""

    basis: Mapping[CellKey, str]  # key -> label, of the cells that count
    scores: tuple[Score, ...]
    parts: tuple[str, ...]  # those of PARTS that the basis has


# --- shares


def above_chance(value: float | None, chance: float | None) -> float | None:
    """(value - chance) / (1 - chance); None where either is missing or chance is 1."""
    if value is None or chance is None or chance >= 1:
        return None
    return (value - chance) / (1 - chance)


def lost(before: float | None, after: float | None) -> float | None:
    """(before - after) / before; None where either is missing or there is nothing to lose."""
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
    """The part that the record belongs to ("" for none), and its share."""
    metrics, mask = result.metrics, result.mask or 0
    if result.task == "probe" and not result.parameter:
        is_read_out = mask >= MASKED or _has_reason(result)
        share = above_chance(metrics.get("accuracy"), metrics.get("chance"))
        return ("acquisition", share) if is_read_out else ("", None)
    if mask:  # the other parts are of whole images
        return "", None
    match result.task:
        case "probe":
            return "processing", above_chance(metrics.get("accuracy"), metrics.get("chance"))
        case "knn":
            return "pull", lost(metrics.get("all_same"), metrics.get("neg_same"))
        case "neighbors":
            return "camera", above_chance(metrics.get(NEAREST), _chance(result))
        case "retrieval":
            return "pairs", lost(metrics.get("different"), metrics.get("same"))
    return "", None


def _has_reason(result: Result) -> bool:
    """Whether the record has a reason instead of a number; it may lack its settings then."""
    return bool(result.detail.get("reason"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _chance(result: Result) -> float | None:
    chance = result.detail.get("chance")
    return _number(chance) if chance is not None else None


def _label(result: Result) -> str:
    names = {
        "probe": "linear probe",
        "knn": "five set-ups",
        "neighbors": "same-camera neighbours",
        "retrieval": "pairs",
    }
    subject = subject_of(result)
    return f"{names[result.task]}{f', {subject}' if subject else ''}, {dataset_of(result)}{settings_of(result)}"


# --- scores


def board_of(entries: Iterable[Entry], basis: Mapping[CellKey, str] | None = None) -> Board:
    """The scores of all encoders in the records; over `basis` to compare with another board."""
    cells: dict[str, list[Cell]] = {}
    families: dict[str, str] = {}
    for entry in used_entries(entries):
        result = entry[1]
        families[result.encoder] = result.family if result.family in FAMILIES and result.family else ""
        encoder_cells = cells.setdefault(result.encoder, [])
        if cell := cell_of(entry):
            encoder_cells.append(cell)
    basis = _basis(cells) if basis is None else basis
    scores = [_score(encoder, families[encoder], encoder_cells, basis) for encoder, encoder_cells in cells.items()]
    parts = {cell.part for score in scores for cell in score.cells}
    shown = tuple(part.name for part in PARTS if part.name in parts)
    return Board(basis=basis, scores=_ranked(scores), parts=shown)


def _basis(cells: Mapping[str, Sequence[Cell]]) -> dict[CellKey, str]:
    """The set of cells that most encoders have; of equally frequent ones the largest, then the first by name."""
    sets = Counter(frozenset(cell.key for cell in row if cell.value is not None) for row in cells.values())
    del sets[frozenset()]
    if not sets:
        return {}
    keys = min(sets, key=lambda keys: (-sets[keys], -len(keys), sorted(keys)))
    labels = {cell.key: cell.label for row in cells.values() for cell in row}
    return {key: labels[key] for key in sorted(keys)}


def _score(encoder: str, family: str, cells: Sequence[Cell], basis: Mapping[CellKey, str]) -> Score:
    measured = {cell.key: cell for cell in cells if cell.value is not None and cell.key in basis}
    reasons = {cell.key[:SUBJECT]: cell.reason for cell in cells}
    parts = {part.name: _mean([cell.value for cell in measured.values() if cell.part == part.name]) for part in PARTS}
    lacking = [(label, reasons.get(key[:SUBJECT])) for key, label in basis.items() if key not in measured]
    return Score(
        encoder=encoder,
        family=family,
        value=_mean(list(parts.values())),
        parts=parts,
        semantics=_mean([cell.semantics for cell in measured.values()]),
        cells=tuple(measured[key] for key in basis if key in measured),
        lacking=tuple(f"{label} ({reason})" if reason else label for label, reason in lacking),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return fmean(measured) if measured else None


def _ranked(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Complete scores by value, equal ones with equal ranks; then the others by value, without a rank."""
    order = sorted(scores, key=lambda s: (bool(s.lacking), -(s.value if s.value is not None else -math.inf),
                                          family_order(s.family, s.encoder)))  # fmt: skip
    complete = [score.value for score in order if not score.lacking and score.value is not None]
    return tuple(
        score if score.lacking or score.value is None else replace(score, rank=1 + complete.index(score.value))
        for score in order
    )
