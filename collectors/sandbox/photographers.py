"""The simulated photographers and the photos they take in a month: bursts, devices, licences, dates, titles."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flickrexif.collectors.sandbox.cameras import SCANNERS, Device, devices
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.core.draws import rank, rng

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

FIRST_YEAR, LAST_YEAR = 2000, 2030
ID_BASE, IDS_A_MONTH = 50_000_000_000, 10_000_000  # ids have 11 digits, and the month follows from them
ID_STEP = 7_654_321  # prime to IDS_A_MONTH: no two indices share an id
FLICKR_OPENED = calendar.timegm((2004, 2, 10, 0, 0, 0))
DAY = 86_400
ORIGINAL_PIXELS = 1_500_000
BATCH_YEARS = 4  # how long a photographer keeps a device

LICENSES = {
    **{0: 0.64, 1: 0.02, 2: 0.02, 3: 0.03, 6: 0.01},
    **{4: 0.13, 5: 0.06, 7: 0.03, 8: 0.02, 9: 0.02, 10: 0.02, 11: 0.005, 12: 0.005},
}
HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 14, 17, 18, 17, 18, 19, 20, 20, 19, 17, 14, 11, 9, 7, 4)
WEEKDAYS = (1, 1, 1, 1, 1.2, 1.9, 1.9)
# The share of photos by phones at the beginning of a year; between, linear.
PHONE_SHARE = ((2000, 0.0), (2004, 0.02), (2008, 0.1), (2012, 0.35), (2016, 0.55), (2030, 0.6))
AGE_WEIGHTS = (0.6, 1.0, 1.0, 0.8, 0.5, 0.3)  # by years since the device's release

_ADJECTIVES = ("", "Old ", "Sunny ", "Rainy ", "Grand ", "Little ", "Blue hour, ", "Early ", "My ", "Our ")
_NOUNS = ("harbour", "café", "market", "Zürich", "birthday", "東京タワー", "garden", "cat", "Москва", "trip to León")
STRANGE_TITLES = (
    '<b>Bold</b> & "quoted"',
    "<script>alert('photo')</script>",
    "two\nlines\tand a tab",
    "right \u202eto left\u202c and back",
    "שלום עולם",
    "🎉🎉 zero\u200bwidth",
    "'; DROP TABLE photos; --",
    'a, "comma", and; semicolon',
    "=1+1",
    "x" * 255,
    "e\u0301 combining",
    "| pipe | *star* [link](http://example.org) `code`",
)
_FIRST_NAMES = ("Ana", "Bo", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Göran", "Hana", "Ines", "José", "Łukasz", "美咲")
_LAST_NAMES = ("", " Ruiz", " O'Neil", " Öberg", " <i>studio</i>", " & Sons", " Photography", " Kim", " 山田", " Novák")


@dataclass(frozen=True, slots=True)
class Month:
    """The photos of a month, sorted by (taken, id), and the device of each."""

    photos: list[SandboxPhoto]
    devices: list[Device]
    places: dict[int, int]  # id -> index


@dataclass(frozen=True, slots=True)
class People:
    """What stays with a photographer: arrays over all photographers."""

    rate: Floats  # photos in an active month, heavy-tailed
    license: Ints
    phase: Ints  # when devices change, 0..BATCH_YEARS - 1
    device_draw: npt.NDArray[np.float32]  # [photographer, change, first or second device]
    session: Ints  # photos at a stretch
    gap: Floats  # seconds between them
    hides_exif: npt.NDArray[np.bool_]
    shares_original: npt.NDArray[np.bool_]
    unsafe: Floats  # share of photos


def _generator(seed: int, purpose: str, key: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(rank(seed, purpose, key)))


def _pick(draws: Floats, shares: Sequence[float]) -> Ints:
    """Indices into `shares` for uniform `draws`."""
    edges = np.cumsum(shares) / np.sum(shares)
    return np.minimum(np.searchsorted(edges, draws, side="right"), len(shares) - 1)


def draw_people(seed: int, size: int) -> People:
    g = _generator(seed, "people", "")
    return People(
        rate=(1 - g.random(size)) ** (-1 / 1.15),
        license=np.array(tuple(LICENSES))[_pick(g.random(size), tuple(LICENSES.values()))],
        phase=g.integers(0, BATCH_YEARS, size),
        device_draw=g.random((size, (LAST_YEAR - FIRST_YEAR) // BATCH_YEARS + 2, 2), dtype=np.float32),
        session=1 + np.exp(g.normal(1.4, 1.0, size)).astype(np.int64),
        gap=np.clip(np.exp(g.normal(3.0, 1.3, size)), 0.5, 900.0),
        hides_exif=g.random(size) < 0.04,
        shares_original=g.random(size) < 0.7,
        unsafe=np.where(g.random(size) < 0.04, 0.5, 0.002),
    )


@lru_cache(maxsize=64)
def _device_shares(start: int) -> Floats:
    """[devices] the share of each among those bought in year `start`: none older than 5 years, no scanners."""
    years, shares = zip(*PHONE_SHARE, strict=True)
    phones = float(np.interp(start, years, shares))
    weights = np.array(
        [
            d.weight * AGE_WEIGHTS[start - d.year]
            if 0 <= start - d.year < len(AGE_WEIGHTS) and d.category not in SCANNERS
            else 0.0
            for d in devices()
        ]
    )
    phone = np.array([d.is_phone for d in devices()])
    for group, share in ((phone, phones), (~phone, 1 - phones)):
        weights[group] *= share / max(weights[group].sum(), 1e-9)
    return weights


def _bought(people: People, owners: Ints, slots: Ints, year: int) -> Ints:
    """The device index that each photographer uses in `year` as the first or second device."""
    phase = people.phase[owners]
    change = (year - FIRST_YEAR - phase) // BATCH_YEARS + 1
    # Nobody buys after LAST_YEAR - 3, when even the newest devices of the table are too old for AGE_WEIGHTS.
    starts = np.clip(FIRST_YEAR + phase + BATCH_YEARS * (change - 1), FIRST_YEAR, LAST_YEAR - 3)
    draws = people.device_draw[owners, change, slots].astype(np.float64)
    chosen = np.zeros(len(owners), np.int64)
    for start in np.unique(starts):
        changed = starts == start
        chosen[changed] = _pick(draws[changed], _device_shares(int(start)).tolist())
    return chosen


def _owners(people: People, count: int, g: np.random.Generator) -> Ints:
    """The photographer of each of `count` photos: all of one photographer, then all of the next."""
    order = g.permutation(len(people.rate))
    busy = people.rate[order] * np.exp(g.normal(0, 0.5, len(order)))
    counts = np.clip(busy, 1, max(min(2_500, count / 20), 1)).astype(np.int64)
    return np.repeat(order, counts)[:count]


class _Shots(NamedTuple):
    """A month's photos in the order of generation: arrays over photos."""

    owner: Ints
    session: Ints
    taken: Ints  # seconds since the month began
    device: Ints  # index into devices()


