"""The paper's train, val and test splits of an attribute: balanced, and no photographer in two of them.

A photographer goes into one split with all photos, whatever their classes. Walking the photographers in a keyed
random order, test and val take those who bring photos of a class still wanted and cost train little; single
exchanges then mend what is short. What stays short is said, never leaked.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from flickrexif.draws import rank, rng
from flickrexif.errors import FlickrExifError, UsageError
from flickrexif.split_files import SPLITS, Ints, Shortfall, Split, write_split, write_whole

COLUMNS = {  # attribute -> column of the labels table
    "Make": "make_published",
    "Model": "model",
    "Smartphone Model": "model",
    "Is Smartphone": "is_smartphone",
    "Exposure": "exposure_exact",
    "Aperture": "aperture_exact",
    "ISO Speed": "iso_exact",
    "Focal Length": "focal_length_exact",
    "Flash": "flash",
    "Year": "year",
}
ATTRIBUTES = tuple(COLUMNS)
FLASH_CLASSES = ("without flash", "with flash")  # in the published order; all others are sorted

# What photographers may cost train, as a multiple of what they bring to val or test: the cheapest first.
TOLERANCES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 1e9)
MOST_PASSES = 5  # of mending; each mends what it can
MOST_EXCHANGED = 500  # photographers tried for one short class
MOST_SHAKES, SHAKEN_ENTRIES = 50, 20_000  # shakes in all, and entries of the holdings looked at by them

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Photos a class; a val or test below 1 is a fraction of the smallest class that is kept."""

    min_photos: int  # a value with fewer is no class
    val: float
    test: float
    train: int | None = None  # None: the rest, undersampled to the smallest class but not below test
    min_owners: int = 1  # a value of fewer photographers is no class


@dataclass(frozen=True, slots=True)
class Protocol:
    """A rule for all attributes, and attributes with a rule of their own."""

    name: Literal["paper", "proportional"]
    rule: Rule
    own_rules: Mapping[str, Rule] = field(default_factory=dict)


# 500 photos a class: 4 to 1 into train and test, then 20% of train into val.
_MODEL = Rule(min_photos=500, train=320, val=80, test=100)
PAPER = Protocol(
    "paper",
    Rule(min_photos=5_000, val=200, test=500),
    {"Model": _MODEL, "Smartphone Model": _MODEL, "Flash": Rule(min_photos=5_000, val=600, test=1_500)},
)


def proportional(min_photos: int = 10, val: float = 0.15, test: float = 0.15) -> Protocol:
    """Fractions of the smallest class, for small data; a class needs three photographers, one a split."""
    if not (val > 0 and test > 0 and val + test < 1):
        message = f"val {val} and test {test} do not leave something for each split."
        raise UsageError(message, "Give fractions such as 0.15 and 0.15.")
    return Protocol("proportional", Rule(min_photos=max(3, min_photos), val=val, test=test, min_owners=3))


class Photos(NamedTuple):
    """Usable rows of the labels table, sorted by id; `owner` and `value` are places in `owners` and `values`."""

    ids: Ints
    owner: Ints
    value: Ints
    owners: list[str]
    values: list[str]
    left_out: dict[str, int]


class Holdings(NamedTuple):
    """Who has how many photos of what: one entry a (photographer, class) pair, sorted.

    Photographers are numbered in the keyed order; the entries of number i are start[i] to start[i + 1]. `photos` is
    how many.
    """

    owner: Ints
    label: Ints
    photos: Ints
    start: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitsReport:
    """What `make_splits` made, and the attributes that could not be split, with the reason."""

    splits: tuple[Split, ...]
    files: tuple[Path, ...]
    impossible: Mapping[str, str]

    @property
    def short(self) -> bool:
        """Whether anything is less than was asked."""
        return bool(self.impossible) or any(split.shortfalls for split in self.splits)


