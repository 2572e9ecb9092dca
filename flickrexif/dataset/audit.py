"""The audit of any split file: what makes a score on it wrong, and how its classes are made up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import plain
from flickrexif.dataset.labels_table import photographers, read_labels_table
from flickrexif.dataset.split_files import SPLITS, Ints, Split, label_problems, read_split, split_paths
from flickrexif.exif.devices import device_category

if TYPE_CHECKING:
    import pandas as pd

DEVICE_ATTRIBUTES = ("Make", "Model", "Smartphone Model")
SCANNERS = ("film_scanner", "flatbed_scanner")
FEW_PHOTOS = 10
FEW_OF_MEDIAN = 0.1  # of the photos of the split's median class
CLASS = ["split", "place"]  # columns of a table of photos that say their class
LARGE_SHARE = 0.5  # of a class's photos
MOST_IDS = 100  # named in a finding
MOST_SHOWN = 3  # of them in a row of the table
CELL_LENGTH = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault: kind, splits, number of photos (of photographers, if these are in two splits), and examples."""

    kind: str
    splits: tuple[str, ...] = ()
    class_name: str | None = None
    count: int = 0
    ids: tuple[int, ...] = ()  # Flickr IDs, at most MOST_IDS
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """How a class is made up in one split; what concerns photographers is None without a labels table."""

    split: str
    class_name: str
    photos: int
    owners: int | None = None
    largest_owner_share: float | None = None
    effective_owners: float | None = None  # 1 / sum of squared shares: as many equal photographers as this


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The findings of one split file, and the facts about its classes."""

    target_attribute: str
    path: str | None = None
    findings: tuple[Finding, ...] = ()
    facts: tuple[ClassFacts, ...] = ()
    balance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # split -> smallest, largest, share
    unknown_photos: int | None = None  # photos that the labels table lacks, so that their photographers are unknown

    def to_json(self) -> dict[str, Any]:
        """The audit as JSON values."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """One row a finding: attribute, kind, splits, class, count, examples and detail. Texts are strangers' texts."""
        return [
            (
                plain(self.target_attribute, CELL_LENGTH),
                finding.kind,
                " and ".join(finding.splits),
                plain(finding.class_name, CELL_LENGTH),
                f"{finding.count:,}",
                plain(" ".join([*map(str, finding.ids[:MOST_SHOWN]), finding.detail]), CELL_LENGTH),
            )
            for finding in self.findings
        ]


def audit_paths(paths: Iterable[Path], labels: Path | None = None) -> list[Audit]:
    """Audit split files, or all split files of folders; `labels` is a place of a labels table (`label_tables`).

    A file that cannot be read is a finding of its own, so that the others are still looked at.
    """
    table = None if labels is None else read_labels_table(labels, ["Flickr ID", "owner"])
    owners = None if table is None else _Owners.of(table)
    audits = []
    for path in split_paths(list(paths)):
        try:
            audits.append(_audit(read_split(path, strict=False), owners, str(path)))
        except FlickrExifError as error:
            fault = Finding(kind="unreadable file", count=1, detail=error.message)
            audits.append(Audit(target_attribute=path.stem.rpartition("=")[2], path=str(path), findings=(fault,)))
    return audits


def audit(split: Split, labels: Any | None = None) -> Audit:
    """Audit `split`; `labels` is a table (Arrow or pandas) of `Flickr ID` and `owner`, to look at photographers."""
    return _audit(split, None if labels is None else _Owners.of(labels), None)


@dataclass(frozen=True, slots=True)
class _Owners:
    """Photo ids, sorted, and the photographer of each, as a place in `names`."""

    ids: Ints
    owner: Ints
    names: Sequence[str]

    @classmethod
    def of(cls, table: Any) -> "_Owners":
        ids, owner, names = photographers(table)
        ids, first = np.unique(ids[owner >= 0], return_index=True)
        return cls(ids, owner[owner >= 0][first], names)

    def find(self, ids: Ints) -> Ints:
        """The photographer of each of `ids`, -1 where the table lacks the photo."""
        at, present = np.searchsorted(self.ids, ids), np.isin(ids, self.ids)
        owner = np.full(len(ids), -1, dtype=np.int64)
        owner[present] = self.owner[at[present]]
        return owner


def _audit(split: Split, owners: _Owners | None, path: str | None) -> Audit:
    owner_of = None if owners is None else {name: owners.find(split.ids[name]) for name in SPLITS}
    facts = tuple(_facts(split, owner_of))
    findings = [*_labels_wrong(split), *_photos_twice(split)]
    if owners is not None and owner_of is not None:
        findings += _owners_twice(split, owner_of, owners)
    findings += [*_near_empty(facts), *_not_exposures(split), *_one_owner(facts)]
    return Audit(
        target_attribute=split.target_attribute,
        path=path,
        findings=tuple(findings),
        facts=facts,
        balance=_balance(facts),
        unknown_photos=None if owner_of is None else sum(int((owner < 0).sum()) for owner in owner_of.values()),
    )


def _labels_wrong(split: Split) -> Iterator[Finding]:
    for where, what in label_problems(split):
        yield Finding(kind="labels do not fit", splits=(where.split("_")[1],), count=1, detail=f"{where} {what}")
    for name in sorted({name for name in split.classes if split.classes.count(name) > 1}):
        yield Finding(kind="class named twice", class_name=name, count=split.classes.count(name))


