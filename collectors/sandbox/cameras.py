"""Simulated cameras: a table of real devices, and the settings they choose for a scene.

`cameras.csv` holds Make and Model as the devices write them. Lenses, ISO and exposure ranges follow the makers' data
sheets; popularity, JPEG quality, sharpening and noise are plausible figures, not measurements. Settings follow the
exposure triangle: EV100 = log2(N² / t) - log2(ISO / 100).
"""

import csv
import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random

TABLE = Path(__file__).with_name("cameras.csv")
PHONES = ("smartphone", "feature_phone", "tablet")
SCANNERS = ("film_scanner", "flatbed_scanner")

# Nominal third stops, as cameras print them.
F_NUMBERS = (
    *(1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8, 3.2, 3.5, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1),
    *(8.0, 9.0, 10.0, 11.0, 13.0, 14.0, 16.0, 18.0, 20.0, 22.0),
)
ISOS = (
    *(20, 25, 32, 40, 50, 64, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1250, 1600, 2000, 2500),
    *(3200, 4000, 5000, 6400, 8000, 10000, 12800, 16000, 20000, 25600, 32000, 40000, 51200),
)
_PARTS_OF_A_SECOND = (
    *(8000, 6400, 5000, 4000, 3200, 2500, 2000, 1600, 1250, 1000, 800, 640, 500, 400, 320, 250, 200, 160, 125),
    *(100, 80, 60, 50, 40, 30, 25, 20, 15, 13, 10, 8, 6, 5, 4),
)
_TENTHS_OF_SECONDS = (3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 60, 80, 100, 130, 150, 200, 250, 300)
EXPOSURES = tuple((1, n) for n in _PARTS_OF_A_SECOND) + tuple((n, 10) for n in _TENTHS_OF_SECONDS)
FOCAL_MARKS = (18, 24, 28, 35, 50, 55, 70, 85, 105, 135, 200, 250)

Rational = tuple[int, int]  # as Exif stores a number; (0, 0) and (1, 0) occur in the wild


@dataclass(frozen=True, slots=True)
class Lens:
    """Focal range in mm, and the widest f-number at either end."""

    short: float
    long: float
    f_short: float
    f_long: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A row of cameras.csv."""

    make: str
    model: str
    year: int  # of release
    category: str
    weight: float  # popularity
    width: int  # of the sensor's largest picture, pixels
    height: int
    lenses: tuple[Lens, ...]  # none for a scanner
    crop: float  # 35 mm factor
    f_max: float  # smallest aperture; 0 where the aperture is fixed
    isos: tuple[int, ...]
    exposure_min: float  # seconds
    exposure_max: float
    luma: int  # JPEG quality of the luma table on the IJG scale
    chroma: int
    tilt: float  # how much coarser than IJG's the tables get towards high frequencies
    subsampling: str
    radius: float  # of the sharpening, pixels
    amount: int  # of the sharpening, per cent
    noise: float  # relative to a compact camera of 2005

    @property
    def is_phone(self) -> bool:
        return self.category in PHONES


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the camera chose, as the numbers and codes it stores."""

    exposure: Rational  # seconds
    f_number: Rational
    iso: int
    focal: Rational  # mm
    focal_35mm: int
    flash: int = 0x10
    program: int = 2
    mode: int = 0
    white_balance: int = 0


def _lens(text: str) -> Lens:
    match = re.fullmatch(r"([\d.]+)(?:-([\d.]+))? f([\d.]+)(?:-([\d.]+))?", text)
    if not match:
        raise ValueError(f"cameras.csv: {text!r} is no lens")
    short, long, f_short, f_long = match.groups()
    return Lens(float(short), float(long or short), float(f_short), float(f_long or f_short))


