"""From a block of lines of YFCC100M's two files to rows of the index, by columns: no loop over lines.

The two files have a line a photo in the same order. Lines of the same block are joined by their identifiers, never by
their places alone: where a line is lost in one file, a photo loses its Exif or finds its own, and gets no other's.
"""

from collections import Counter
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from flickrexif.collectors.flickr.licenses import LICENSES
from flickrexif.collectors.yfcc100m.exif import ITEM

if TYPE_CHECKING:
    import pyarrow as pa

FIELDS = (
    "line", "id", "hash", "owner", "owner_name", "date_taken", "date_upload", "device", "title", "description", "tags",
    "machine_tags", "longitude", "latitude", "accuracy", "page", "address", "license_name", "license", "server", "farm",
    "secret", "original_secret", "extension", "marker",
)  # fmt: skip
TEXTS = ("owner_name", "title")  # of strangers, URL-encoded
FORMS = {  # of the fields that must be there
    "id": "^[0-9]{1,18}$",
    "owner": "^[0-9]{1,20}@N[0-9]{2}$",
    "server": "^[0-9]{1,9}$",
    "secret": "^[0-9a-f]{1,32}$",
    "marker": "^[01]$",
}
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?$"
YEARS = range(1826, 2100)  # as in exif/dates.py
LICENSE = r"^https?://creativecommons\.org/licenses/(?P<kind>[a-z-]+)/2\.0/?$"
REASONS = {  # why a line is not in the index, in the order in which they are looked for
    "malformed": "not 25 fields, or an identifier, photographer, server, secret or marker of another form",
    "video": "a video",
    "date_unknown": "no date taken, or one that no calendar has",
    "out_of_step": "no line of the Exif file near it has its identifier",
    "exif_malformed": "a line of the Exif file that has not two fields",
    "exif_alone": "a line of the Exif file whose identifier no photo near it has",
}


def schema() -> "pa.Schema":
    """The columns of the index."""
    import pyarrow as pa

    texts = {name: pa.binary() for name in (*TEXTS, "exif")}
    kinds = {"id": pa.int64(), "date_taken": pa.timestamp("s"), "date_upload": pa.int64(), "license_id": pa.int16()}
    names = ("month", "id", "owner", "owner_name", "title", "date_taken", "date_upload", "license_id", "server")
    return pa.schema([(name, (texts | kinds).get(name, pa.string())) for name in (*names, "secret", "exif")])


def rows_of(dataset: bytes, exif: bytes) -> "tuple[pa.Table, Counter[str]]":
    """The photos in some lines of the data set with the Exif of the same lines of its file, as rows of the index.

    Also how many lines there are ("lines"), and why how many are left out (REASONS).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = Counter(lines=dataset.count(b"\n"))
    photos, counts["malformed"] = _parsed(dataset, FIELDS, ("date_taken", "date_upload", "license", *FORMS, *TEXTS))
    printed, counts["exif_malformed"] = _parsed(exif, ("id", "exif"), ("id", "exif"))
    counts["exif_alone"] = len(printed) - _sum(pc.is_in(printed["id"], value_set=photos["id"].combine_chunks()))

    def left(reason: str, fits: "pa.ChunkedArray") -> "pa.Table":
        counts[reason] += len(photos) - _sum(fits)
        return photos.filter(fits)

    of_form = (pc.match_substring_regex(photos[name], form) for name, form in FORMS.items())
    photos = left("malformed", reduce(pc.and_, of_form))
    photos = left("video", pc.equal(photos["marker"], "0"))
    photos = photos.append_column("taken", _dates(photos["date_taken"]))
    photos = left("date_unknown", photos["taken"].is_valid())
    photos = photos.append_column("place", pc.index_in(photos["id"], value_set=printed["id"].combine_chunks()))
    photos = left("out_of_step", photos["place"].is_valid())
    columns = {
        **{name: photos[name] for name in photos.column_names},
        "month": pc.strftime(photos["taken"], format="%Y-%m"),
        "id": photos["id"].cast(pa.int64()),
        "date_taken": photos["taken"],
        "date_upload": _where(photos["date_upload"], "^[0-9]{1,18}$").cast(pa.int64()),
        "license_id": _licenses(photos["license"]),
        "exif": _kept_items(printed["exif"].take(photos["place"]).combine_chunks()),
    }
    return pa.table([columns[name] for name in schema().names], schema=schema()), +counts


def _parsed(lines: bytes, names: tuple[str, ...], wanted: tuple[str, ...]) -> "tuple[pa.Table, int]":
    """The `wanted` fields of tab-separated lines, and how many lines have not as many fields as `names`."""
    import pyarrow as pa
    from pyarrow import csv

    kinds = {name: pa.binary() if name in (*TEXTS, "exif") else pa.string() for name in wanted}
    if not lines:
        return pa.schema(kinds).empty_table(), 0
    bad = 0

    def left_out(_: Any) -> str:
        nonlocal bad
        bad += 1
        return "skip"

    table = csv.read_csv(
        pa.BufferReader(lines),
        csv.ReadOptions(column_names=names, use_threads=False, block_size=len(lines) + 1),
        csv.ParseOptions(
            delimiter="\t",
            quote_char=False,
            double_quote=False,
            escape_char=False,
            ignore_empty_lines=False,
            invalid_row_handler=left_out,
        ),
        csv.ConvertOptions(column_types=kinds, include_columns=wanted, check_utf8=False, null_values=[]),
    )
    return table, bad


def _sum(mask: "pa.ChunkedArray") -> int:
    import pyarrow.compute as pc

    return pc.sum(mask).as_py() or 0


def _where(texts: "pa.ChunkedArray", form: str) -> "pa.ChunkedArray":
    """The texts of that form; null in place of others."""
    import pyarrow.compute as pc

    return pc.if_else(pc.match_substring_regex(texts, form), texts, None)


def _dates(texts: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """The dates that a calendar has, in the years that a photo can be of; null in place of others."""
    import pyarrow.compute as pc

    form = "%Y-%m-%d %H:%M:%S"
    clock = pc.utf8_slice_codeunits(_where(texts, DATE), 0, 19)
    dates = pc.strptime(clock, format=form, unit="s", error_is_null=True)  # which takes 30 February for 2 March
    year = pc.year(dates)
    right = reduce(pc.and_, (pc.equal(pc.strftime(dates, format=form), clock), pc.is_in(year, value_set=_years())))
    return pc.if_else(right, dates, None)


def _years() -> "pa.Array":
    import pyarrow as pa

    return pa.array(YEARS, pa.int64())


def _licenses(addresses: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Flickr's ids of the licences at these addresses; null for one that is not of the six."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = [number for number, license_ in LICENSES.items() if license_.url.endswith("/2.0/")]
    kinds = pc.struct_field(pc.extract_regex(addresses, LICENSE), 0)
    places = pc.index_in(kinds, value_set=pa.array([LICENSES[number].short_name for number in ids]))
    return pc.take(pa.array(ids, pa.int16()), places)


def _kept_items(lines: "pa.Array") -> "pa.Array":
    """Of comma-separated items those that are read (ITEM); a serial number or a place is not kept."""
    import pyarrow as pa
    import pyarrow.compute as pc

    items = pc.split_pattern(lines, ",")
    is_read = pc.match_substring_regex(items.values, ITEM)
    before = np.concatenate(([0], np.cumsum(is_read.to_numpy(zero_copy_only=False))))
    offsets = pa.array(before[items.offsets.to_numpy()], pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(offsets, items.values.filter(is_read)), b",")
