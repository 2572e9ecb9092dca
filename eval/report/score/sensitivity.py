"""Trace sensitivity: one number an encoder, from 0 (no trace) to 1, with its interval, and its parts.

A cell is one measurement of an encoder as a share (`cells`). A part is the mean of its cells, the sensitivity the mean
of the parts. Only encoders with the same cells are compared: those of the basis, the set of cells that most encoders
have, of one's own where there are some. A cell counts if it is of at least FEWEST images. A rank is a range: from one
more than the encoders whose intervals lie above, to all but those whose intervals lie below. docs/sensitivity.md has
the reasons.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from flickrexif.eval.report.charts import parts
from flickrexif.eval.report.charts.base import Part
from flickrexif.eval.report.datasets import FEWEST
from flickrexif.eval.report.identity import REFERENCE, Entry
from flickrexif.eval.report.score.cells import AGAIN, Cell, CellKey, Draws, cell_of, interval_of, mean_draws
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import FAMILIES, family_order

SUBJECT = 4  # leading parts of a key that compare equal for a failed record too, which may lack settings
CONTROLS = "CTL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """An encoder's sensitivity over the cells that it has of the basis."""

    encoder: str
    family: str
    sensitivity: Point
    parts: Mapping[str, Point]  # by the names of the parts
    semantics: Point
    cells: tuple[Cell, ...]  # of the basis
    lacking: tuple[str, ...]  # labels of the cells it lacks, with the reason where the record has one
    unranked: str = ""  # why it has no rank
    rank: int | None = None  # the best that its interval allows
    last_rank: int | None = None  # and the worst

    @property
    def value(self) -> float | None:
        """The sensitivity."""
        return self.sensitivity.value

    @property
    def ranks(self) -> str:
        """ "2", "2 to 5", or "-" for none."""
        if self.rank is None:
            return "-"
        return str(self.rank) if self.rank == self.last_rank else f"{self.rank} to {self.last_rank}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The scores of all encoders, ranked ones first."""

    basis: Mapping[CellKey, str]  # key -> label, of the cells that count
    scores: tuple[Score, ...]
    parts: tuple[Part, ...]  # the parts that the basis has
    small: tuple[str, ...] = ()  # labels of measurements that do not count, as they are of fewer than FEWEST images


def board_of(entries: Iterable[Entry], basis: Mapping[CellKey, str] | None = None) -> Board:
    """The scores of all encoders in the records; over `basis` to compare with another board."""
    cells: dict[str, list[Cell]] = {}
    families: dict[str, str] = {}
    for entry in entries:
        result = entry[1]
        families[result.encoder] = result.family if result.family in FAMILIES and result.family else ""
        encoder_cells = cells.setdefault(result.encoder, [])
        if cell := cell_of(entry):
            encoder_cells.append(cell)
    basis = _basis(cells) if basis is None else basis
    scores = [_score(encoder, families[encoder], encoder_cells, basis) for encoder, encoder_cells in cells.items()]
    names = {cell.part for score in scores for cell in score.cells}
    of_few = (cell for row in cells.values() for cell in row if cell.value is not None and cell.n < FEWEST)
    return Board(
        basis=basis,
        scores=_ranked(scores),
        parts=tuple(part for part in parts() if part.name in names),
        small=tuple(dict.fromkeys(f"{cell.label} ({cell.n:,})" for cell in of_few)),
    )


def _basis(cells: Mapping[str, Sequence[Cell]]) -> dict[CellKey, str]:
    """The set of cells that most encoders have; of equally frequent ones the largest, then the first by name. Of one's
    own encoders where some are, and not of those that ship with the package."""
    counting = {
        encoder: [cell for cell in row if cell.value is not None and cell.n >= FEWEST] for encoder, row in cells.items()
    }
    own = [row for row in counting.values() if any(not cell.record.startswith(REFERENCE) for cell in row)]
    sets = Counter(frozenset(cell.key for cell in row) for row in own or counting.values())
    del sets[frozenset()]
    if not sets:
        return {}
    keys = min(sets, key=lambda keys: (-sets[keys], -len(keys), sorted(keys)))
    labels = {cell.key: cell.label for row in cells.values() for cell in row}
    return {key: labels[key] for key in sorted(keys)}


def _score(encoder: str, family: str, cells: Sequence[Cell], basis: Mapping[CellKey, str]) -> Score:
    measured = {c.key: c for c in cells if c.value is not None and c.n >= FEWEST and c.key in basis}
    reasons = {cell.key[:SUBJECT]: cell.reason for cell in cells}
    by_part = {part.name: [cell for cell in measured.values() if cell.part == part.name] for part in parts()}
    lacking = [(label, reasons.get(key[:SUBJECT])) for key, label in basis.items() if key not in measured]

    def point(cells: Sequence[Cell], value: float | None, draws: Draws | None = None) -> Point:
        low, high = interval_of(draws, value)
        n = f"n ≥ {min(cell.n for cell in cells):,}" if cells else ""
        reason = "not measured" if value is None else ""
        return Point(encoder=encoder, family=family, value=value, low=low, high=high, n=n, reason=reason)

    draws = {name: mean_draws([cell.draws for cell in of_part]) for name, of_part in by_part.items() if of_part}
    means = {name: _mean([cell.value for cell in of_part]) for name, of_part in by_part.items()}
    sensitivity = point([*measured.values()], _mean([*means.values()]), mean_draws([*draws.values()]))
    return Score(
        encoder=encoder,
        family=family,
        sensitivity=sensitivity,
        parts={name: point(by_part[name], means[name], draws.get(name)) for name in by_part},
        semantics=point([*measured.values()], _mean([cell.semantics for cell in measured.values()])),
        cells=tuple(measured[key] for key in basis if key in measured),
        lacking=tuple(f"{label} ({reason})" if reason else label for label, reason in lacking),
        unranked=_unranked(family, sensitivity, lacking),
    )


def _unranked(family: str, sensitivity: Point, lacking: Sequence[object]) -> str:
    """Why an encoder has no rank; "" where it has one."""
    if sensitivity.value is None or lacking:
        return "not all is measured"
    return "a control" if family == CONTROLS else AGAIN if sensitivity.low is None else ""


def _mean(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return fmean(measured) if measured else None


def _ranked(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Scores by value, those that are ranked first, then the others."""
    order = sorted(scores, key=lambda s: (bool(s.unranked), -(s.value if s.value is not None else -math.inf),
                                          family_order(s.family, s.encoder)))  # fmt: skip
    rivals = [score.sensitivity for score in order if not score.unranked]
    return tuple(score if score.unranked else _with_rank(score, rivals) for score in order)


def _with_rank(score: Score, rivals: Sequence[Point]) -> Score:
    low, high = score.sensitivity.low, score.sensitivity.high
    above = sum(other.low is not None and high is not None and other.low > high for other in rivals)
    below = sum(other.high is not None and low is not None and other.high < low for other in rivals)
    return replace(score, rank=1 + above, last_rank=len(rivals) - below)
