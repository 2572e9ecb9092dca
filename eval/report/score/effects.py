"""What a processing does to an encoder, from its probe and its kNN: is it read out, and does it move neighbours?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flickrexif.eval.report.charts import part_of
from flickrexif.eval.report.datasets import tested
from flickrexif.eval.report.groups import about, point_of
from flickrexif.eval.report.identity import REFERENCE, Entry, decisive
from flickrexif.eval.report.score.cells import interval_of, resampled
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.wording import PARAMETERS, dataset_of, subject_of
from flickrexif.eval.results import NOT_REAL, Result

CONTROLS = "CTL"
READ, LOST = "processing", "pull"  # the parts of the trace sensitivity that tell
# Of accuracy. Where nothing is read, all variants of an image get one answer, and the interval over test images all but
# vanishes; it does not hold what another draw of training images would change.
MARGIN = 0.01


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
    loss: Point  # the one less the other, with the interval of the difference: both are of the same images

    @property
    def is_read(self) -> bool:
        """Whether the probe is above chance by more than a point, its whole interval above it."""
        if self.chance is None or self.probe.low is None or self.probe.value is None:
            return False
        return self.probe.low > self.chance and self.probe.value > self.chance + MARGIN

    @property
    def is_moved(self) -> bool:
        """Whether kNN is worse among wrong images that are processed alike, its interval too."""
        return self.loss.low is not None and self.loss.low > 0

    @property
    def is_both(self) -> bool:
        """Whether the encoder shows what the paper found."""
        return self.is_read and self.is_moved


def effects_of(entries: Iterable[Entry]) -> list[Effect]:
    """The effects on encoders that are no controls; parameters in the paper's order.

    All are of one data set: of the most encoders of one's own, then of the most encoders, then of the most images.
    """
    records: dict[tuple[str, ...], dict[str, Entry]] = {}
    for entry in sorted(entries, key=lambda entry: len(decisive(entry[1]))):  # the usual settings come first
        result = entry[1]
        part = part_of(result)
        if part and part.name in (READ, LOST) and result.family != CONTROLS:
            key = result.dataset, NOT_REAL.get(result.origin, ""), result.parameter or "", result.encoder
            records.setdefault(key, {}).setdefault(part.name, entry)
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


def _effect(of: dict[str, Entry]) -> Effect:
    """The effect that the records of READ and LOST tell."""
    first = next(iter(of.values()))[1]

    def point(part: str, metric: str) -> Point:
        missing = Point(encoder=first.encoder, family=first.family or "", value=None, reason="not measured")
        return point_of(of[part], metric) if part in of else missing

    results: list[Result] = [result for _, result in of.values()]
    widest = max(results, key=lambda result: (tested(result), result.task))
    return Effect(
        encoder=first.encoder,
        family=first.family or "",
        parameter=str(first.parameter),
        subject=subject_of(first),
        place=dataset_of(first) + (f", {NOT_REAL[first.origin]}" if first.origin in NOT_REAL else ""),
        about=about(widest),
        tested=tested(widest),
        is_shipped=all(path.startswith(REFERENCE) for path, _ in of.values()),
        probe=point(READ, "accuracy"),
        chance=of[READ][1].metrics.get("chance") if READ in of else None,
        before=(before := point(LOST, "all_same")),
        after=(after := point(LOST, "neg_same")),
        loss=_loss(before, after, of[LOST][1] if LOST in of else None),
    )


def _loss(before: Point, after: Point, result: Result | None) -> Point:
    """What is lost. Of a record without blocks the interval is the one that the ends of both intervals leave."""
    if before.value is None or after.value is None:
        return replace(before, value=None, low=None, high=None)
    value = before.value - after.value
    if result is not None and {"all_same", "neg_same", "n"} <= result.blocks.keys():
        low, high = interval_of(resampled(result, "all_same") - resampled(result, "neg_same"), value)
    elif None not in (before.low, before.high, after.low, after.high):
        low, high = (before.low or 0) - (after.high or 0), (before.high or 0) - (after.low or 0)
    else:
        low = high = None
    return replace(before, value=value, low=low, high=high)
