"""The simulated population: the same every time, shaped like Flickr's, with settings that a camera could choose."""

import hashlib
import math
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.sandbox.cameras import SCANNERS, devices, expose, rational
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.collectors.sandbox.written import Taking, printed_exposure
from flickrexif.core.draws import rng
from flickrexif.exif.tags import raw_tags, unusable

AUGUST = datetime(2024, 8, 1), datetime(2024, 8, 31, 23, 59, 59)
PERMISSIVE = {4, 5, 7, 8, 9, 10, 11, 12}
SMART_CLASSES = {"11", "11 Pro Max", "12 Pro", "12 Pro Max", "13 Pro", "6", "6s", "7", "7 Plus", "X", "XR", "XS"}
EXPOSURES = {f"1/{n}" for n in (30, 40, 50, 60, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000)}
F_NUMBERS = {f"{n:.1f}" for n in (1.8, 2, 2.2, 2.4, 2.8, 3.2, 3.5, 4, 4.5, 5, 5.6, 6.3, 7.1, 8, 9, 10, 11)}
ISOS = {str(n) for n in (50, 64, 80, 100, 125, 160, 200, 250, 320, 400, 500, 640, 800, 1000, 1600, 3200)}
FOCAL_LENGTHS = {f"{mm:.1f} mm" for mm in (4, 4.2, 4.3, 5.8, 6, 18, 24, 28, 35, 50, 55, 70, 200)}
MAKES = {
    *("Apple", "Canon", "EASTMAN KODAK COMPANY", "FUJIFILM", "NIKON CORPORATION", "OLYMPUS OPTICAL CO.,LTD"),
    *("Panasonic", "SONY", "samsung"),
}


@pytest.fixture(scope="module")
def large() -> SimulatedPopulation:
    return SimulatedPopulation(photos_per_month=20_000)


@pytest.fixture(scope="module")
def small() -> SimulatedPopulation:
    return SimulatedPopulation(seed=3, photos_per_month=400)


@pytest.fixture(scope="module")
def takings() -> list[tuple[SandboxPhoto, Taking]]:
    """Photos of twelve months from 2000 to 2030."""
    population = SimulatedPopulation(seed=1, photos_per_month=1_500)
    months = (0, 40, 70, 100, 130, 160, 190, 220, 250, 280, 310, 371)
    return [(p, population.taking(p)) for number in months for p in population.month(number).photos]


def digest(population: SimulatedPopulation) -> str:
    photos = population.taken_between(*AUGUST)
    served = [(photo, population.exif(photo)) for photo in photos]
    return hashlib.sha256(repr(served).encode()).hexdigest()


def test_the_same_photos_from_every_instance_and_thread() -> None:
    populations = [SimulatedPopulation(seed=5, photos_per_month=300) for _ in range(3)]
    populations[1].taken_between(datetime(2001, 1, 1), datetime(2001, 1, 31))  # another history
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(digest, populations * 4))
    assert len(set(digests)) == 1
    assert digest(SimulatedPopulation(seed=6, photos_per_month=300)) != digests[0]


def test_a_month_has_its_photos_in_order(small: SimulatedPopulation) -> None:
    photos = small.taken_between(*AUGUST)
    assert len(photos) == 400
    assert [(p.taken, p.id) for p in photos] == sorted((p.taken, p.id) for p in photos)
    assert all(AUGUST[0] <= p.taken <= AUGUST[1] for p in photos)
    assert len({p.id for p in photos}) == 400
    assert all(len(str(p.id)) == 11 for p in photos)


@pytest.mark.parametrize("count", [1, 2, 19])
def test_tiny_months(count: int) -> None:
    assert len(list(SimulatedPopulation(photos_per_month=count).month(295).photos)) == count


def test_months_do_not_overlap(small: SimulatedPopulation) -> None:
    year = small.taken_between(datetime(2023, 7, 1), datetime(2024, 6, 30, 23, 59, 59))
    assert len(year) == 12 * 400
    photos = list(year)
    assert len({p.id for p in photos}) == len(photos)
    assert [year[i] for i in (0, 399, 400, -1)] == [photos[i] for i in (0, 399, 400, -1)]
    assert year[395:405] == photos[395:405]
    assert photos == sorted(photos, key=lambda p: (p.taken, p.id))


@settings(deadline=None)
@given(
    first=st.datetimes(datetime(2024, 7, 1), datetime(2024, 8, 31)),
    length=st.timedeltas(timedelta(0), timedelta(days=29)),
)
def test_any_window_holds_exactly_its_photos(small: SimulatedPopulation, first: datetime, length: timedelta) -> None:
    last = first + length
    everything = [p for number in range(294, 297) for p in small.month(number).photos]
    assert list(small.taken_between(first, last)) == [p for p in everything if first <= p.taken <= last]


