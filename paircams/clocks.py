"""Whether the two images of a pair were taken together, though the clocks of old cameras are often off.

Phones take their time from the network. A camera's clock is told by the median, over all its pairs, of its time less
the phone's.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import NamedTuple

from flickrexif.paircams.records import PairImage, Problem
from flickrexif.paircams.rules import Pair, shown

MIN_PAIRS = 5  # of a camera, before its clock is judged
NOT_OFF = timedelta(minutes=10)  # shots of one scene are this far apart without any fault of a clock


class Clock(NamedTuple):
    """A camera whose clock is off."""

    camera: str
    offset: timedelta  # its time less the phones'; positive: ahead
    agreeing: int  # pairs that this explains
    pairs: int  # of the camera, with both times


def name(image: PairImage) -> str:
    """The device, as one name."""
    model = shown(image.model)
    maker = (image.make or "").split(" ")[0]
    return model if maker.lower() in model.lower() else shown(f"{image.make} {model}")


def behind(pair: Pair) -> timedelta | None:
    """The camera's time less the phone's; None where one is unknown."""
    if pair.phone.taken is None or pair.camera.taken is None:
        return None
    return pair.camera.taken - pair.phone.taken


def clocks(pairs: Sequence[Pair], span: timedelta) -> dict[str, Clock]:
    """Camera -> its clock, of the cameras whose clock is steadily off: most pairs lie within `span` of the median."""
    by_camera: dict[str, list[timedelta]] = {}
    for pair in pairs:
        if (difference := behind(pair)) is not None:
            by_camera.setdefault(name(pair.camera), []).append(difference)
    clocks_off = {}
    for camera, differences in sorted(by_camera.items()):
        offset = timedelta(seconds=round(median(difference.total_seconds() for difference in differences)))
        agreeing = sum(abs(difference - offset) <= span for difference in differences)
        if len(differences) >= MIN_PAIRS and 2 * agreeing > len(differences) and abs(offset) > NOT_OFF:
            clocks_off[camera] = Clock(camera, offset, agreeing, len(differences))
    return clocks_off


def taken_problems(pairs: Sequence[Pair], off: Mapping[str, Clock], span: timedelta) -> Iterator[Problem]:
    """Pairs whose times lie more than `span` apart, clocks that are off allowed for."""
    for pair in pairs:
        difference, clock = behind(pair), off.get(name(pair.camera))
        if difference is None:
            continue
        rest = difference - (clock.offset if clock else timedelta())
        if abs(rest) > span:
            allowed = f", though its clock, {spoken(clock.offset)}, is allowed for" if clock else ""
            detail = f"the camera's image is {abs(rest)} {'earlier' if rest < timedelta() else 'later'}{allowed}"
            yield Problem(subject=pair.camera.subject, file=pair.camera.file_name, rule="taken", detail=detail)


def spoken(offset: timedelta) -> str:
    """1 day, 2:03:04 ahead."""
    return f"{abs(offset)} {'behind' if offset < timedelta() else 'ahead'}"


def sentence(clock: Clock) -> str:
    """What a table or a page says of a clock."""
    return f"The clock of {clock.camera} is {spoken(clock.offset)}, as {clock.agreeing} of {clock.pairs} pairs tell."
