"""What a page opens with, made of whatever records are there: sentences of numbers, and one picture of all encoders."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from flickrexif.eval.report.charts import CHARTS, part_of
from flickrexif.eval.report.charts.base import numbered
from flickrexif.eval.report.charts.mitigation import mitigated
from flickrexif.eval.report.groups import Group, about, groups_of
from flickrexif.eval.report.identity import REFERENCE, Entry
from flickrexif.eval.report.score.effects import CONTROLS, Effect, effects_of
from flickrexif.eval.report.score.sensitivity import Board, Score
from flickrexif.eval.report.spec import Answer, Figure, Overview, Point, Strip
from flickrexif.eval.report.style import FAMILIES, percent, short
from flickrexif.eval.report.wording import extremes, middle, with_interval
from flickrexif.eval.results import Result

MEASURE = "Type `flickrexif eval probe knn --encoder lite0 --dataset FOLDER`, with train/ and val/ of class folders."
SAYS = "says how far traces are read out or move neighbours"
NOTHING = f"Nothing is measured here that {SAYS}. {MEASURE}"
CONTROLS_ALONE = (
    f"Only controls are measured here, which say that measurements work and nothing about encoders. {MEASURE}"
)
OWN = "OWN"
MOST = 3  # attributes in a sentence
LINES = 3  # on a terminal


def answer_of(entries: Sequence[Entry], board: Board) -> Answer:
    """What is shown first. It holds for any records; where they say nothing, it says what to type."""
    effects = effects_of(entries)
    sentences = [*_finding(effects), *_read_out(effects), *_moved(effects), *_camera(entries), *_families(board)]
    return Answer(
        sentences=tuple(sentences or [_nothing(entries)]),
        own=tuple(_own(entries, effects, board)),
        figure=_overview(board),
    )


def finding_lines(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The finding in at most three sentences, for a terminal."""
    effects = effects_of(entries)
    lines = [*_finding(effects), *_most_and_least(effects), *mitigated(entries)]
    lines = lines or [*_read_out(effects), *_camera(entries)][:LINES]
    return tuple(lines or [_nothing(entries)])


def _nothing(entries: Iterable[Entry]) -> str:
    measured = [result for _, result in entries if not result.reason]
    tasks = {result.task for result in measured if result.family != CONTROLS}
    titles = "; ".join(chart.title for task, chart in CHARTS.items() if task in tasks)
    if titles:
        return f"Measured here: {titles}. None of it {SAYS}. {MEASURE}"
    return CONTROLS_ALONE if measured else NOTHING


def _by_parameter(effects: Iterable[Effect]) -> dict[str, list[Effect]]:
    by_parameter: dict[str, list[Effect]] = {}
    for effect in effects:
        by_parameter.setdefault(effect.subject, []).append(effect)
    return by_parameter


# --- sentences on all encoders


def _finding(effects: Sequence[Effect]) -> Iterator[str]:
    """Of the processing that most encoders show the paper's finding for."""
    whole = _by_parameter(e for e in effects if e.probe.value is not None and e.before.value is not None)
    if not whole:
        return
    subject, of = max(
        whole.items(), key=lambda item: (sum(e.is_both for e in item[1]), sum(e.loss.value or 0 for e in item[1]))
    )
    shown = [effect for effect in of if effect.is_both]
    if not shown:
        yield (
            f"No encoder here shows the finding: that {_listed(list(whole), 'or')} is read out above chance and costs "
            f"kNN accuracy, both with their 95% intervals{_place(of)}."
        )
        return
    count = f"{len(shown)} of {len(of)} encoders" if len(of) > 1 else short(of[0].encoder)
    know, let, their = ("know", "let", "their") if len(shown) > 1 else ("knows", "lets", "its")
    yield (
        f"{count} {know} {subject} and {let} it pull {their} neighbours: a linear probe reads it out with "
        f"{_range([e.probe for e in shown])}, where chance is {percent(shown[0].chance)}, and kNN loses "
        f"{_points(shown)} among wrong images that are processed alike, both with their 95% intervals{_place(of)}."
    )


def _range(points: Sequence[Point]) -> str:
    """ "76.5% (74.1 to 78.9)", or "57.0% to 77.5%" of several."""
    values = [point.value for point in points if point.value is not None]
    return with_interval(points[0]) if len(points) == 1 else f"{percent(min(values))} to {percent(max(values))}"


def _points(effects: Sequence[Effect]) -> str:
    """ "5.4 points (3.9 to 7.0)", or "2.1 to 28.2 points" of several."""
    losses = sorted(100 * effect.loss.value for effect in effects if effect.loss.value is not None)
    if len(losses) == 1:
        return _in_points(effects[0].loss)
    return f"{losses[0]:.1f} to {losses[-1]:.1f} points"