def make_splits(
    labels_dir: Path,
    out: Path,
    protocol: Protocol,
    attributes: Iterable[str],
    seed: int,
    progress: Callable[[str], object] = lambda _line: None,
) -> SplitsReport:
    """Split every attribute of the labels table in `labels_dir` (a folder of Parquet files, or one file) into `out`.

    Writes the files of `write_split` and a `splits.json` with the settings, the counts and what is short. `progress`
    gets one line an attribute. Raises FlickrExifError when no attribute at all can be split.
    """
    attributes = tuple(attributes)
    if unknown := [name for name in attributes if name not in COLUMNS]:
        raise UsageError(f"{unknown[0]!r} is no attribute.", f"Choose from: {', '.join(ATTRIBUTES)}.")
    table = read_columns(labels_dir, sorted({name for attribute in attributes for name in _columns(attribute)}))
    splits: list[Split] = []
    files: list[Path] = []
    impossible: dict[str, str] = {}
    for attribute in attributes:
        try:
            split = make_split(table, attribute, protocol, seed)
        except FlickrExifError as error:
            impossible[attribute] = error.message
            progress(f"{attribute}: {error.message}")
            continue
        splits.append(split)
        files += write_split(split, out)
        progress(_line(split))
    if not splits:
        raise FlickrExifError(" ".join(impossible.values()), "Collect more photos, or try --protocol proportional.")
    record = {"protocol": asdict(protocol), "seed": seed, "splits": [_summary(s) for s in splits]}
    record["impossible"] = impossible
    write_whole(out / "splits.json", orjson.dumps(record, option=orjson.OPT_INDENT_2))
    return SplitsReport(splits=tuple(splits), files=tuple(files), impossible=impossible)


def make_split(table: Any, attribute: str, protocol: Protocol, seed: int) -> Split:
    """Split the photos of a `labels` table (Arrow or pandas, a row a photo) by the classes of `attribute`.

    The same rows in any order give the same split. The photos of a class in a split are a keyed random choice among
    those of the split's photographers. Raises FlickrExifError when fewer than two values make a class.
    """
    rule = protocol.own_rules.get(attribute, protocol.rule)
    photos = _photos(table, attribute)
    kept = _classes(photos, attribute, rule)
    label_of = np.full(len(photos.values), -1, dtype=np.int64)
    label_of[kept] = np.arange(len(kept))
    labels = label_of[photos.value]
    used = labels >= 0
    ids, labels = photos.ids[used], labels[used]
    owner, holdings = _holdings(photos.owner[used], labels, photos.owners, attribute, seed)
    wanted = _wanted(np.bincount(labels), rule)
    place = assign(holdings, wanted, rng(seed, "split mend", attribute))[owner]
    found = np.bincount(place * len(kept) + labels, minlength=wanted.size).reshape(wanted.shape)
    if rule.train is None:
        wanted[0] = np.maximum(wanted[0], found[0].min())
    rows = _sample(ids, place, labels, wanted, attribute, seed)
    classes = tuple(photos.values[value] for value in kept)
    return Split(
        target_attribute=attribute,
        classes=classes,
        ids={name: ids[rows[s]] for s, name in enumerate(SPLITS)},
        labels={name: labels[rows[s]] for s, name in enumerate(SPLITS)},
        shortfalls=tuple(
            Shortfall(SPLITS[s], classes[k], int(wanted[s, k]), int(found[s, k]))
            for s, k in np.argwhere(found < wanted)
        ),
        left_out=photos.left_out,
    )


