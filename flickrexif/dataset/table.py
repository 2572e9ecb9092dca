"""A table with the published columns, from a file or the Hub: reading it, and choosing photos of it.

It needs `Flickr ID` and `url`; the other published columns are null where it lacks them.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flickrexif.core.columns import arrow_schema
from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import column_names, read_table
from flickrexif.core.takedowns import Takedowns
from flickrexif.core.text import reason_of
from flickrexif.dataset.schema import PUBLISHED_COLUMNS
from flickrexif.dataset.split_files import SPLITS, Ints, Split, read_split, split_paths

if TYPE_CHECKING:
    import pyarrow as pa

ID, ADDRESS = "Flickr ID", "url"
FITS = "fits"  # a column beside the published ones: whether the row has the values that are asked for
HINT = "Give a name on the Hub such as CTU-OU/FlickrExif, a Parquet file, a folder of them, or a CSV file."
PASSED_OVER = {  # reason -> meaning: why a row of the table is no photo that can be fetched
    "no_id_or_address": "its Flickr ID or its url is empty",
    "twice": "an earlier row has the same Flickr ID",
    "taken_down": "it is on the list of takedowns, or its photographer is",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The photos of a table that were asked for, sorted by id, in the published columns."""

    table: "pa.Table"
    passed_over: Mapping[str, int]  # one of PASSED_OVER -> rows of the table
    not_in_table: int  # photos that the split files name
    taken_down: frozenset[int]  # photos of the table that are on the list of takedowns, or by somebody on it


def read_local(place: Path) -> "pa.Table":
    """The table in a CSV file, whose cells are all texts, in a Parquet file, or in a folder of these.

    Of the folder of a data set it is its config `default`. Raises UsageError where there is none, FlickrExifError for a
    file that cannot be read.
    """
    if place.is_file() and place.suffix.lower() == ".csv":
        return _read_csv(place)
    files = (
        [place] if place.is_file() else sorted(place.glob("data/train-*.parquet")) or sorted(place.glob("*.parquet"))
    )
    if not files:
        raise UsageError(f"{place} holds no table.", HINT)
    return read_table(files, column_names(files[0]))


