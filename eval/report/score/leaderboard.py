"""The leaderboard: the trace sensitivity of each encoder, its parts, and how well it finds the class of an image."""

from collections.abc import Mapping
from dataclasses import replace

from flickrexif.eval.report.charts.base import ENCODER, FAMILY
from flickrexif.eval.report.datasets import FEWEST
from flickrexif.eval.report.score.compare import differences
from flickrexif.eval.report.score.sensitivity import Board, Score
from flickrexif.eval.report.spec import Column, Point, Table

RANK = Column(
    name="rank",
    title="Rank",
    help="By trace sensitivity, as far as intervals do not overlap: 2 to 5 may be any of them. Only encoders with all "
    "measurements; no controls.",
    is_metric=False,
)
SENSITIVITY = Column(
    name="sensitivity",
    title="Trace sensitivity",
    help="The mean of the parts; n is the least number of test images of a measurement.",
)
MEASURED = Column(name="measured", title="Measured", help="Of the measurements that count.", is_metric=False)
SEMANTICS = Column(
    name="semantics",
    title="Class found",
    help="kNN accuracy where all images are processed alike, averaged over the set-ups measured.",
)


def leaderboard(board: Board) -> Table:
    """The board as a table, ranked encoders first; without the parts that no encoder has."""
    columns = [Column(name=part.name, title=part.title, help=part.meaning) for part in board.parts]
    semantics = any(score.semantics.value is not None for score in board.scores)
    return Table(
        name="leaderboard",
        title="Leaderboard",
        caption=f"Trace sensitivity by encoder and the parts it is the mean of, in %.{_small(board)}",
        columns=(RANK, ENCODER, FAMILY, SENSITIVITY, *columns, *([SEMANTICS] if semantics else []), MEASURED),
        cells=tuple(_row(score, board, semantics) for score in board.scores),
    )


def _small(board: Board) -> str:
    """A sentence that says what does not count as it is of too few images, or ""."""
    return f" Not counted, as of fewer than {FEWEST} images: {'; '.join(board.small)}." if board.small else ""


def _row(score: Score, board: Board, semantics: bool) -> tuple[str | Point, ...]:
    points = (score.sensitivity, *(score.parts[part.name] for part in board.parts))
    points += (score.semantics,) if semantics else ()
    return score.ranks, score.encoder, score.family, *points, f"{len(score.cells)} of {len(board.basis)}"


def board_differences(ours: Board, theirs: Board) -> Mapping[tuple[str, str], float]:
    """(encoder, column) -> our number less theirs, for encoders with the same measurements in both.

    Both boards must have the same basis, see `sensitivity.board_of`.
    """
    cells = {score.encoder: [cell.key for cell in score.cells] for score in ours.scores}
    alike = tuple(s for s in theirs.scores if [cell.key for cell in s.cells] == cells.get(s.encoder))
    return differences(leaderboard(ours), [leaderboard(replace(theirs, scores=alike))])
