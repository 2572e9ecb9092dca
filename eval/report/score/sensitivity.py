"""Trace sensitivity: one number an encoder, from 0 (no trace) to 1, and its parts.

A cell is one measurement of an encoder as a share, as its chart says. A part is the mean of its cells, the sensitivity
the mean of the parts. Only encoders with the same cells are ranked: those of the basis, the set of cells that most
encoders have. A share below 0 (worse than chance) stays as it is.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from flickrexif.eval.report.charts import CHARTS, parts
from flickrexif.eval.report.charts.base import Part
from flickrexif.eval.report.identity import Entry, group_of
from flickrexif.eval.report.style import FAMILIES, family_order, plain
from flickrexif.eval.report.wording import measurement_of

SUBJECT = 4  # leading parts of a key that compare equal for a failed record too, which may lack settings


CellKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement of an encoder as a share; the value is None where it has no number, and `reason` says why."""

    key: CellKey  # the measurement, see `identity.group_of`
    part: str
    label: str
    record: str
    value: float | None
    semantics: float | None = None  # how well the class of an image is told
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An encoder's sensitivity over the cells that it has of the basis; `rank` is None where it lacks one."""

    encoder: str
    family: str
    value: float | None
    parts: Mapping[str, float | None]  # by the names of the parts
    semantics: float | None
    cells: tuple[Cell, ...]  # of the basis
    lacking: tuple[str, ...]  # labels of the cells it lacks, with the reason where the record has one
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The scores of all encoders, ranked ones first."""

    basis: Mapping[CellKey, str]  # key -> label, of the cells that count
    scores: tuple[Score, ...]
    parts: tuple[Part, ...]  # the parts that the basis has


def _cell_of(entry: Entry) -> Cell | None:
    """The cell of a record; None for one that does not count."""
    path, result = entry
    chart = CHARTS.get(result.task)
    part = next((part for part in chart.parts if part.counts(result)), None) if chart else None
    if not chart or not part:
        return None
    value = part.share(result)
    return Cell(
        key=group_of(result),
        part=part.name,
        label=measurement_of(result, chart.title[0].lower() + chart.title[1:]),
        record=path,
        value=value,
        semantics=result.metrics.get(part.semantics),
        reason="" if value is not None else plain(result.reason or "no number in the record", 120),
    )


# --- scores


def board_of(entries: Iterable[Entry], basis: Mapping[CellKey, str] | None = None) -> Board:
    """The scores of all encoders in the records; over `basis` to compare with another board."""
    cells: dict[str, list[Cell]] = {}
    families: dict[str, str] = {}
    for entry in entries:
        result = entry[1]
        families[result.encoder] = result.family if result.family in FAMILIES and result.family else ""
        encoder_cells = cells.setdefault(result.encoder, [])
        if cell := _cell_of(entry):
            encoder_cells.append(cell)
    basis = _basis(cells) if basis is None else basis
    scores = [_score(encoder, families[encoder], encoder_cells, basis) for encoder, encoder_cells in cells.items()]
    names = {cell.part for score in scores for cell in score.cells}
    return Board(basis=basis, scores=_ranked(scores), parts=tuple(part for part in parts() if part.name in names))


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
    means = {part.name: _mean([cell.value for cell in measured.values() if cell.part == part.name]) for part in parts()}
    lacking = [(label, reasons.get(key[:SUBJECT])) for key, label in basis.items() if key not in measured]
    return Score(
        encoder=encoder,
        family=family,
        value=_mean(list(means.values())),
        parts=means,
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
