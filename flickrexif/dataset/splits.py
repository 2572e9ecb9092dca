"""The paper's train, val and test splits of an attribute: balanced, and no photographer in two of them.

A photographer goes into one split with all photos, whatever their classes (`assign.py`). Where that rules out the exact
counts, the split says which class is short and by how much.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson

from flickrexif.core.draws import rank, rng
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put_bytes
from flickrexif.core.versions import versioned
from flickrexif.dataset.assign import Holdings, assign
from flickrexif.dataset.labels_table import arrow_table, codes, read_labels_table, typed
from flickrexif.dataset.split_files import SPLITS, Ints, Shortfall, Split, split_files, write_split

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
RECORD = "splits.json"  # beside the split files: settings, counts, what is short
FLASH_CLASSES = ("without flash", "with flash")  # in the published order; all others are sorted
TOO_FEW = {  # protocol -> what to do where nothing can be split
    "paper": "Collect more photos, or try --protocol proportional.",
    "proportional": "Collect more photos, say who took your own (label --owner-from), or try a smaller --min-photos.",
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitsReport:
    """The splits and their files; `impossible`: attribute that could not be split -> why."""

    splits: tuple[Split, ...]
    files: tuple[Path, ...]
    impossible: Mapping[str, str]

    @property
    def short(self) -> bool:
        """Whether an attribute or a class has less than the protocol asks."""
        return bool(self.impossible) or any(split.shortfalls for split in self.splits)


def make_splits(
    labels: Path,
    out: Path,
    protocol: Protocol,
    attributes: Iterable[str],
    seed: int,
    progress: Callable[[str], object] = lambda _line: None,
    register: Callable[..., object] = lambda *_: None,
) -> SplitsReport:
    """Split every attribute of the labels table of the place `labels` (see `label_tables`) into `out`.

    Writes the files of `write_split` and a `splits.json` with the settings, the counts and what is short. `progress`
    gets one line an attribute, `register` the files before they are written. Raises FlickrExifError when no attribute
    at all can be split.
    """
    spelt = {name.casefold(): name for name in COLUMNS}
    attributes = tuple(spelt.get(name.casefold(), name) for name in attributes)
    if unknown := [name for name in attributes if name not in COLUMNS]:
        raise UsageError(f"{unknown[0]!r} is no attribute.", f"Choose from: {', '.join(ATTRIBUTES)}.")
    table = read_labels_table(labels, sorted({name for attribute in attributes for name in _columns(attribute)}))
    splits: list[Split] = []
    files: list[Path] = []
    impossible: dict[str, str] = {}
    for attribute in attributes:
        try:
            split = make_split(table, attribute, protocol, seed)
        except FlickrExifError as error:
            impossible[attribute] = error.message
            continue
        splits.append(split)
        register(*split_files(attribute, out))
        files += write_split(split, out)
        progress(_line(split))
    refused = _by_reason(impossible)
    if not splits:
        raise FlickrExifError(f"No attribute can be split. {' '.join(refused)}", TOO_FEW[protocol.name])
    for line in refused:
        progress(line)
    record = {"protocol": asdict(protocol), "seed": seed, "splits": [_summary(s) for s in splits]}
    record["impossible"] = impossible
    put_bytes(out / RECORD, orjson.dumps(versioned(record), option=orjson.OPT_INDENT_2))
    return SplitsReport(splits=tuple(splits), files=tuple(files), impossible=impossible)


def make_split(table: Any, attribute: str, protocol: Protocol, seed: int) -> Split:
    """Split the photos of a `labels` table (Arrow or pandas, a row a photo) by the classes of `attribute`.

    The same rows in any order give the same split. The photos of a class in a split are a keyed random choice among
    those of the split's photographers. Raises FlickrExifError when fewer than two values make a class.
    """
    rule = protocol.own_rules.get(attribute, protocol.rule)
    photos = _photos(table, attribute)
    kept = _classes(photos, attribute, rule)
    if len(kept) < 2:
        few = "one class alone has" if kept else "no class has"
        by = f" by {rule.min_owners} or more photographers" if rule.min_owners > 1 else ""
        message = f"A split needs two classes, and {few} {rule.min_photos:,} photos or more{by}."
        raise FlickrExifError(message, TOO_FEW[protocol.name])
    label_of = np.full(len(photos.values), -1, dtype=np.int64)
    label_of[kept] = np.arange(len(kept))
    labels = label_of[photos.value]
    used = labels >= 0
    ids, labels = photos.ids[used], labels[used]
    owner, holdings = _holdings(photos.owner[used], labels, photos.owners, attribute, seed)
    target = _wanted(np.bincount(labels), rule)
    place = assign(holdings, target, rng(seed, "split mend", attribute))[owner]
    count = np.bincount(place * len(kept) + labels, minlength=target.size).reshape(target.shape)
    if rule.train is None:
        target[0] = np.maximum(target[0], count[0].min())
    rows = _sample(ids, place, labels, target, attribute, seed)
    classes = tuple(photos.values[value] for value in kept)
    return Split(
        target_attribute=attribute,
        classes=classes,
        ids={name: ids[rows[s]] for s, name in enumerate(SPLITS)},
        labels={name: labels[rows[s]] for s, name in enumerate(SPLITS)},
        shortfalls=tuple(
            Shortfall(SPLITS[s], classes[k], int(target[s, k]), int(count[s, k]))
            for s, k in np.argwhere(count < target)
        ),
        left_out=photos.left_out,
    )


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
    """The target photos of each class, shape [3, classes]; of train the fewest that will do."""
    smallest = int(sizes.min())
    val, test = (int(n) if n >= 1 else max(1, round(n * smallest)) for n in (rule.val, rule.test))
    train = test if rule.train is None else rule.train
    return np.repeat(np.array([[train], [val], [test]], dtype=np.int64), len(sizes), axis=1)


def _holdings(owner: Ints, labels: Ints, owners: list[str], attribute: str, seed: int) -> tuple[Ints, Holdings]:
    """Number the photographers in the keyed order: the number for each photo, and the photographers' holdings."""
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
    """The values with enough photos and photographers, as places in `photos.values`, in the order of the classes."""
    size = np.bincount(photos.value, minlength=len(photos.values))
    pairs = np.unique(photos.value * (len(photos.owners) + 1) + photos.owner)
    owners = np.bincount(pairs // (len(photos.owners) + 1), minlength=len(photos.values))
    kept: list[int] = np.flatnonzero((size >= rule.min_photos) & (owners >= rule.min_owners)).tolist()
    order = FLASH_CLASSES if attribute == "Flash" else photos.values
    return sorted(kept, key=lambda value: order.index(photos.values[value]))


def _columns(attribute: str) -> list[str]:
    extra = ["is_smartphone"] if attribute == "Smartphone Model" else []
    return ["Flickr ID", "owner", COLUMNS[attribute], *extra]


def _photos(table: Any, attribute: str) -> Photos:
    """The rows with an id, a photographer and a value of `attribute`, each id once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = arrow_table(table, _columns(attribute))
    with typed(table.column_names):
        if attribute == "Smartphone Model":
            table = table.filter(pc.fill_null(table.column("is_smartphone"), False))
        ids = pc.fill_null(table.column("Flickr ID").cast(pa.int64()), -1).to_numpy()
        owner, owners = codes(table.column("owner"))
        value, values = codes(_text(table.column(COLUMNS[attribute]), attribute))
    has_value, whole = value >= 0, (ids >= 0) & (owner >= 0)
    rows = np.flatnonzero(has_value & whole)
    rows = rows[np.lexsort((value[rows], owner[rows], ids[rows]))]
    again = np.diff(ids[rows], prepend=-1) == 0
    left_out = {"no id or no photographer": int((has_value & ~whole).sum()), "the same id again": int(again.sum())}
    rows = rows[~again]
    return Photos(ids[rows], owner[rows], value[rows], owners, values, {k: n for k, n in left_out.items() if n})


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


def _by_reason(impossible: Mapping[str, str]) -> list[str]:
    """Each reason once, behind the attributes that have it."""
    reasons = dict.fromkeys(impossible.values())
    return [f"{', '.join(a for a, why in impossible.items() if why == reason)}: {reason}" for reason in reasons]


def _line(split: Split) -> str:
    counts = "/".join(f"{split.counts(name).max():,}" for name in SPLITS)
    short = f", {len(split.shortfalls)} short" if split.shortfalls else ""
    return f"{split.target_attribute}: {len(split.classes)} classes of {counts} (train/val/test){short}"


def counts_of(split: Split) -> dict[str, list[int]]:
    """Photos a class in each split."""
    return {name: split.counts(name).tolist() for name in SPLITS}


def _summary(split: Split) -> dict[str, Any]:
    return {
        "attribute": split.target_attribute,
        "classes": split.classes,
        "counts": counts_of(split),
        "shortfalls": [asdict(shortfall) for shortfall in split.shortfalls],
        "left_out": split.left_out,
    }