def _device(row: dict[str, str]) -> Device:
    width, height = row["pixels"].split("x")
    first, _, last = row["iso"].partition("-")
    slowest = [float(Fraction(part)) for part in row["exposure"].split("-") if part] or [0.0]
    low, high = int(first or 0), int(last or first or 0)
    return Device(
        make=row["make"],
        model=row["model"],
        year=int(row["year"]),
        category=row["category"],
        weight=float(row["weight"]),
        width=int(width),
        height=int(height),
        lenses=tuple(_lens(text) for text in row["lenses"].split("|") if text),
        crop=float(row["crop"] or 1),
        f_max=float(row["f_max"]),
        isos=tuple(sorted({low, high} | {iso for iso in ISOS if low <= iso <= high})),
        exposure_min=slowest[0],
        exposure_max=slowest[-1],
        luma=int(row["luma"]),
        chroma=int(row["chroma"]),
        tilt=float(row["tilt"]),
        subsampling=row["subsampling"],
        radius=float(row["radius"]),
        amount=int(row["amount"]),
        noise=float(row["noise"]),
    )


@cache
def devices() -> tuple[Device, ...]:
    """All rows of cameras.csv, in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(_device(row) for row in csv.DictReader(file))


def scene_light(hour: int, rng: Random) -> float:
    """EV100 of a scene: daylight outdoors is 11 to 15, rooms are 5 to 9, streets at night 2 to 7."""
    daylight = 7 <= hour < 19
    if rng.random() < (0.72 if daylight else 0.25):
        noon = math.sin(math.pi * (hour - 5.5) / 14)
        return rng.gauss(11.2 + 3 * noon, 1.2) if daylight else rng.uniform(2, 7)
    return rng.uniform(5, 9)


def _nearest(values: tuple[float, ...], ideal: float) -> float:
    return min(values, key=lambda value: abs(math.log(value / ideal)))


def _focal(lens: Lens, rng: Random) -> float:
    """A focal length of `lens` in mm; zooms stand at an end or on a mark more often than between."""
    draw = rng.random()
    marks = [mark for mark in FOCAL_MARKS if lens.short <= mark <= lens.long]
    if draw < 0.35 or lens.short == lens.long:
        return lens.short
    if draw < 0.5:
        return lens.long
    if draw < 0.8 and marks and lens.short > 9:
        return float(rng.choice(marks))
    focal = math.exp(rng.uniform(math.log(lens.short), math.log(lens.long)))
    return round(focal) if lens.short > 9 else round(focal, 1)


def _widest(lens: Lens, focal: float) -> float:
    if focal <= lens.short:
        return lens.f_short
    if focal >= lens.long:
        return lens.f_long
    share = math.log(focal / lens.short) / math.log(lens.long / lens.short)
    return max(lens.f_short, _nearest(F_NUMBERS, lens.f_short * (lens.f_long / lens.f_short) ** share))


def _f_number(device: Device, widest: float, light: float, rng: Random) -> float:
    """The f-number that program mode chooses: wide open when dark, f/8 in sunlight."""
    if not device.f_max:
        return widest
    ideal = 2 ** ((light - 5) / 3 + rng.gauss(0, 0.5))
    stops = tuple(stop for stop in F_NUMBERS if widest < stop <= device.f_max)
    return _nearest((widest, *stops), ideal)


def _seconds(f_number: float, light: float, iso: int) -> float:
    return f_number**2 / 2**light * 100 / iso


def _iso(device: Device, f_number: float, light: float, limit: float, rng: Random) -> int:
    """The lowest ISO whose exposure is at most `limit` seconds; some photographers set a higher one."""
    start = 0
    if not device.is_phone and rng.random() < 0.3:
        start = min(rng.randrange(8), len(device.isos) - 1)
    usable = device.isos[start:]
    return next((iso for iso in usable if _seconds(f_number, light, iso) <= limit), usable[-1])


def _exposure(device: Device, seconds: float, rng: Random) -> Rational:
    """The nearest nominal exposure time; phones and early compacts also write times in between."""
    off_scale = 0.35 if device.is_phone else 0.25 if device.category == "compact" and device.year < 2004 else 0.0
    seconds = min(max(seconds, device.exposure_min), device.exposure_max)
    if seconds < 0.2 and rng.random() < off_scale:
        return 1, min(round(1 / seconds), round(1 / device.exposure_min))
    within = [e for e in EXPOSURES if device.exposure_min * 0.99 <= e[0] / e[1] <= device.exposure_max * 1.01]
    return min(within, key=lambda e: abs(math.log(e[0] / e[1] / seconds)))


def rational(value: float) -> Rational:
    """`value` in tenths, or in hundredths where tenths do not hold it."""
    tenths = round(value * 10)
    return (tenths, 10) if abs(tenths - value * 10) < 1e-6 else (round(value * 100), 100)


def expose(device: Device, light: float, rng: Random) -> Settings:
    """The settings `device` chooses for a scene of EV100 `light`; scanners have none (ValueError)."""
    if not device.lenses:
        raise ValueError(f"{device.model} is a scanner")
    lens = device.lenses[0] if rng.random() < 0.7 else rng.choice(device.lenses)
    focal = _focal(lens, rng)
    f_number = _f_number(device, _widest(lens, focal), light, rng)
    steady = min(1 / 30, 1 / (focal * device.crop)) * (2 if device.year > 2008 else 1)
    iso = _iso(device, f_number, light, steady, rng)
    seconds = _seconds(f_number, light, iso)
    if seconds < device.exposure_min and device.f_max:  # too bright: stop down
        f_number = _f_number(device, f_number, light + 3 * math.log2(device.exposure_min / seconds), rng)
        seconds = _seconds(f_number, light, iso)
    settings = Settings(
        exposure=_exposure(device, seconds, rng),
        f_number=rational(f_number),
        iso=iso,
        focal=rational(focal),
        focal_35mm=round(focal * device.crop),
        white_balance=int(not device.is_phone and rng.random() < 0.12),
        **_program(device, rng),
    )
    return _flash(device, settings, light, rng)


def _program(device: Device, rng: Random) -> dict[str, int]:
    if device.is_phone or not device.f_max:
        return {"program": 2}
    by_hand = device.category in ("dslr", "mirrorless")
    program = rng.choices((2, 3, 4, 1, 0), (40, 35, 8, 12, 5) if by_hand else (85, 5, 2, 3, 5))[0]
    return {"program": program, "mode": int(program == 1)}


def _flash(device: Device, settings: Settings, light: float, rng: Random) -> Settings:
    if not device.f_max and not device.is_phone:
        return replace(settings, flash=0x20)
    if light > 8.5 or rng.random() > (0.15 if device.is_phone else 0.4):
        return replace(settings, flash=rng.choice((0x10, 0x18, 0x18) if device.is_phone else (0x0, 0x10, 0x18)))
    low = [iso for iso in device.isos if iso <= 400] or device.isos[:1]
    fired = (0x19, 0x19, 0x9) if device.is_phone else (0x1, 0x9, 0x19, 0x41, 0x59, 0x5F, 0xF, 0x7)
    flashed = replace(settings, flash=rng.choice(fired), iso=rng.choice(low[-4:]))
    if device.exposure_min <= 1 / 60 <= device.exposure_max:
        flashed = replace(flashed, exposure=rng.choice(((1, 60), (1, 60), (1, 30), (1, 125))))
    return flashed


def broken(settings: Settings, rng: Random) -> Settings:
    """`settings` with one impossible value, as broken firmware and careless editors write it."""
    undefined, infinite = (0, 0), (1, 0)
    kind = rng.randrange(7)
    if kind < 2:
        return replace(settings, iso=(0, 65535)[kind])
    if kind < 4:
        return replace(settings, exposure=(undefined, infinite)[kind - 2])
    if kind < 6:
        return replace(settings, f_number=((0, 10), infinite)[kind - 4])
    return replace(settings, focal=(0, 1))