def _photos_twice(split: Split) -> Iterator[Finding]:
    for first, second in combinations(SPLITS, 2):
        shared = np.intersect1d(split.ids[first], split.ids[second])
        if len(shared):
            yield Finding(kind="photo in two splits", splits=(first, second), count=len(shared), ids=_sample(shared))
    for name in SPLITS:
        ids, times = np.unique(split.ids[name], return_counts=True)
        if (times > 1).any():
            again = ids[times > 1]
            yield Finding(kind="photo twice in a split", splits=(name,), count=len(again), ids=_sample(again))


def _owners_twice(split: Split, owner_of: Mapping[str, Ints], owners: _Owners) -> Iterator[Finding]:
    for first, second in combinations(SPLITS, 2):
        shared = np.intersect1d(owner_of[first], owner_of[second])
        shared = shared[shared >= 0]
        if len(shared):
            ids = np.concatenate([split.ids[name][np.isin(owner_of[name], shared)] for name in (first, second)])
            names = ", ".join(owners.names[owner] for owner in shared[:MOST_SHOWN].tolist())
            yield Finding(
                kind="photographer in two splits",
                splits=(first, second),
                count=len(shared),
                ids=_sample(ids),
                detail=names,
            )


def _facts(split: Split, owner_of: Mapping[str, Ints] | None) -> Iterator[ClassFacts]:
    """Every class of every split, also those without photos; of photographers, those that are known."""
    import pandas as pd

    photos = pd.concat(_photos(split, name, owner_of) for name in SPLITS)
    owned = photos[photos["owner"] >= 0].groupby([*CLASS, "owner"]).size()
    shares = owned / owned.groupby(CLASS).transform("sum")
    table = pd.DataFrame(
        {
            "photos": photos.groupby(CLASS).size(),
            "owners": owned.groupby(CLASS).size(),
            "largest": shares.groupby(CLASS).max(),
            "effective": 1 / (shares**2).groupby(CLASS).sum(),
        }
    ).reindex(pd.MultiIndex.from_product([SPLITS, range(len(split.classes))]))
    table[["photos", "owners"]] = table[["photos", "owners"]].fillna(0).astype(int)
    for (name, place), count, owners, largest, effective in table.itertuples():
        facts = ClassFacts(split=name, class_name=split.classes[place], photos=count)
        if owner_of is not None:
            shares_of_class = {"largest_owner_share": largest, "effective_owners": effective} if owners else {}
            facts = replace(facts, owners=owners, **shares_of_class)
        yield facts


def _photos(split: Split, name: str, owner_of: Mapping[str, Ints] | None) -> "pd.DataFrame":
    """The photos of a split: the place of their class, and their photographer or -1."""
    import pandas as pd

    both = min(len(split.ids[name]), len(split.labels[name]))
    owner = -1 if owner_of is None else owner_of[name][:both]
    return pd.DataFrame({"split": name, "place": split.labels[name][:both], "owner": owner})


def _near_empty(facts: Sequence[ClassFacts]) -> Iterator[Finding]:
    for name in SPLITS:
        mine = [fact for fact in facts if fact.split == name]
        few = max(FEW_PHOTOS, FEW_OF_MEDIAN * float(np.median([fact.photos for fact in mine])))
        for fact in mine:
            if fact.photos < few:
                yield Finding(kind="near-empty class", splits=(name,), class_name=fact.class_name, count=fact.photos)


def _not_exposures(split: Split) -> Iterator[Finding]:
    if split.target_attribute not in DEVICE_ATTRIBUTES:
        return
    for place, name in enumerate(split.classes):
        make, model = (name, None) if split.target_attribute == "Make" else (None, name)
        if (category := device_category(make, model)) in SCANNERS:
            ids = np.concatenate([split.ids[s][: len(split.labels[s])][_at(split, s) == place] for s in SPLITS])
            yield Finding(
                kind="not a camera exposure",
                splits=SPLITS,
                class_name=name,
                count=len(ids),
                ids=_sample(ids),
                detail=category,
            )


def _at(split: Split, name: str) -> Ints:
    return split.labels[name][: len(split.ids[name])]


def _one_owner(facts: Sequence[ClassFacts]) -> Iterator[Finding]:
    for fact in facts:
        if fact.largest_owner_share is not None and fact.largest_owner_share > LARGE_SHARE:
            yield Finding(
                kind="one photographer's class",
                splits=(fact.split,),
                class_name=fact.class_name,
                count=fact.photos,
                detail=f"{fact.largest_owner_share:.0%} of the photos are one photographer's",
            )


def _balance(facts: Sequence[ClassFacts]) -> dict[str, dict[str, float]]:
    balance = {}
    for name in SPLITS:
        sizes = [fact.photos for fact in facts if fact.split == name]
        share = max(sizes) / max(1, sum(sizes))  # what always naming the largest class scores
        balance[name] = {"smallest": min(sizes), "largest": max(sizes), "largest_share": share}
    return balance


def _sample(ids: Ints) -> tuple[int, ...]:
    return tuple(np.unique(ids)[:MOST_IDS].tolist())
