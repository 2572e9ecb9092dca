"""The words of captions and alternative texts: names of what was measured, results in words, reasons for gaps."""

from collections.abc import Sequence
from statistics import median

from flickrexif.eval.report.identity import decisive
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import families_in, percent, plain, short
from flickrexif.eval.results import Result

PARAMETERS = {
    "jpeg": "JPEG compression",
    "sharpening": "sharpening",
    "resizing": "resizing",
    "interpolation": "interpolation",
}
ATTRIBUTES = {
    "Make": "make",
    "Model": "model (all)",
    "Smartphone Model": "model (smart)",
    "Is Smartphone": "smart or non-smart",
    "Exposure": "exposure",
    "Aperture": "aperture",
    "ISO Speed": "ISO speed",
    "Focal Length": "focal length",
    "Flash": "flash",
    "Year": "year taken",
    "is_smartphone": "smart or non-smart",
}
PHOTOS = {  # origin -> whose photos, in words
    "flickr": "photos from Flickr",
    "sandbox:simulated": "simulated photos",
    "sandbox:photos": "photos not from Flickr",
    "folder": "photos of a folder of one's own",
    "real": "real photos",
    "simulated": "simulated photos",
    "": "origin of the photos not told",
}
CLASSES = {"False": "non-smart", "True": "smart"}  # of the attributes that are smart or not
INTERVALS = "Whiskers are 95% intervals."


def subject_of(result: Result) -> str:
    """The label that is read out, in words: "JPEG compression", "focal length"."""
    name = result.parameter or result.attribute or ""
    return plain(PARAMETERS.get(name) or ATTRIBUTES.get(name) or name, 60)


def subject_order(result: Result) -> tuple[int, str]:
    """The key by which measurements are sorted: in the paper's order of parameters, then by name."""
    names = [*PARAMETERS, *ATTRIBUTES]
    name = result.parameter or result.attribute or ""
    return names.index(name) if name in names else len(names), name


def class_of(result: Result, name: str) -> str:
    """A class in words: "smart" for the class "True" of smart or not; other classes as they are."""
    is_smart_or_not = ATTRIBUTES.get(result.attribute or "") == ATTRIBUTES["is_smartphone"]
    return CLASSES.get(name, name) if is_smart_or_not else name


def dataset_of(result: Result) -> str:
    """The data set's name, bounded."""
    return plain(result.dataset, 60)


def photos_of(origin: str) -> str:
    """Whose photos these are, in words; what a stranger's file calls them, as it is."""
    return PHOTOS.get(origin) or f"origin of the photos: {plain(origin, 40)}"


def place_of(result: Result) -> str:
    """The data set and the decisive settings: "FlickrExif, 90% masked"."""
    return dataset_of(result) + settings_of(result)


def where_of(result: Result) -> str:
    """The label, the data set and the decisive settings: "focal length on FlickrExif, 90% masked"."""
    subject = subject_of(result)
    return f"{subject} on {place_of(result)}" if subject else place_of(result)


def settings_of(result: Result) -> str:
    """The decisive settings in words, or "": ", 90% masked, fast protocol"."""
    return "".join(f", {_setting(name, value)}" for name, value in decisive(result).items())


def _setting(name: str, value: object) -> str:
    if name == "mask" and isinstance(value, int | float):
        return f"{percent(value, 0)} masked"
    if name == "origin":
        return plain(value, 20)
    return f"{plain(value, 20)} protocol" if name == "protocol" else f"{name} = {plain(value, 20)}"


def measurement_of(result: Result, title: str) -> str:
    """What was measured: "linear probe, focal length, FlickrExif, 90% masked"."""
    return ", ".join(filter(None, (title, subject_of(result), place_of(result))))


def capital(text: str) -> str:
    """`text` with a capital first letter."""
    return text[:1].upper() + text[1:]


def chance_level(chance: float | None, name: str = "Chance") -> str:
    """ " Chance: 16.7%.", or "" where it is not known."""
    return "" if chance is None else f" {name}: {percent(chance)}."


def gaps(points: Sequence[Point], shown: int = 3) -> str:
    """A sentence on which encoders have no number and why, or ""."""
    missing = {point.encoder: point.reason for point in points if point.value is None}
    if not missing:
        return ""
    named = [f"{short(encoder)} ({reason})" for encoder, reason in list(missing.items())[:shown]]
    more = f" and {len(missing) - shown} more" if len(missing) > shown else ""
    return f" No number for {', '.join(named)}{more}."


def extremes(points: Sequence[Point], quantity: str) -> str:
    """The lowest and the highest number and each family's median, in words."""
    measured = sorted((point.value, number) for number, point in enumerate(points) if point.value is not None)
    if not measured:
        return f"{capital(quantity)}: no encoder has a number."
    low, high = points[measured[0][1]], points[measured[-1][1]]
    if len(measured) == 1:
        return f"{capital(quantity)} of {short(high.encoder)}: {percent(high.value)}."
    text = f"{capital(quantity)} of {len(measured)} encoders: from {percent(low.value)} ({short(low.encoder)}) "
    return f"{text}to {percent(high.value)} ({short(high.encoder)}).{_family_medians(points)}"


def _family_medians(points: Sequence[Point]) -> str:
    """ " Median by family: CVL 81.0%, SSL 40.1%.", or "" for a single family."""
    families = families_in([point for point in points if point.value is not None])
    if len(families) < 2:
        return ""
    by_family = {f: [p.value for p in points if p.family == f and p.value is not None] for f in families}
    medians = (f"{family or 'unknown'} {percent(median(values))}" for family, values in by_family.items())
    return f" Median by family: {', '.join(medians)}."


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