def _shots(people: People, year: int, month: int, count: int, g: np.random.Generator) -> _Shots:
    """Photos in sessions: each begins on a random day and hour, then a photo follows every few seconds or minutes."""
    owner = _owners(people, count, g)
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    place = np.arange(count) - np.repeat(first, np.diff(first, append=count))
    opens = place % people.session[owner] == 0
    session = np.cumsum(opens) - 1
    heads = np.flatnonzero(opens)

    weekday, days = calendar.monthrange(year, month)
    by_day = [WEEKDAYS[(weekday + day) % 7] for day in range(days)]
    start = _pick(g.random(len(heads)), by_day) * DAY
    start += _pick(g.random(len(heads)), HOURS) * 3600 + g.integers(0, 3600, len(heads))
    elapsed = np.cumsum(np.where(opens, 0, g.exponential(people.gap[owner])))
    taken = (start[session] + elapsed - elapsed[heads][session]).astype(np.int64) % (days * DAY)

    slots = (g.random(len(heads)) < 0.25).astype(np.int64)
    device = _bought(people, owner[heads], slots, year)
    scanned = g.random(len(heads)) < 0.035
    scanners = np.array([i for i, d in enumerate(devices()) if d.category in SCANNERS and d.year <= year])
    device[scanned] = g.choice(scanners, int(scanned.sum()))
    return _Shots(owner, session, taken, device[session])


def _uploads(taken: Ints, session: Ints, g: np.random.Generator) -> Ints:
    """Upload times in seconds since 1970: mostly days after `taken`, years for old photos, a few before it (a camera
    clock that is wrong)."""
    sessions = int(session[-1]) + 1 if len(session) else 0
    days = np.clip(np.exp(g.normal(0.4, 2.2, sessions)), 0.01, 3_650)
    backlog = g.exponential(4 * 365, sessions)
    wrong = np.where(g.random(sessions) < 0.015, g.uniform(2, 400, sessions), 0)
    after_opening = FLICKR_OPENED + ((backlog + 1) * DAY)[session].astype(np.int64)
    lag = np.where(wrong > 0, -wrong, days)[session] * DAY
    return np.where(taken < FLICKR_OPENED, after_opening, np.maximum(taken + lag.astype(np.int64), FLICKR_OPENED))


def picture_size(device: Device, upright: bool) -> tuple[int, int]:
    """Width and height of the originals served: the sensor's shape, at most ORIGINAL_PIXELS, multiples of 8."""
    scale = min((ORIGINAL_PIXELS / (device.width * device.height)) ** 0.5, 1)
    width, height = (max(round(side * scale / 8) * 8, 8) for side in (device.width, device.height))
    return (height, width) if upright else (width, height)


