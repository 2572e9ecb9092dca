"""The check of pairs against every rule of the protocol."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from flickrexif.core.text import plain
from flickrexif.paircams.clocks import Clock, clock_sentence, clocks, taken_problems, time_difference
from flickrexif.paircams.duplicates import duplicates
from flickrexif.paircams.framing import Match
from flickrexif.paircams.protocol import FAULTS, FINDINGS, RULES
from flickrexif.paircams.records import PairImage, Problem, by_subject
from flickrexif.paircams.rules import (
    NAME_LENGTH,
    TAG_RULES,
    Pair,
    image_problems,
    released_in_time,
    settings_kept,
    subject_problems,
)
from flickrexif.paircams.scenes import Progress, compare_pairs, scene_problems

SPAN = timedelta(minutes=30)  # between the two images of a subject
HEADER = ("subject", "file", "rule", "detail")
DETAIL_LENGTH = 300  # of a finding, characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The findings of a check, and on how many images or pairs each rule could be checked."""

    images: int
    pairs: int  # subjects with one image a side
    problems: tuple[Problem, ...]  # sorted; the faults of the source among them
    framing: Mapping[str, Match]  # subject -> how its two images fit, of the pairs that could be compared
    clocks: tuple[Clock, ...]  # cameras whose clock is off
    checkable: Mapping[str, int]  # rule -> number of images, or pairs, on which it could be checked


def check(images: Sequence[PairImage], *, span: timedelta = SPAN, progress: Progress | None = None) -> list[Problem]:
    """The findings on `images`, sorted. See `inspect`."""
    return list(inspect(images, span=span, progress=progress).problems)


def inspect(
    images: Sequence[PairImage],
    faults: Sequence[Problem] = (),
    *,
    span: timedelta = SPAN,
    progress: Progress | None = None,
) -> Report:
    """Check every rule of paircams.protocol.FINDINGS, and that each subject has one image a side.

    `faults`: the faults of the source, which the report includes once. `span`: the longest time between the two images
    of a subject. `progress(done, total)` counts pairs. Raises FlickrExifError without OpenCV.
    """
    subjects = by_subject(images)
    faulty_subjects = {fault.subject for fault in faults if fault.rule in FAULTS}
    pairs = [_pair(group) for group in subjects.values() if not any(subject_problems(group))]
    off = clocks(pairs, span)
    problems = [*faults, *duplicates(images), *taken_problems(pairs, off, span)]
    for subject, group in subjects.items():
        problems += () if subject in faulty_subjects else subject_problems(group)
        for image in group:
            problems += image_problems(image)
    scenes, unreadable = compare_pairs(pairs, progress)
    problems += [*unreadable, *scene_problems(scenes)]
    return Report(
        images=len(images),
        pairs=len(pairs),
        problems=tuple(sorted(problems)),
        framing={scene.pair.phone.subject: scene.match for scene in scenes},
        clocks=tuple(off.values()),
        checkable=_checkable(images, pairs, len(scenes)),
    )


def table(report: Report) -> list[tuple[str, str, str, str]]:
    """The findings as rows under HEADER; strangers' texts are bounded and printable."""
    return [
        (plain(p.subject, NAME_LENGTH), plain(p.file, NAME_LENGTH), p.rule, plain(p.detail, DETAIL_LENGTH))
        for p in report.problems
    ]


def summary(report: Report) -> list[tuple[str, str, int, str]]:
    """A row a rule: name, sentence, number of findings, and the number of images or pairs it could be checked on."""
    counts = Counter(problem.rule for problem in report.problems)
    rules = [rule for rule in RULES if rule in FINDINGS or counts[rule]]
    return [(rule, RULES[rule], counts[rule], _checked_on(rule, report)) for rule in rules]


def to_json(report: Report) -> str:
    """The report as JSON; offsets of clocks are in seconds."""
    framing = {subject: match._asdict() for subject, match in report.framing.items()}
    off = [clock._asdict() | {"offset": clock.offset.total_seconds()} for clock in report.clocks]
    return json.dumps(
        {
            "images": report.images,
            "pairs": report.pairs,
            "findings": [asdict(problem) for problem in report.problems],
            "framing": framing,
            "clocks": off,
            "known": dict(report.checkable),
        },
        indent=1,
    )


def notes(report: Report) -> list[str]:
    """A sentence on each clock that is off, which the check allowed for."""
    return [clock_sentence(clock) for clock in report.clocks]


# --- subjects


def _pair(images: Sequence[PairImage]) -> Pair:
    first, second = images
    return Pair(first, second) if first.side == "phone" else Pair(second, first)


def _checkable(images: Sequence[PairImage], pairs: Sequence[Pair], seen: int) -> dict[str, int]:
    checkable = Counter(rule for image in images for rule in settings_kept(image))
    released = sum(released_in_time(image) is not None for image in images)
    taken = sum(time_difference(pair) is not None for pair in pairs)
    compared = dict.fromkeys(("orientation", "framing", "swapped", "near_duplicate"), seen)
    return {**checkable, "released": released, "taken": taken, "duplicate": len(images), **compared}


def _checked_on(rule: str, report: Report) -> str:
    unit = "images" if rule in (*TAG_RULES, "released", "duplicate") else "pairs"
    return f"{report.checkable.get(rule, 0):,} {unit}" if rule in FINDINGS else ""
