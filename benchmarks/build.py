"""How long, and in how much memory, a data set of the published size is built: 296 months, 356,459 photos.

    python -m benchmarks.build [--runs 3]

Wanted: under 60 s and 1 GiB on one core, labels included. Making the photos up is not counted.
"""

import argparse
import calendar
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from flickrexif.core.draws import rng
from flickrexif.core.photos import RawPhoto
from flickrexif.dataset.build import Collection, build

MONTHS = 296
PHOTOS = 356_459
MAKES = ("Canon", "NIKON CORPORATION", "SONY", "Apple", "FUJIFILM", "OLYMPUS IMAGING CORP.", "samsung", "Panasonic")
EXPOSURES = ("1/30", "1/60", "1/125", "1/160", "1/250", "1/400", "1/500", "1/1000", "1/2000", "0.3", "2")
APERTURES = ("1.8", "2.2", "2.8", "3.5", "4.0", "5.6", "8.0", "11.0")
ISOS = ("50", "64", "100", "125", "200", "320", "400", "800", "1600", "3200", "6400")
PROGRAMS = ("Program AE", "Aperture-priority AE", "Manual", "Auto")
WORDS = ("Harbour", "夕暮れ", "Straße", "été", "IMG_2041", "the", "old", "bridge", "🎈", "&", "<3")
LICENSES = (
    (4, "CC BY 2.0", "https://creativecommons.org/licenses/by/2.0/"),
    (5, "CC BY-SA 2.0", "https://creativecommons.org/licenses/by-sa/2.0/"),
    (9, "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
)


def plausible_photos(month: str, count: int) -> list[RawPhoto]:
    """Photos as a crawl finds them: 4,000 camera names over all months, many owners, some values missing."""
    draw = rng(0, "benchmark", month)
    year, number = map(int, month.split("-"))
    days = calendar.monthrange(year, number)[1]
    first_id = int(f"{year}{number:02}") * 10**5
    return [_photo(draw, month, days, first_id + place) for place in range(count)]


def _photo(draw: Random, month: str, days: int, flickr_id: int) -> RawPhoto:
    choice, randrange = draw.choice, draw.randrange
    make, owner = choice(MAKES), randrange(100_000)
    license_id, license_name, license_url = choice(LICENSES)
    taken = f"{month}-{1 + randrange(days):02} {randrange(24):02}:{randrange(60):02}:{randrange(60):02}"
    exif = {
        "Make": make,
        "Model": f"{make.split()[0]} {randrange(500)}",
        "ExposureTime": choice(EXPOSURES),
        "FNumber": choice(APERTURES),
        "ISO": choice(ISOS),
        "FocalLength": f"{randrange(180, 2000) / 10} mm",
        "Flash": choice(("Off, Did not fire", "Fired", "Auto, Fired")),
        "ExposureProgram": choice(PROGRAMS),
        "ExposureMode": "Auto",
        "WhiteBalance": "Auto",
        "DateTimeOriginal": taken.replace("-", ":"),
        "Software": f"Ver.{randrange(300)}",
    }
    if not randrange(20):
        del exif["ISO"], exif["FocalLength"]
    return RawPhoto(
        flickr_id=flickr_id,
        owner=f"{owner}@N0{owner % 10}",
        owner_name=f"Photographer {owner}",
        title=" ".join(choice(WORDS) for _ in range(4)),
        page_url=f"https://www.flickr.com/photos/{owner}@N0{owner % 10}/{flickr_id}/",
        license_id=license_id,
        license=license_name,
        license_url=license_url,
        date_taken=taken,
        date_taken_granularity=0,
        month=month,
        width=1024,
        height=683,
        image_url=f"https://live.staticflickr.com/65535/{flickr_id}_{randrange(1 << 40):010x}_b.jpg",
        image_size="l",
        exif=exif,
    )


def one_build() -> tuple[float, int]:
    """Seconds of one build from nothing, and the bytes it wrote."""
    making = 0.0

    def months() -> Iterator[tuple[str, Iterable[RawPhoto]]]:
        nonlocal making
        for place in range(MONTHS):
            start = time.perf_counter()
            month = f"{2000 + place // 12}-{place % 12 + 1:02}"
            photos = plausible_photos(month, PHOTOS // MONTHS + (place < PHOTOS % MONTHS))
            making += time.perf_counter() - start
            yield month, photos

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        report = build(months(), Path(folder), Collection(source="sandbox:simulated"))
        seconds = time.perf_counter() - start - making
        assert sum(report.rows.values()) == PHOTOS
        return seconds, sum(path.stat().st_size for path in report.written)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1, help="the median of so many builds")
    runs = [one_build() for _ in range(parser.parse_args().runs)]
    seconds = statistics.median(seconds for seconds, _ in runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{PHOTOS:,} photos, {MONTHS} months: {seconds:.1f} s (median of {len(runs)}), ", end="")
    print(f"peak {peak:,.0f} MiB, {runs[0][1] / 1e6:,.0f} MB written")


if __name__ == "__main__":
    main()