def choose(
    table: "pa.Table",
    name: str,
    *,
    takedowns: Takedowns,
    splits: Sequence[Split] = (),
    where: Sequence[str] = (),
    limit: int | None = None,
) -> Chosen:
    """The photos that `splits` name (of none: all), whose columns hold what `where` says ("Make=Canon").

    Several values of one column are alternatives. `limit` draws that many, the same ones each time, a smaller number
    from among those of a larger: of each class in each split as many, as far as there are. Raises FlickrExifError for a
    table without the columns, UsageError for a `where` that fits no photo.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    fits = np.ones(len(table), bool)
    for column, values in _conditions(table, name, where).items():
        fits &= pc.is_in(table[column].cast("string"), value_set=_texts(values)).to_numpy()
    marked = _published(table, name).append_column(FITS, pa.array(fits))
    usable, taken_down, passed_over = _usable(marked, takedowns)
    rows = usable.filter(usable[FITS]).drop_columns(FITS)
    ids = rows[ID].to_numpy()
    if not len(ids):
        raise UsageError(f"{name} has no photo that fits.", "Ask for others with --where.")
    named = np.unique(np.concatenate([split.ids[part] for split in splits for part in SPLITS])) if splits else ids
    drawn = np.fromiter(islice(_in_turn(_groups(ids, splits)), limit), np.int64)
    if not len(drawn):
        raise UsageError(f"The split files name no photo of {name} that fits.", "Name others with --splits.")
    chosen = rows.filter(pc.is_in(rows[ID], value_set=_numbers(drawn))).sort_by(ID)
    return Chosen(
        table=chosen,
        passed_over=passed_over,
        not_in_table=int((~np.isin(named, ids)).sum()),
        taken_down=taken_down,
    )


def read_splits(folder: Path, attributes: Sequence[str] = ()) -> list[Split]:
    """The split files in a folder, or those of `attributes`. UsageError for an attribute without one."""
    splits = [read_split(path) for path in split_paths([folder])]
    names = [split.target_attribute for split in splits]
    if missing := [name for name in attributes if name not in names]:
        raise UsageError(f"{folder} has no split of {missing[0]!r}.", f"It has: {', '.join(names)}.")
    return [split for split in splits if not attributes or split.target_attribute in attributes]


# --- reading


def _read_csv(path: Path) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
        convert = arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        parse = arrow.ParseOptions(newlines_in_values=True)
        return arrow.read_csv(path, parse_options=parse, convert_options=convert)
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as error:
        raise FlickrExifError(f"{path} cannot be read ({reason_of(error)}).", "Make or fetch it again.") from None


def _published(table: "pa.Table", name: str) -> "pa.Table":
    """The published columns, null where the table lacks one, in their types."""
    import pyarrow as pa

    if missing := [column for column in (ID, ADDRESS) if column not in table.column_names]:
        raise FlickrExifError(f"{name} has no column {missing[0]!r}.", HINT)
    schema = arrow_schema(PUBLISHED_COLUMNS)
    columns = []
    for field in schema:
        column = table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type)
        value_type = getattr(column.type, "value_type", column.type)  # of a dictionary
        # A number that was printed anew is no longer as ExifTool prints it: 8.0 becomes 8, another class.
        if field.type == pa.string() and not (pa.types.is_null(value_type) or _is_text(value_type)):
            raise FlickrExifError(f"The column {field.name!r} of {name} holds no texts.", "Give it as ExifTool prints.")
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException:
            raise FlickrExifError(f"The column {field.name!r} of {name} holds no {field.type}.", HINT) from None
    return pa.Table.from_arrays(columns, schema=schema)


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _usable(rows: "pa.Table", takedowns: Takedowns) -> tuple["pa.Table", frozenset[int], dict[str, int]]:
    """The rows that are photos, each once and none on the list of takedowns; those on it; and how many are left out."""
    import pyarrow.compute as pc

    counts = {}
    full = rows.filter(pc.and_(pc.greater(rows[ID], 0), pc.not_equal(rows[ADDRESS], "")))  # drops nulls too
    counts["no_id_or_address"] = len(rows) - len(full)
    _, first = np.unique(full[ID].to_numpy(), return_index=True)
    once = full.take(np.sort(first))
    counts["twice"] = len(full) - len(once)
    photos = takedowns.photos(once[ID].to_pylist())
    owners = takedowns.owners(pc.unique(once["owner"].drop_null()).to_pylist())
    listed = pc.or_(pc.is_in(once[ID], value_set=_numbers(photos)), pc.is_in(once["owner"], value_set=_texts(owners)))
    taken_down = frozenset(once.filter(listed)[ID].to_pylist())
    counts["taken_down"] = len(taken_down)
    return once.filter(pc.invert(listed)), taken_down, {reason: count for reason, count in counts.items() if count}


def _conditions(table: "pa.Table", name: str, where: Sequence[str]) -> dict[str, list[str]]:
    """Column -> the values that it may have."""
    conditions: dict[str, list[str]] = {}
    for condition in where:
        column, sign, value = condition.partition("=")
        if not sign or column not in table.column_names:
            known = ", ".join(table.column_names)
            raise UsageError(f"{name} cannot be asked for {condition!r}.", f"Write COLUMN=VALUE, of {known}.")
        conditions.setdefault(column, []).append(value)
    return conditions


def _texts(values: Iterable[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(list(values), pa.string())


def _numbers(values: Iterable[int]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(list(values), pa.int64())


# --- choosing


def _groups(ids: Ints, splits: Sequence[Split]) -> Iterator[Ints]:
    """The photos of each class in each split of each attribute; without splits all."""
    if not splits:
        yield ids
    for split in splits:
        for part in SPLITS:
            present = np.isin(split.ids[part], ids)
            for label in range(len(split.classes)):
                yield split.ids[part][present & (split.labels[part] == label)]


def _in_turn(groups: Iterable[Ints]) -> Iterator[int]:
    """Every photo once: the first of each group, then the second of each, in the order of a keyed hash."""
    ranked = (sorted(group.tolist(), key=lambda photo: rank(0, "fetch", str(photo))) for group in groups)
    turns = chain.from_iterable(zip_longest(*ranked))
    return iter(dict.fromkeys(photo for photo in turns if photo is not None))