def _title(device: Device, draw: float, number: int, taken: datetime) -> str:
    if draw < 0.15:
        return ""
    if draw < 0.18:
        return STRANGE_TITLES[number % len(STRANGE_TITLES)]
    if draw < 0.6:
        return _ADJECTIVES[number % len(_ADJECTIVES)] + _NOUNS[number // 10 % len(_NOUNS)]
    if device.make.startswith("NIKON"):
        return f"DSC_{number % 10_000:04d}"
    if device.make == "samsung":
        return f"{taken:%Y%m%d_%H%M%S}"
    return f"DSC{number % 100_000:05d}" if device.make == "SONY" else f"IMG_{number % 10_000:04d}"


class Owner(NamedTuple):
    """A photographer, as search answers name one."""

    nsid: str
    name: str
    alias: str | None


def _owner(seed: int, index: int) -> Owner:
    draw = rng(seed, "owner", str(index))
    nsid = f"{(index + 1) * 1_000_003 % 99_999_989:08d}@N0{draw.randrange(9)}"  # a prime: no number twice
    name = draw.choice(_FIRST_NAMES) + draw.choice(_LAST_NAMES)
    return Owner(nsid, name, f"photographer-{index}" if draw.random() < 0.6 else None)


def generate(seed: int, people: People, year: int, month: int, count: int) -> Month:
    """The month's photos; the same for the same arguments."""
    g = _generator(seed, "month", f"{year}-{month:02d}")
    shots = _shots(people, year, month, count, g)
    seconds, granularity, unknown = _dates(shots.taken, g)
    begin = datetime(year, month, 1)
    epoch = calendar.timegm(begin.timetuple())
    number = (year - FIRST_YEAR) * 12 + month - 1
    offset = int(g.integers(IDS_A_MONTH))
    ids = ID_BASE + number * IDS_A_MONTH + (np.arange(count) * ID_STEP + offset) % IDS_A_MONTH
    other = np.array(tuple(LICENSES))[_pick(g.random(count), tuple(LICENSES.values()))]
    columns = {
        "id": ids,
        "owner": shots.owner,
        "device": shots.device,
        "seconds": seconds,
        "granularity": granularity,
        "unknown": unknown,
        "uploaded": _uploads(epoch + shots.taken, shots.session, g),
        "license": np.where(g.random(count) < 0.03, other, people.license[shots.owner]),
        "upright": g.random(count) < 0.35,
        "video": g.random(count) < 0.015,
        "safe": g.random(count) >= people.unsafe[shots.owner],
        "deleted": g.random(count) < 0.007,
        "hidden": people.hides_exif[shots.owner],
        "shared": people.shares_original[shots.owner],
        "secret": g.integers(0, 1 << 40, count),
        "draw": g.random(count),
    }
    order = np.lexsort((ids, seconds))
    rows = [_Row(*row) for row in zip(*(columns[name][order].tolist() for name in _Row._fields), strict=True)]
    owners = {index: _owner(seed, index) for index in dict.fromkeys(row.owner for row in rows)}
    table = devices()
    photos = [_photo(row, owners[row.owner], table[row.device], begin) for row in rows]
    places = {photo.id: place for place, photo in enumerate(photos)}
    return Month(photos, [table[row.device] for row in rows], places)


def _dates(taken: Ints, g: np.random.Generator) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """`taken` with filler dates (the month's first second), granularity 0, 4 (month) or 6 (year), and unknown dates."""
    draw = g.random(len(taken))
    granularity = np.where(draw < 0.02, 4, np.where(draw < 0.027, 6, 0))
    return np.where(draw < 0.045, 0, taken), granularity, g.random(len(taken)) < 0.015


class _Row(NamedTuple):
    """One photo's values of the columns that `generate` draws."""

    id: int
    owner: int
    device: int
    seconds: int
    granularity: int
    unknown: bool
    uploaded: int
    license: int
    upright: bool
    video: bool
    safe: bool
    deleted: bool
    hidden: bool
    shared: bool
    secret: int
    draw: float


def _photo(row: _Row, owner: Owner, device: Device, begin: datetime) -> SandboxPhoto:
    taken = begin + timedelta(seconds=row.seconds)
    width, height = picture_size(device, row.upright)
    return SandboxPhoto(
        id=row.id,
        owner=owner.nsid,
        owner_name=owner.name,
        path_alias=owner.alias,
        title=_title(device, row.draw, row.secret, taken),
        secret=f"{row.secret:010x}",
        server="65535" if row.uploaded > 1_540_000_000 else str(2 + row.secret % 8_000),
        license=row.license,
        taken=taken,
        granularity=row.granularity,
        taken_unknown=row.unknown,
        uploaded=row.uploaded,
        width=width,
        height=height,
        media="video" if row.video else "photo",
        safe=row.safe,
        original_allowed=row.shared,
        exif_access="deleted" if row.deleted else "hidden" if row.hidden else "shared",
    )