def _in_points(loss: Point) -> str:
    """ "5.4 points (3.9 to 7.0)"."""
    has_interval = loss.low is not None and loss.high is not None
    interval = f" ({100 * (loss.low or 0):.1f} to {100 * (loss.high or 0):.1f})" if has_interval else ""
    return f"{100 * (loss.value or 0):.1f} points{interval}"


def _read_out(effects: Sequence[Effect]) -> Iterator[str]:
    parts = []
    for subject, of in _by_parameter(e for e in effects if e.probe.value is not None).items():
        chance = f"chance {percent(of[0].chance) if of[0].chance is not None else 'not told'}"
        above = f" ({chance}; {sum(e.is_read for e in of)} of {len(of)} above)"
        alone = with_interval(of[0].probe, chance)
        parts.append(f"{subject} {alone if len(of) == 1 else middle([e.probe for e in of]) + above}")
    if parts:
        yield f"Read out by a linear probe{_median(effects)}: {_listed(parts)}{_place(effects)}."


def _moved(effects: Sequence[Effect]) -> Iterator[str]:
    parts = []
    for subject, of in _by_parameter(e for e in effects if e.loss.value is not None).items():
        several = f"{sum(e.is_moved for e in of)} of {len(of)} lose"
        beside = several if len(of) > 1 else f"a loss of {_in_points(of[0].loss)}"
        parts.append(f"{subject} from {middle([e.before for e in of])} to {middle([e.after for e in of])}, {beside}")
    if parts:
        yield (
            f"kNN accuracy{_median(effects)}, once only images of other classes are processed like the query: "
            f"{'; '.join(parts)}{_place(effects)}."
        )


def _median(effects: Sequence[Effect]) -> str:
    count = len({effect.encoder for effect in effects})
    return f", median of {count} encoders" if count > 1 else f" of {short(effects[0].encoder)}"


def _place(effects: Sequence[Effect]) -> str:
    return f" ({effects[0].about})"


def _camera(entries: Sequence[Entry]) -> Iterator[str]:
    """What is read out of masked photos, the nearest photos, and the pairs."""
    read = sorted(_medians(entries, "acquisition", "accuracy"), key=lambda item: -item[1])
    if read:
        told = _listed([text for text, _ in read[:MOST]])
        yield f"With 90% of each photo hidden, a linear probe tells {told}."
    for k in sorted({k for group in _groups(entries, "camera") for k in numbered(group)[:1]}, key=float):
        if near := [text for text, _ in _medians(entries, "camera", k)]:
            yield f"Of the {k} nearest photos, this share is from the same kind of camera: {_listed(near)}."
    for group in _groups(entries, "pairs"):
        same, other = (_measured(group, name) for name in ("same", "different"))
        if same and other:
            yield (
                f"The other photo of a pair comes first in {middle(same)} among photos of the same kind of camera, in "
                f"{middle(other)} among those of the other ({_of_encoders(same)}; {about(group.result)})."
            )


def _groups(entries: Iterable[Entry], part: str) -> list[Group]:
    """The measurements of a part of the trace sensitivity, without controls."""
    of = [entry for entry in entries if entry[1].family != CONTROLS]
    chosen = [entry for entry in of if (counted := part_of(entry[1])) and counted.name == part]
    return [group for task in dict.fromkeys(result.task for _, result in chosen) for group in groups_of(chosen, task)]


def _measured(group: Group, metric: str) -> list[Point]:
    return [point for point in group.points(metric) if point.value is not None]


def _medians(entries: Iterable[Entry], part: str, metric: str) -> Iterator[tuple[str, float]]:
    """ "make 45.0% (chance 11.1%; median of 6 encoders; FlickrExif, 400 test images)", and how far above chance."""
    for group in _groups(entries, part):
        points, counted = _measured(group, metric), part_of(group.result)
        if not points or not counted:
            continue
        chance = counted.chance(group.result)
        above = median(point.value for point in points if point.value is not None) - (chance or 0)
        level = f"chance {percent(chance)}; " if chance is not None else ""
        beside = f"{level}{_of_encoders(points)}; {about(group.result)}"
        yield f"{group.subject} {middle(points)} ({beside})", above


def _of_encoders(points: Sequence[Point]) -> str:
    return short(points[0].encoder) if len(points) == 1 else f"median of {len(points)} encoders"


def _families(board: Board) -> Iterator[str]:
    """The trace sensitivity by family, where there are several."""
    ranked = [score for score in board.scores if not score.unranked]
    by_family = {
        family: [score.sensitivity for score in ranked if score.family == family]
        for family in FAMILIES
        if family != CONTROLS
    }
    parts = [
        f"{family or 'family not known'} {middle(points)} ({len(points)})"
        for family, points in by_family.items()
        if points
    ]
    if len(parts) > 1:
        yield f"Trace sensitivity by family, from 0% (no trace) to 100%, of so many encoders: {_listed(parts)}."