def assign(holdings: Holdings, wanted: Ints, rng: Random) -> Ints:
    """The split of every photographer (0 train, 1 val, 2 test) for `wanted` photos, shape [3, classes].

    val and test get what is wanted and little more, train the rest and, where it can be had, what is wanted. Where
    that is not reached, photographers are shaken and mended again (iterated local search), the more often the fewer
    they are: exact counts are hard to find with few and large ones.
    """
    place = np.zeros(len(holdings.start) - 1, dtype=np.int64)
    have = np.zeros_like(wanted)
    np.add.at(have[0], holdings.label, holdings.photos)
    _fill(holdings, wanted, place, have)
    _mend(holdings, wanted, place, have)
    for _ in range(min(MOST_SHAKES, SHAKEN_ENTRIES // len(holdings.label))):
        before = _missing(wanted, have).sum()
        if not before:
            break
        new_place, new_have = place.copy(), have.copy()
        split, k = rng.choice(np.argwhere(have < wanted).tolist())
        owner = rng.choice(holdings.owner[holdings.label == k].tolist())
        _move(holdings, wanted, new_place, new_have, owner, split)
        _mend(holdings, wanted, new_place, new_have)
        if _missing(wanted, new_have).sum() <= before:
            place, have = new_place, new_have
    return place


def _fill(holdings: Holdings, wanted: Ints, place: Ints, have: Ints) -> None:
    """Move photographers from train to test and val in the keyed order, round after round; updates both arrays."""
    rest = np.maximum(1, have[0] - wanted[1] - wanted[2])
    first = holdings.start[:-1]
    for tolerance, split in itertools.product(TOLERANCES, (2, 1)):
        # What is wanted only shrinks, so whoever is no good now will not be good later in this round.
        good = _good(holdings.label, holdings.photos, first, wanted, have, rest, split, tolerance)
        for owner in np.flatnonzero(good & (place == 0)).tolist():
            label, count = _entries(holdings, owner)
            if _good(label, count, _FIRST, wanted, have, rest, split, tolerance)[0]:
                _move(holdings, wanted, place, have, owner, split)


_FIRST = np.zeros(1, dtype=np.int64)


def _good(
    label: Ints, count: Ints, first: Ints, wanted: Ints, have: Ints, rest: Ints, split: int, tolerance: float
) -> Bools:
    """Which photographers bring what `split` wants, cost train at most `tolerance` times that, and leave it enough.

    What they bring and what they cost are shares of the classes, summed; `first` says where each one's entries begin.
    """
    useful = np.minimum(count, np.maximum(0, wanted[split] - have[split])[label])
    gain = np.add.reduceat(useful / wanted[split, label], first)
    cost = np.add.reduceat((count - useful) / rest[label], first)
    spared = np.logical_and.reduceat(count <= (have[0] - wanted[0])[label], first)
    return np.asarray((gain > 0) & (cost <= tolerance * gain) & spared)


def _mend(holdings: Holdings, wanted: Ints, place: Ints, have: Ints) -> None:
    """For each class that is short, move photographers, one or two at a time, while fewer photos are missing then."""
    for _ in range(MOST_PASSES):
        moved = False
        for split, k in np.argwhere(have < wanted).tolist():
            for owner in holdings.owner[holdings.label == k][:MOST_EXCHANGED].tolist():
                if have[split, k] >= wanted[split, k]:
                    break
                if place[owner] != split:
                    moved |= _exchange(holdings, wanted, place, have, owner, split)
        if not moved:
            return


def _exchange(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, owner: int, split: int) -> bool:
    """Move `owner` to `split`, and another as well where that helps; take it back unless fewer photos are missing."""
    before = int(place[owner])
    change = _move(holdings, wanted, place, have, owner, split)
    if change < 0:
        return True
    other_change, other, other_split = _best_move(holdings, wanted, place, have, owner)
    if change + other_change < 0:
        _move(holdings, wanted, place, have, other, other_split)
        return True
    _move(holdings, wanted, place, have, owner, before)
    return False


def _move(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, owner: int, split: int) -> int:
    """Move one photographer, in place; returns how many more photos are missing then (fewer: negative)."""
    label, count = _entries(holdings, owner)
    before = _missing(wanted[:, label], have[:, label]).sum()
    have[place[owner], label] -= count
    have[split, label] += count
    place[owner] = split
    return int(_missing(wanted[:, label], have[:, label]).sum() - before)


def _best_move(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, after: int) -> tuple[int, int, int]:
    """The best single move of someone who shares a class with `after`: (change in missing photos, who, to where)."""
    shared = np.isin(holdings.label, _entries(holdings, after)[0])
    owners = np.unique(holdings.owner[shared])
    sizes = holdings.start[owners + 1] - holdings.start[owners]
    first = np.cumsum(sizes) - sizes
    entries = np.repeat(holdings.start[owners] - first, sizes) + np.arange(sizes.sum())
    label, count, source = holdings.label[entries], holdings.photos[entries], np.repeat(place[owners], sizes)
    change = np.zeros((3, len(owners)), dtype=np.int64)
    for split in range(3):
        more = _missing(wanted[source, label], have[source, label] - count)
        fewer = _missing(wanted[split, label], have[split, label] + count)
        now = _missing(wanted[source, label], have[source, label])
        now += _missing(wanted[split, label], have[split, label])
        change[split] = np.where(place[owners] == split, 0, np.add.reduceat(more + fewer - now, first))
    split, best = divmod(int(change.argmin()), len(owners))
    return int(change[split, best]), int(owners[best]), split


def _missing(wanted: Ints, have: Ints) -> Ints:
    return np.asarray(np.maximum(0, wanted - have))


def _entries(holdings: Holdings, owner: int) -> tuple[Ints, Ints]:
    entries = slice(holdings.start[owner], holdings.start[owner + 1])
    return holdings.label[entries], holdings.photos[entries]


def _sample(ids: Ints, place: Ints, labels: Ints, take: Ints, attribute: str, seed: int) -> list[Ints]:
    """Rows a split, class after class: of each class a random `take[split, class]`, or all where there are fewer."""
    purpose = f"split {attribute} photo"
    ranks = np.array([rank(seed, purpose, str(photo)) for photo in ids.tolist()], dtype=np.int64)
    group = place * take.shape[1] + labels
    order = np.lexsort((ids, ranks, group))
    sizes = np.bincount(group, minlength=take.size)
    nth = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = order[nth < take.ravel()[group[order]]]
    return [chosen[place[chosen] == split] for split in range(len(SPLITS))]


def _wanted(sizes: Ints, rule: Rule) -> Ints:
    """Photos wanted of each class, shape [3, classes]; of train the fewest that will do."""
    smallest = int(sizes.min())
    val, test = (int(n) if n >= 1 else max(1, round(n * smallest)) for n in (rule.val, rule.test))
    train = test if rule.train is None else rule.train
    return np.repeat(np.array([[train], [val], [test]], dtype=np.int64), len(sizes), axis=1)


def _holdings(owner: Ints, labels: Ints, owners: list[str], attribute: str, seed: int) -> tuple[Ints, Holdings]:
    """Number the photographers in the keyed order: the number a photo, and what each of them has."""
    present, owner = np.unique(owner, return_inverse=True)
    ranks = np.array([rank(seed, f"split {attribute}", owners[i]) for i in present.tolist()], dtype=np.int64)
    number = np.empty(len(present), dtype=np.int64)
    number[np.argsort(ranks, kind="stable")] = np.arange(len(present))
    owner = number[owner]
    classes = int(labels.max()) + 1
    pair, count = np.unique(owner * classes + labels, return_counts=True)
    start = np.searchsorted(pair // classes, np.arange(len(present) + 1))
    return owner, Holdings(pair // classes, pair % classes, count, start)


def _classes(photos: Photos, attribute: str, rule: Rule) -> list[int]:
    """Places in `photos.values` of those with photos and photographers enough, in the order of the classes."""
    size = np.bincount(photos.value, minlength=len(photos.values))
    pairs = np.unique(photos.value * (len(photos.owners) + 1) + photos.owner)
    owners = np.bincount(pairs // (len(photos.owners) + 1), minlength=len(photos.values))
    kept: list[int] = np.flatnonzero((size >= rule.min_photos) & (owners >= rule.min_owners)).tolist()
    if len(kept) < 2:
        by = f" by {rule.min_owners} or more photographers" if rule.min_owners > 1 else ""
        found = f"{attribute} has {len(kept)} with {rule.min_photos:,} photos or more{by}"
        message = f"A split needs two classes, and {found}."
        raise FlickrExifError(message, "Collect more photos, or try --protocol proportional.")
    order = FLASH_CLASSES if attribute == "Flash" else photos.values
    return sorted(kept, key=lambda value: order.index(photos.values[value]))


def _columns(attribute: str) -> list[str]:
    extra = ["is_smartphone"] if attribute == "Smartphone Model" else []
    return ["Flickr ID", "owner", COLUMNS[attribute], *extra]


def read_columns(labels: Path, columns: list[str]) -> Any:
    """Columns of the labels table as one Arrow table; `labels` is a folder of Parquet files, or one file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(labels.glob("*.parquet")) if labels.is_dir() else [labels]
    if not files or not files[0].exists():
        raise FlickrExifError(
            f"{labels} holds no labels table.", "Make one with: flickrexif crawl, or: flickrexif label"
        )
    tables = []
    for file in files:
        try:
            tables.append(_with_columns(pq.ParquetFile(file), columns))
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).splitlines()[0]
            raise FlickrExifError(
                f"{file} cannot be read ({reason}).", "Make it again with: flickrexif build"
            ) from None
    with _typed(columns):
        return pa.concat_tables(tables, promote_options="permissive")


def _with_columns(file: Any, columns: list[str]) -> Any:
    _need(columns, file.schema_arrow.names)
    return file.read(columns=columns)


def _need(columns: list[str], names: Iterable[str]) -> None:
    if missing := [name for name in columns if name not in set(names)]:
        raise FlickrExifError(f"The labels table has no column {missing[0]!r}.", "Make it with: flickrexif build")


def _photos(table: Any, attribute: str) -> Photos:
    """The rows with an id, a photographer and a value of `attribute`, each id once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = arrow_table(table, _columns(attribute))
    with _typed(table.column_names):
        if attribute == "Smartphone Model":
            table = table.filter(pc.fill_null(table.column("is_smartphone"), False))
        ids = pc.fill_null(table.column("Flickr ID").cast(pa.int64()), -1).to_numpy()
        owner, owners = codes(table.column("owner"))
        value, values = codes(_text(table.column(COLUMNS[attribute]), attribute))
    known, whole = value >= 0, (ids >= 0) & (owner >= 0)
    rows = np.flatnonzero(known & whole)
    rows = rows[np.lexsort((value[rows], owner[rows], ids[rows]))]
    again = np.diff(ids[rows], prepend=-1) == 0
    left_out = {"no id or no photographer": int((known & ~whole).sum()), "the same id again": int(again.sum())}
    rows = rows[~again]
    return Photos(ids[rows], owner[rows], value[rows], owners, values, {k: n for k, n in left_out.items() if n})


def photographers(table: Any) -> tuple[Ints, Ints, list[str]]:
    """`(ids, owner, owners)` of a labels table: photo ids, and the place of each photographer in `owners` or -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = arrow_table(table, ["Flickr ID", "owner"])
    with _typed(table.column_names):
        ids = pc.fill_null(table.column("Flickr ID").cast(pa.int64()), -1).to_numpy()
        return ids, *codes(table.column("owner"))


def arrow_table(table: Any, columns: list[str]) -> Any:
    """`columns` of an Arrow or pandas table, as Arrow."""
    import pyarrow as pa

    is_arrow = isinstance(table, pa.Table)
    _need(columns, table.column_names if is_arrow else table.columns)
    with _typed(columns):
        return table.select(columns) if is_arrow else pa.Table.from_pandas(table[columns], preserve_index=False)


@contextmanager
def _typed(columns: list[str]) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        message = f"A column of {', '.join(columns)} is not of its type ({str(error).splitlines()[0]})."
        raise FlickrExifError(message, "Make the labels table again with: flickrexif build") from None


def _text(column: Any, attribute: str) -> Any:
    """The values as the published class names spell them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if attribute == "Flash":
        return pc.if_else(column, *reversed(FLASH_CLASSES))
    if attribute == "Is Smartphone":
        return pc.if_else(column, "True", "False")
    if attribute == "Year":
        return pc.binary_join_element_wise(column.cast(pa.int64()).cast(pa.string()), ".0", "")
    return column


def codes(column: Any) -> tuple[Ints, list[str]]:
    """Places in the sorted list of the texts in `column`, and the list; -1 where there is none or an empty one."""
    encoded = column.combine_chunks().cast("string").dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    listed = sorted(name for name in names if name)
    place = {name: index for index, name in enumerate(listed)}
    new = np.array([place.get(name, -1) for name in names] + [-1], dtype=np.int64)
    return new[encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)], listed


def _line(split: Split) -> str:
    counts = "/".join(f"{split.counts(name).max():,}" for name in SPLITS)
    short = f", {len(split.shortfalls)} short" if split.shortfalls else ""
    return f"{split.target_attribute}: {len(split.classes)} classes of {counts} (train/val/test){short}"


def _summary(split: Split) -> dict[str, Any]:
    return {
        "attribute": split.target_attribute,
        "classes": split.classes,
        "counts": {name: split.counts(name).tolist() for name in SPLITS},
        "shortfalls": [asdict(shortfall) for shortfall in split.shortfalls],
        "left_out": split.left_out,
    }
