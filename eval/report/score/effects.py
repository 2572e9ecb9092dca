"""What a processing does to an encoder, from its probe and its kNN: is it read out, and does it move neighbours?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from flickrexif.eval.report.charts.base import is_whole
from flickrexif.eval.report.groups import about, point_of, tested
from flickrexif.eval.report.identity import REFERENCE, Entry, decisive
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import percent
from flickrexif.eval.report.wording import PARAMETERS, dataset_of, subject_of
from flickrexif.eval.results import NOT_REAL, Result

CONTROLS = "CTL"
TASKS = ("probe", "knn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The numbers of one encoder and processing, of one data set; a point without a value is not measured."""

    encoder: str
    family: str
    parameter: str
    subject: str  # the parameter in words
    place: str  # the data set in words
    about: str  # "imagenette, 9,469 training and 300 test images"
    tested: int
    is_shipped: bool  # whether all its records came with the package
    probe: Point
    chance: float | None  # of the probe
    before: Point  # kNN, all-same
    after: Point  # kNN, neg-same

    @property
    def is_read(self) -> bool:
        """Whether the probe is above chance, its interval too."""
        return self.chance is not None and self.probe.low is not None and self.probe.low > self.chance

    @property
    def is_moved(self) -> bool:
        """Whether kNN is worse among wrong images that are processed alike, and the intervals do not overlap."""
        return self.before.low is not None and self.after.high is not None and self.after.high < self.before.low

    @property
    def is_both(self) -> bool:
        """Whether the encoder shows what the paper found."""
        return self.is_read and self.is_moved

    @property
    def loss(self) -> float:
        """How much kNN loses, in accuracy; 0 where it is not measured."""
        if self.before.value is None or self.after.value is None:
            return 0.0
        return self.before.value - self.after.value


def effects_of(entries: Iterable[Entry]) -> list[Effect]:
    """The effects on encoders that are no controls; parameters in the paper's order.

    All are of one data set: of the most encoders of one's own, then of the most encoders, then of the most images.
    """
    records: dict[tuple[str, ...], dict[str, Entry]] = {}
    for entry in sorted(entries, key=lambda entry: len(decisive(entry[1]))):  # the usual settings come first
        result = entry[1]
        if result.task in TASKS and result.parameter and is_whole(result) and result.family != CONTROLS:
            key = result.dataset, NOT_REAL.get(result.origin, ""), result.parameter, result.encoder
            records.setdefault(key, {}).setdefault(result.task, entry)
    by_place: dict[str, list[Effect]] = {}
    for effect in map(_effect, records.values()):
        if effect.probe.value is not None or effect.before.value is not None:
            by_place.setdefault(effect.place, []).append(effect)
    if not by_place:
        return []
    chosen = max(by_place.values(), key=_weight)
    order = list(PARAMETERS)
    return sorted(chosen, key=lambda e: order.index(e.parameter) if e.parameter in order else len(order))


def _weight(effects: Sequence[Effect]) -> tuple[int, int, int]:
    own = {effect.encoder for effect in effects if not effect.is_shipped}
    return len(own), len({effect.encoder for effect in effects}), max(effect.tested for effect in effects)


def _effect(tasks: dict[str, Entry]) -> Effect:
    first = next(iter(tasks.values()))[1]

    def point(task: str, metric: str) -> Point:
        missing = Point(encoder=first.encoder, family=first.family or "", value=None, reason="not measured")
        return point_of(tasks[task], metric) if task in tasks else missing

    results: list[Result] = [result for _, result in tasks.values()]
    widest = max(results, key=lambda result: (tested(result), result.task))
    return Effect(
        encoder=first.encoder,
        family=first.family or "",
        parameter=str(first.parameter),
        subject=subject_of(first),
        place=dataset_of(first) + (f", {NOT_REAL[first.origin]}" if first.origin in NOT_REAL else ""),
        about=about(widest),
        tested=tested(widest),
        is_shipped=all(path.startswith(REFERENCE) for path, _ in tasks.values()),
        probe=point("probe", "accuracy"),
        chance=tasks["probe"][1].metrics.get("chance") if "probe" in tasks else None,
        before=point("knn", "all_same"),
        after=point("knn", "neg_same"),
    )


# --- in words


def with_interval(point: Point, more: str = "") -> str:
    """ "76.5% (74.1 to 78.9)"; `more` stands beside the interval."""
    has_interval = point.low is not None and point.high is not None
    interval = f"{100 * (point.low or 0):.1f} to {100 * (point.high or 0):.1f}" if has_interval else ""
    beside = "; ".join(filter(None, (interval, more)))
    return f"{percent(point.value)} ({beside})" if beside else percent(point.value)


def middle(points: Sequence[Point]) -> str:
    """The number of one point with its interval, or the median of several."""
    if len(points) == 1:
        return with_interval(points[0])
    return percent(median(point.value for point in points if point.value is not None))