def _most_and_least(effects: Sequence[Effect]) -> Iterator[str]:
    """The encoders that lose most and least to the processing that costs most."""
    whole = _by_parameter(e for e in effects if e.loss.value is not None)
    if not whole:
        return
    subject, of = max(whole.items(), key=lambda item: max(effect.loss.value or 0 for effect in item[1]))
    order = sorted(of, key=lambda effect: -(effect.loss.value or 0))
    first = f"{subject} costs {short(order[0].encoder)} {_fall(order[0])}"
    rest = f"; {short(order[-1].encoder)} {_fall(order[-1])}" if len(order) > 1 else ""
    yield f"Where only wrong classes share the query's processing, {first}{rest} ({of[0].about})."


def _fall(effect: Effect) -> str:
    fall = f"kNN from {with_interval(effect.before)} to {with_interval(effect.after)}"
    return f"{_in_points(effect.loss)}, {fall}"


# --- one's own encoders


def _own(entries: Sequence[Entry], effects: Sequence[Effect], board: Board) -> Iterator[str]:
    """A sentence for each encoder of one's own: measured here beside those of the package, or of the family OWN."""
    has_shipped = any(path.startswith(REFERENCE) for path, _ in entries)
    here = {result.encoder for path, result in entries if not path.startswith(REFERENCE) and _counts(result)}
    own = here if has_shipped else {encoder for encoder in here if _family(entries, encoder) == OWN}
    for score in board.scores:
        if score.encoder in own:
            of = [effect for effect in effects if effect.encoder == score.encoder]
            text = "; ".join(filter(None, (_strongest(of), _place_among(score, board))))
            yield f"{short(score.encoder)}: {text or 'nothing measured that says how far traces are read out'}."


def _counts(result: Result) -> bool:
    return result.family != CONTROLS


def _family(entries: Iterable[Entry], encoder: str) -> str:
    return next((result.family or "" for _, result in entries if result.encoder == encoder), "")


def _strongest(effects: Sequence[Effect]) -> str:
    """What the processing does that costs the encoder most, else the one that is read out best."""
    if not effects:
        return ""
    effect = max(effects, key=lambda e: (e.is_both, e.loss.value or 0, (e.probe.value or 0) - (e.chance or 0)))
    parts = []
    if effect.probe.value is not None and effect.chance is not None:
        level = f"{'' if effect.is_read else 'not beyond '}chance {percent(effect.chance)}"
        parts.append(f"{effect.subject} is read out with {with_interval(effect.probe, level)}")
    if effect.loss.value is not None:
        parts.append(
            f"kNN goes from {percent(effect.before.value)} to {percent(effect.after.value)} where only wrong classes "
            f"share {'the processing' if parts else effect.subject}, a loss of {_in_points(effect.loss)}"
        )
    return f"{' and '.join(parts)} ({effect.about})" if parts else ""


def _place_among(score: Score, board: Board) -> str:
    if score.value is None:
        return ""
    ranked = sum(not other.unranked for other in board.scores)
    rank = f"rank {score.ranks} of {ranked}" if score.rank is not None else f"no rank, {score.unranked}"
    return f"trace sensitivity {with_interval(score.sensitivity)}, {rank}"


# --- the picture


def _overview(board: Board) -> Figure | None:
    """A strip for the sensitivity and each of its parts; controls are lines. None where no encoder has a number."""
    quantities = {"Trace sensitivity": [score.sensitivity for score in board.scores]} | {
        part.title: [score.parts[part.name] for score in board.scores] for part in board.parts
    }
    strips = []
    for title, points in quantities.items():
        measured = [point for point in points if point.value is not None]
        encoders = tuple(point for point in measured if point.family != CONTROLS)
        references = tuple(point for point in measured if point.family == CONTROLS)
        if encoders:
            strips.append(Strip(title=title, points=encoders, references=references, chance=0.0))
    if not strips:
        return None
    records = {cell.record: None for score in board.scores for cell in score.cells}
    parts = Counter({cell.key: cell.part for score in board.scores for cell in score.cells}.values())
    counted = _listed([f"{part.title} {parts[part.name]}" for part in board.parts])
    return Figure(
        name="overview",
        title="How much encoders know of processing and camera, and how far it moves neighbours",
        caption="Each mark is an encoder with its 95% interval over test images: its share of the way from chance (0%) "
        "to perfect reading (100%), or of what it can lose. Lines are the controls, which are not ranked. "
        f"Measurements of each part: {counted}.",
        alt=" ".join(extremes(strip.points, strip.title[0].lower() + strip.title[1:]) for strip in strips),
        content=Overview(strips=tuple(strips)),
        records=tuple(records),
    )


def _listed(parts: Sequence[str], last: str = "and") -> str:
    """ "a, b and c"."""
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts)