def test_both_ends_of_a_window_belong_to_it(small: SimulatedPopulation) -> None:
    moment = small.taken_between(*AUGUST)[200].taken
    assert moment in [p.taken for p in small.taken_between(moment, moment)]


@pytest.mark.parametrize(
    ("first", "last"), [(datetime(1980, 1, 1), datetime(1999, 12, 31)), (datetime(2031, 1, 1), datetime(2040, 1, 1))]
)
def test_no_photos_outside_the_years(small: SimulatedPopulation, first: datetime, last: datetime) -> None:
    assert list(small.taken_between(first, last)) == []


def test_a_photo_is_found_by_its_id(small: SimulatedPopulation) -> None:
    photos = small.taken_between(*AUGUST)
    ids = {p.id for p in photos}
    assert [small.photo(p.id) for p in photos] == list(photos)
    for unknown in (0, -1, 7, 10**30, next(i for i in range(photos[0].id, photos[0].id + 401) if i not in ids)):
        assert small.photo(unknown) is None


def test_a_few_photographers_take_many_photos_in_bursts(large: SimulatedPopulation) -> None:
    photos = large.taken_between(*AUGUST)
    counts = sorted(Counter(p.owner for p in photos).values(), reverse=True)
    assert sum(counts[: len(counts) // 100]) > 0.2 * len(photos)
    assert counts[0] >= 200
    assert sum(count <= 5 for count in counts) > 0.7 * len(counts)
    busiest = Counter(p.owner for p in photos).most_common(1)[0][0]
    taken = [p.taken for p in photos if p.owner == busiest]
    gaps = sorted((b - a).total_seconds() for a, b in pairwise(taken))
    assert gaps[len(gaps) // 2] < 900  # spread evenly, a month's 200 photos are hours apart


def test_photographers_return(large: SimulatedPopulation) -> None:
    first, second = ({p.owner for p in large.month(number).photos} for number in (295, 296))
    assert 0.05 < len(first & second) / len(first) < 0.95


def test_shares(large: SimulatedPopulation) -> None:
    photos = large.taken_between(*AUGUST)

    def share(condition: list[bool]) -> float:
        return sum(condition) / len(photos)

    assert 0.5 < share([p.license == 0 for p in photos]) < 0.8
    assert 0.2 < share([p.license in PERMISSIVE for p in photos]) < 0.4
    assert 0.005 < share([not p.safe for p in photos]) < 0.06
    assert 0.005 < share([p.media == "video" for p in photos]) < 0.03
    assert 0.01 < share([p.granularity in (4, 6) for p in photos]) < 0.05
    assert 0.005 < share([p.taken_unknown for p in photos]) < 0.03
    assert 0.005 < share([p.taken == AUGUST[0] and p.granularity == 0 for p in photos]) < 0.05
    late = [(p.taken - datetime(1970, 1, 1)).total_seconds() > p.uploaded + 86_400 for p in photos]
    assert 0.003 < share(late) < 0.05
    night = [1 <= p.taken.hour < 5 for p in photos]
    assert share(night) < 0.08
    assert share([p.taken.weekday() >= 5 for p in photos]) > 9 / 31 + 0.05  # August 2024 has nine weekend days


def test_enough_photos_within_the_cap(large: SimulatedPopulation) -> None:
    """A full-size month, three times this one, must yield 4,000 usable photos at 10 a photographer."""
    owners = Counter(p.owner for p in large.taken_between(*AUGUST) if p.license in PERMISSIVE and p.safe)
    assert 3 * sum(min(count, 10) for count in owners.values()) > 6_000


def test_titles_are_as_strange_as_people_write(large: SimulatedPopulation) -> None:
    titles = " ".join(p.title for p in large.taken_between(*AUGUST))
    for part in ("<script>", "\n", '"', "\u202e", "東京", "IMG_", "DSC"):
        assert part in titles
    assert any(not p.title for p in large.taken_between(*AUGUST))


def test_old_photos_were_uploaded_after_flickr_opened(small: SimulatedPopulation) -> None:
    assert all(p.uploaded >= 1_076_371_200 for p in small.month(3).photos)  # 2004-02-10


def test_most_photos_are_usable(large: SimulatedPopulation) -> None:
    reasons: Counter[str | None] = Counter()
    for photo in large.taken_between(*AUGUST)[::7]:
        if photo.exif_access == "shared":
            reasons[unusable(raw_tags(large.exif(photo))[0])] += 1
        else:
            reasons[photo.exif_access] += 1
    assert 0.78 < reasons[None] / reasons.total() < 0.92
    assert {"hidden", "deleted", "no_exif", "no_exposure_setting"} <= set(reasons)


def test_table_of_devices() -> None:
    table = devices()
    assert len(table) >= 120
    assert len({(d.make, d.model) for d in table}) == len(table)
    assert {f"iPhone {name}" for name in SMART_CLASSES} <= {d.model for d in table}
    assert {d.make for d in table} >= MAKES
    for d in table:
        assert 1999 <= d.year <= 2024, d.model
        assert d.subsampling in ("4:2:0", "4:2:2", "4:4:4"), d.model
        assert (d.category in SCANNERS) == (not d.lenses), d.model
        if d.lenses:
            assert 0 < d.exposure_min < 1 / 30 < 2 * d.exposure_max, d.model
            assert d.isos[0] < 801, d.model


def test_devices_belong_to_their_time(takings: list[tuple[SandboxPhoto, Taking]]) -> None:
    for photo, taking in takings:
        if taking.settings:
            assert taking.device.year <= photo.taken.year <= taking.device.year + 8, taking.device
    for low, high, first, last in ((0, 0.08, 2000, 2007), (0.35, 0.8, 2016, 2030)):
        phones = [t.device.is_phone for p, t in takings if first <= p.taken.year <= last and t.settings]
        assert low <= sum(phones) / len(phones) <= high


def test_settings_fit_the_device(takings: list[tuple[SandboxPhoto, Taking]]) -> None:
    for _, taking in takings:
        device, settings = taking.device, taking.settings
        if settings is None or taking.kind == "odd":
            continue
        focal = settings.focal[0] / settings.focal[1]
        f_number = settings.f_number[0] / settings.f_number[1]
        lens = [x for x in device.lenses if x.short - 0.01 <= focal <= x.long + 0.01 and f_number >= x.f_short - 0.01]
        assert lens, (device.model, focal, f_number)
        if not device.f_max:
            assert any(x.f_short == f_number and x.short == focal for x in device.lenses), device.model
        assert device.isos[0] <= settings.iso <= device.isos[-1]
        seconds = settings.exposure[0] / settings.exposure[1]
        assert device.exposure_min * 0.98 <= seconds <= device.exposure_max * 1.02, device.model


def test_exposure_triangle(takings: list[tuple[SandboxPhoto, Taking]]) -> None:
    values = []
    for _, taking in takings:
        if (s := taking.settings) and taking.kind != "odd" and s.flash in (0x0, 0x10, 0x18, 0x20):
            f_number, seconds = s.f_number[0] / s.f_number[1], s.exposure[0] / s.exposure[1]
            values.append(math.log2(f_number**2 / seconds) - math.log2(s.iso / 100))
    assert len(values) > 5_000
    assert all(-5 < value < 19 for value in values)
    assert sorted(values)[len(values) // 10] > 5
    assert 11 < sorted(values)[len(values) * 9 // 10] < 17


@pytest.mark.parametrize("light", [1, 5, 8, 11, 13, 15])
def test_the_exposure_answers_the_light(light: float) -> None:
    """Without flash, within the device's limits, the settings expose the scene to about a stop."""
    errors = []
    for number, device in enumerate(d for d in devices() if d.lenses and d.category in ("dslr", "mirrorless")):
        s = expose(device, light, rng(0, "test", f"{number} {light}"))
        if s.flash in (0x0, 0x10, 0x18):
            value = math.log2((s.f_number[0] / s.f_number[1]) ** 2 * s.exposure[1] / s.exposure[0] * 100 / s.iso)
            errors.append(abs(value - light))
    assert max(errors) < 1.2
    assert len(errors) > 50


PATTERNS = {
    "ExposureTime": r"1/\d+|\d+|\d+\.\d",
    "FNumber": r"\d+\.\d",
    "ISO": r"\d+",
    "FocalLength": r"\d+\.\d mm",
    "FocalLengthIn35mmFormat": r"\d+ mm",
    "DateTimeOriginal": r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d",
    "ExposureMode": "Auto|Manual",
    "WhiteBalance": "Auto|Manual",
}
ODD = {"undef", "inf", "0.0", "0.0 mm"}


def test_every_string_is_one_that_exiftool_prints(small: SimulatedPopulation) -> None:
    checked: Counter[str] = Counter()
    for number in (10, 150, 290):
        for photo in small.month(number).photos:
            entries = small.exif(photo)
            if any(entry["tagspace"] == "TIFF" for entry in entries):
                continue
            for name, raw in raw_tags(entries)[0].items():
                if pattern := PATTERNS.get(name):
                    assert re.fullmatch(pattern, raw) or raw in ODD, (name, raw)
                    checked[name] += 1
    assert set(checked) == set(PATTERNS)
    assert min(checked.values()) > 100


def test_entries_are_shaped_as_flickrs(small: SimulatedPopulation) -> None:
    for photo in small.taken_between(*AUGUST):
        entries = small.exif(photo)
        for entry in entries:
            assert set(entry) - {"clean"} == {"tagspace", "tagspaceid", "tag", "label", "raw"}
            assert set(entry["raw"]) == {"_content"}
            assert isinstance(entry["raw"]["_content"], str)
        spaces = {entry["tagspace"] for entry in entries}
        if "ExifIFD" in spaces and "FNumber" in {entry["tag"] for entry in entries}:
            assert 25 <= len(entries) <= 60
        assert entries == small.exif(photo)


def test_the_rare_kinds_occur(large: SimulatedPopulation) -> None:
    raws: set[tuple[str, str]] = set()
    conflicts: set[str] = set()
    numeric: set[str] = set()
    for photo in large.taken_between(*AUGUST)[::3]:
        entries = large.exif(photo)
        tags, differ = raw_tags(entries)
        raws |= set(tags.items())
        conflicts |= set(differ)
        numeric |= {entry["tag"] for entry in entries if entry["tagspace"] in ("TIFF", "EXIF")}
    odd = {("ISO", "0"), ("ISO", "65535"), ("ExposureTime", "undef"), ("ExposureTime", "inf"), ("FNumber", "0.0")}
    assert odd <= raws
    assert conflicts >= {"Model", "FNumber", "ExposureTime"}
    assert numeric >= {"271", "272", "33434", "33437", "34855", "37386"}
    assert any("/" in raw for name, raw in raws if name == "FNumber")  # as the old numeric spaces write it


def test_the_published_classes_occur(takings: list[tuple[SandboxPhoto, Taking]]) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for _, taking in takings:
        counts.update((tag.name, tag.raw) for tag in taking.tags)
    label_keys = {("Make", make) for make in MAKES} | {("ExposureTime", text) for text in EXPOSURES}
    label_keys |= {("FNumber", text) for text in F_NUMBERS} | {("ISO", text) for text in ISOS}
    label_keys |= {("FocalLength", text) for text in FOCAL_LENGTHS}
    assert {key: counts[key] for key in label_keys if counts[key] < 40} == {}
    phones = {f"iPhone {name}" for name in SMART_CLASSES}
    assert {name: counts["Model", name] for name in phones if counts["Model", name] < 20} == {}


@given(seconds=st.floats(1e-5, 1_000))
def test_printed_exposure_reads_back(seconds: float) -> None:
    numerator, denominator = seconds.as_integer_ratio()
    text = printed_exposure((numerator, denominator))
    above, _, below = text.partition("/")
    # 1/n is rounded in n, tenths of seconds in tenths.
    tolerance = seconds**2 if below else 0.051
    assert abs(float(above) / float(below or 1) - seconds) <= tolerance


@given(tenths=st.integers(1, 5_000))
def test_rational_holds_tenths_exactly(tenths: int) -> None:
    assert rational(tenths / 10) == (tenths, 10)


def exiftool(folder: Path) -> dict[str, dict[tuple[str, str], str]]:
    """File name -> (group, tag) -> what ExifTool prints."""
    done = subprocess.run(
        ["exiftool", "-G1", "-s", "-t", "-m", "-r", str(folder)], capture_output=True, text=True, check=True
    )
    files: dict[str, dict[tuple[str, str], str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("======== "):
            tags = files[Path(line[9:]).name] = {}
        elif line.count("\t") >= 2:
            group, tag, value = line.split("\t", 2)
            tags[group, tag] = value
    return files


def test_originals_carry_the_exif_that_is_served(tmp_path: Path) -> None:
    population = SimulatedPopulation(seed=2, photos_per_month=600)
    photos = population.taken_between(*AUGUST)
    by_kind: dict[str, list[SandboxPhoto]] = {}
    for photo in photos:
        taking = population.taking(photo)
        by_kind.setdefault(taking.kind if taking.settings else "scanned", []).append(photo)
    chosen = [p for kind, group in by_kind.items() if kind != "numeric" for p in group[: 8 if kind == "odd" else 4]]
    for photo in chosen:
        (tmp_path / f"{photo.id}.jpg").write_bytes(population.image(photo, "o"))
    files = exiftool(tmp_path)
    assert len(files) == len(chosen) > 20
    for photo in chosen:
        served = {
            (entry["tagspace"], entry["tag"]): entry["raw"]["_content"]
            for entry in population.exif(photo)
            if entry["tagspace"] in ("IFD0", "ExifIFD")
        }
        if served.get(("ExifIFD", "FNumber")) == "0.0":
            served["ExifIFD", "FNumber"] = "0"  # today's ExifTool; "0.0" is an older one's
        stored = {key: value for key, value in files[f"{photo.id}.jpg"].items() if key[0] in ("IFD0", "ExifIFD")}
        assert stored == served
