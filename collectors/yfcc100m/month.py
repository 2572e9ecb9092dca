"""The photos of a month of YFCC100M, in the order in which a crawl with the same seed would try them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import numpy as np

from flickrexif.collectors.drawn import Candidates
from flickrexif.collectors.flickr.licenses import license_for
from flickrexif.collectors.flickr.models import IMAGE_SERVER, SITE
from flickrexif.collectors.verdicts import CLOCK_SLACK
from flickrexif.collectors.yfcc100m.exif import read_exif
from flickrexif.collectors.yfcc100m.index import parts
from flickrexif.core.draws import rank
from flickrexif.core.photos import RawPhoto

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

AT_ONCE = 1_000  # rows as Python objects
FIRST, GROWTH = 20_000, 4  # photos of a first run, enough for most targets, and how much longer the next is
LONGEST = 1_000  # characters of a text
SIZE = "m"  # 500 px, the address that the data set gives; others need not be there


def candidates(folder: Path, month: str, licenses: tuple[int, ...], seed: int) -> Candidates:
    """The photos of a month ("2010-05") in the index of `folder`, in the drawn order, and why others are none."""
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    index, of_month = ds.dataset(parts(folder)), pc.field("month") == month
    table = index.to_table(columns=["id", "license_id", "date_taken", "date_upload"], filter=of_month)
    fitting = {
        "twice": np.isin(np.arange(len(table)), np.unique(table["id"].to_numpy(), return_index=True)[1]),
        "license": np.isin(table["license_id"].fill_null(-1).to_numpy(), licenses),
        "date_inexact": _exact(table),
        "taken_after_upload": _in_time(table),
    }
    rejected, left = Counter[str](), np.ones(len(table), bool)
    for reason, fits in fitting.items():
        rejected[reason] = int(np.count_nonzero(left & ~fits))
        left &= fits
    ids = table["id"].to_numpy()[left]
    ranks = [rank(seed, f"candidates of {month}", str(number)) for number in ids.tolist()]
    return Candidates(_photos(index, of_month, ids[np.argsort(np.array(ranks, np.int64))]), +rejected)


def _photos(
    index: "ds.Dataset", of_month: "pc.Expression", ids: "np.ndarray[Any, np.dtype[np.int64]]"
) -> Iterator[RawPhoto]:
    """The photos with these ids, in their order; the month is read anew for each run of them, longer each time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = FIRST
    while len(ids):
        run, ids, size = pa.array(ids[:size]), ids[size:], size * GROWTH
        rows = index.to_table(filter=of_month & pc.field("id").isin(run))
        places = pc.index_in(run, value_set=rows["id"].combine_chunks())  # the first of two lines of one photo
        for start in range(0, len(places), AT_ONCE):
            yield from map(_photo, rows.take(places.slice(start, AT_ONCE)).to_pylist())


def _exact(table: "pa.Table") -> Any:
    """Whether each date is none of those that Flickr fills in for a month or a year: its granularity is not told."""
    import pyarrow.compute as pc

    taken = table["date_taken"]
    return pc.not_equal(taken, pc.floor_temporal(taken, unit="month")).to_numpy()


def _in_time(table: "pa.Table") -> Any:
    """Whether each photo was taken before it was uploaded, as far as the camera's clock and zone tell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    latest = pc.add(table["date_upload"], int(CLOCK_SLACK / timedelta(seconds=1)))
    taken = table["date_taken"].cast(pa.timestamp("s")).cast(pa.int64())  # Parquet has no seconds, only milliseconds
    return pc.less_equal(taken, latest).fill_null(True).to_numpy()


def _photo(row: Mapping[str, Any]) -> RawPhoto:
    license_, exif = license_for(row["license_id"]), read_exif(row["exif"].decode("utf-8", "replace"))
    return RawPhoto(
        flickr_id=row["id"],
        owner=row["owner"],
        owner_name=_text(row["owner_name"]),
        title=_text(row["title"]),
        page_url=f"{SITE}/photos/{row['owner']}/{row['id']}/",
        license_id=license_.id,
        license=license_.name,
        license_url=license_.url,
        date_taken=str(row["date_taken"]),
        date_taken_granularity=None,
        month=row["month"],
        width=None,
        height=None,
        image_url=f"{IMAGE_SERVER}{row['server']}/{row['id']}_{row['secret']}.jpg",
        image_size=SIZE,
        exif=exif.tags,
        raw=exif.raw,
        numbers=exif.numbers,
        exif_source="yfcc100m",
    )


def _text(encoded: bytes) -> str | None:
    return unquote_plus(encoded.decode("utf-8", "replace"))[:LONGEST] or None
