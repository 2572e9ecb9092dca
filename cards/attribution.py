"""ATTRIBUTION.csv: whom to credit for each photo, and its licence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flickrexif.core.parquet import read_table
from flickrexif.core.text import URL_LENGTH, plain, safe_cell
from flickrexif.dataset.attribution import NAME_LENGTH, TITLE_LENGTH

# column of the file -> column of the labels table, longest text
TEXTS = {
    "title": ("title", TITLE_LENGTH),
    "author": ("owner_name", NAME_LENGTH),
    "page_url": ("page_url", URL_LENGTH),
    "license": ("license", NAME_LENGTH),
    "license_url": ("license_url", URL_LENGTH),
    "attribution": ("attribution", 2_000),
}


def attribution_csv(labels: Sequence[Path]) -> bytes:
    """The photos of the files `labels`, at least one, in their order, with a header.

    A photographer without a name is credited by NSID. Every text is on one line, without invisible characters.
    """
    import pyarrow as pa
    from pyarrow import csv

    table = read_table(labels, ["Flickr ID", "owner", *(column for column, _ in TEXTS.values())])
    rows: dict[str, Any] = {"Flickr ID": table["Flickr ID"]}
    for name, (column, length) in TEXTS.items():
        values = [plain(value, length) for value in table[column].to_pylist()]
        if name == "author":
            owners = table["owner"].to_pylist()
            values = [value or plain(owner, length) for value, owner in zip(values, owners, strict=True)]
        rows[name] = [safe_cell(value) for value in values]
    sink = pa.BufferOutputStream()
    csv.write_csv(pa.table(rows), sink)
    return bytes(sink.getvalue())
