"""Whether the two images of a pair were taken together, although the clocks of old cameras are often wrong.

Phones take their time from the network. A camera's clock is off by the median, over its pairs, of the camera's time
minus the phone's.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import NamedTuple

from flickrexif.paircams.records import PairImage, Problem
from flickrexif.paircams.rules import Pair, shown

MIN_PAIRS = 5  # of a camera, before its clock is judged
NOT_OFF = timedelta(minutes=10)  # two photos of a scene can be this far apart although both clocks are right


class Clock(NamedTuple):
    """A camera whose clock is off."""

    camera: str
    offset: timedelta  # its time minus the phones'; positive: ahead
    agreeing: int  # pairs that agree with this offset
    pairs: int  # of the camera, where both times are known


def device_name(image: PairImage) -> str:
    """Maker and model as one name."""
    model = shown(image.model)
    maker = (image.make or "").split(" ")[0]
    return model if maker.lower() in model.lower() else shown(f"{image.make} {model}")


def time_difference(pair: Pair) -> timedelta | None:
    """The camera's time minus the phone's; None when either is unknown."""
    if pair.phone.taken is None or pair.camera.taken is None:
        return None
    return pair.camera.taken - pair.phone.taken


def clocks(pairs: Sequence[Pair], span: timedelta) -> dict[str, Clock]:
    """Camera -> its clock, for cameras whose clock is off: most of their pairs are within `span` of the median."""
    by_camera: dict[str, list[timedelta]] = {}
    for pair in pairs:
        if (difference := time_difference(pair)) is not None:
            by_camera.setdefault(device_name(pair.camera), []).append(difference)
    clocks_off = {}
    for camera, differences in sorted(by_camera.items()):
        offset = timedelta(seconds=round(median(difference.total_seconds() for difference in differences)))
        agreeing = sum(abs(difference - offset) <= span for difference in differences)
        if len(differences) >= MIN_PAIRS and 2 * agreeing > len(differences) and abs(offset) > NOT_OFF:
            clocks_off[camera] = Clock(camera, offset, agreeing, len(differences))
    return clocks_off


def taken_problems(pairs: Sequence[Pair], off: Mapping[str, Clock], span: timedelta) -> Iterator[Problem]:
    """Pairs whose times are more than `span` apart, after correcting clocks that are off."""
    for pair in pairs:
        difference, clock = time_difference(pair), off.get(device_name(pair.camera))
        if difference is None:
            continue
        rest = difference - (clock.offset if clock else timedelta())
        if abs(rest) > span:
            allowed = f", though its clock, {in_words(clock.offset)}, is allowed for" if clock else ""
            detail = f"the camera's image is {abs(rest)} {'earlier' if rest < timedelta() else 'later'}{allowed}"
            yield Problem(subject=pair.camera.subject, file=pair.camera.file_name, rule="taken", detail=detail)


def in_words(offset: timedelta) -> str:
    """An offset in words: "1 day, 2:03:04 ahead"."""
    return f"{abs(offset)} {'behind' if offset < timedelta() else 'ahead'}"


def clock_sentence(clock: Clock) -> str:
    """A sentence on a clock, for tables and pages."""
    return f"The clock of {clock.camera} is {in_words(clock.offset)}, as {clock.agreeing} of {clock.pairs} pairs tell."
