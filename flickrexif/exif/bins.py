"""Numbers -> classes.

The data set has columns of both kinds. `*_exact`: each printed value is a class of its own, as in the paper: "1/125",
"5.6", "100", "50.0 mm". `*_class`: third stops of exposure time, f-number and ISO speed, and bins of focal length.

A third-stop class has the name that cameras print, and its middle is the exact third stop (third_stops.csv counts
thirds from 1 s, f/1.0 and ISO 100): "1/125" is 2^-7 s, "1.2" is f/2^(2/6), "64" is ISO 100 x 2^(-2/3). A value belongs
to the class nearest in log2, if at most 1/6 stop away. Exact steps leave no gaps between classes; the rounded names
would: f/3.0 lies 0.19 stops from both f/2.8 and f/3.2.
"""

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise

from flickrexif.exif.codes import table
from flickrexif.exif.printed import print_exposure, print_f_number, print_focal_length

HALF_STEP = 1 / 6 + 1e-9  # stops; the small part allows for the rounding of floats

# Millimetres, real focal lengths, not 35 mm equivalents: the first bins separate phones from compacts, the edges from
# 18 mm on are common lens names. A bin includes its lower edge, not its upper one.
FOCAL_LENGTH_EDGES = (3, 4, 5, 7, 10, 14, 18, 24, 28, 35, 50, 70, 85, 105, 135, 200, 300, 400, 600)


def _thirds(setting: str) -> dict[str, float]:
    return {row["class"]: float(row["thirds"]) for row in table("third_stops.csv") if row["setting"] == setting}


def _bins(edges: tuple[int, ...]) -> dict[str, float]:
    between = {f"{low}-{high} mm": math.sqrt(low * high) for low, high in pairwise(edges)}
    return {f"under {edges[0]} mm": edges[0] / 1.5, **between, f"{edges[-1]} mm and over": edges[-1] * 1.5}


# Class -> the number in its middle, smallest first.
EXPOSURE_CLASSES = {name: 2 ** (thirds / 3) for name, thirds in _thirds("exposure").items()}  # seconds
APERTURE_CLASSES = {name: 2 ** (thirds / 6) for name, thirds in _thirds("aperture").items()}  # f-number
ISO_CLASSES = {name: 100 * 2 ** (thirds / 3) for name, thirds in _thirds("iso").items()}
FOCAL_LENGTH_CLASSES = _bins(FOCAL_LENGTH_EDGES)  # millimetres

# (class names, their middles in stops)
_EXPOSURES = list(EXPOSURE_CLASSES), [math.log2(seconds) for seconds in EXPOSURE_CLASSES.values()]
_APERTURES = list(APERTURE_CLASSES), [2 * math.log2(f_number) for f_number in APERTURE_CLASSES.values()]
_ISOS = list(ISO_CLASSES), [math.log2(iso) for iso in ISO_CLASSES.values()]
_FOCAL_LENGTHS = list(FOCAL_LENGTH_CLASSES)


def exposure_class(seconds: float) -> str | None:
    """Nearest third stop from 1/8000 to 30 s; None more than 1/6 stop beyond. `seconds` > 0."""
    return _nearest(*_EXPOSURES, math.log2(seconds))


def aperture_class(f_number: float) -> str | None:
    """Nearest third stop from f/1.0 to f/32, or f/0.95; None more than 1/6 stop beyond. `f_number` > 0."""
    return _nearest(*_APERTURES, 2 * math.log2(f_number))


def iso_class(iso: float) -> str | None:
    """Nearest third stop from ISO 25 to 409600; None more than 1/6 stop beyond. `iso` > 0."""
    return _nearest(*_ISOS, math.log2(iso))


def focal_length_class(millimetres: float) -> str:
    """The bin that holds a focal length."""
    return _FOCAL_LENGTHS[bisect_right(FOCAL_LENGTH_EDGES, millimetres)]


def exposure_exact(seconds: float) -> str:
    """As ExifTool prints it: "1/125", "0.3", "30"."""
    return print_exposure(seconds)


def aperture_exact(f_number: float) -> str:
    """As ExifTool prints it: "5.6", and "0.95" below 1."""
    return print_f_number(max(f_number, 1.0) if f_number >= 0.995 else f_number)


def iso_exact(iso: float) -> str:
    """As ExifTool prints it: "100"."""
    return str(round(iso))


def focal_length_exact(millimetres: float) -> str:
    """As ExifTool prints it: "50.0 mm"."""
    return print_focal_length(millimetres)


def _nearest(names: list[str], stops: list[float], stop: float) -> str | None:
    right = bisect_left(stops, stop)
    near = [place for place in (right - 1, right) if 0 <= place < len(stops)]
    best = min(near, key=lambda place: abs(stops[place] - stop))
    return names[best] if abs(stops[best] - stop) <= HALF_STEP else None
