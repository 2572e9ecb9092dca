"""The records of one measurement, and the numbers that figures and tables read from them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flickrexif.core.facts import counted
from flickrexif.eval.report.datasets import UNITS
from flickrexif.eval.report.identity import Entry, group_of, name_of
from flickrexif.eval.report.published import published
from flickrexif.eval.report.spec import Point, Series
from flickrexif.eval.report.style import FAMILIES, family_order, plain, short
from flickrexif.eval.report.wording import dataset_of, place_of, subject_of, subject_order, where_of
from flickrexif.eval.results import NOT_REAL, Result

BEST_KNOWN = (
    *("paper:clip/ViT-L-14@336px", "paper:clip/ViT-L-14", "paper:clip/ViT-B-16", "paper:clip/ViT-B-32"),
    *("paper:siglip/base_256", "paper:openclip/ViT-L-14-laion2B", "paper:openclip/ViT-B-16-laion2B"),
    *("paper:convnext/large", "paper:convnext/base", "paper:vit/huge_patch14_224", "paper:vit/base_patch16_224"),
    *("paper:resnet/50", "lite0", "control:dct"),
    *("paper:dinov2/vitl14", "paper:dinov2/vitb14", "paper:dino/vitb16", "paper:dino/resnet50"),
)
"""The best-known encoders, which stand for their families where there is no room for all."""


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one measurement (`group_of`), one an encoder, by family and name; those without a number last."""

    entries: tuple[Entry, ...]

    @property
    def result(self) -> Result:
        """The first record, whose data set, label and decisive settings are those of all."""
        return self.entries[0][1]

    @property
    def results(self) -> list[Result]:
        return [result for _, result in self.entries]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path, _ in self.entries)

    @property
    def encoders(self) -> list[str]:
        return [result.encoder for result in self.results]

    @property
    def subject(self) -> str:
        return subject_of(self.result)

    @property
    def place(self) -> str:
        return place_of(self.result)

    @property
    def where(self) -> str:
        return where_of(self.result)

    @property
    def n(self) -> str:
        """ " (9,469 training and 300 test images)", or "" where the records do not tell."""
        return f" ({words})" if (words := n_of(self.result)) else ""

    def name(self, kind: str, *more: object) -> str:
        """The file stem of a figure or table of that kind."""
        return name_of(kind, self.result, *more)

    def points(self, metric: str) -> tuple[Point, ...]:
        """The metric of each encoder."""
        return tuple(point_of(entry, metric) for entry in self.entries)

    def series(self, metric: str, name: str) -> Series:
        """The metric of each encoder, and what the paper states of it."""
        return Series(name=name, points=self.points(metric), published=tuple(published(self.result, metric)))

    def chance(self) -> float | None:
        """The chance level of the records."""
        return agreed([result.metrics.get("chance") for result in self.results])

    @property
    def drawable(self) -> tuple[Entry, ...]:
        """The records that have what figures are made of."""
        return tuple(entry for entry in self.entries if entry[1].detail is not None and not entry[1].reason)

    def headliners(self) -> "Group":
        """One of the drawable records a family: that of its best-known encoder."""
        place_of_encoder = {name: place for place, name in enumerate(BEST_KNOWN)}
        chosen: dict[str, Entry] = {}
        for entry in sorted(self.drawable, key=lambda entry: place_of_encoder.get(entry[1].encoder, len(BEST_KNOWN))):
            chosen.setdefault(entry[1].family or "", entry)
        return Group(tuple(chosen[family] for family in sorted(chosen, key=lambda family: family_order(family, ""))))


def groups_of(entries: Iterable[Entry], task: str) -> list[Group]:
    """The measurements of a task, in the paper's order of parameters and attributes, then by data set and settings."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        if entry[1].task == task:
            groups.setdefault(group_of(entry[1]), []).append(entry)
    for group in groups.values():
        group.sort(key=lambda entry: all(value is None for value in entry[1].metrics.values()))
    keys = sorted(groups, key=lambda key: (subject_order(groups[key][0][1]), key[1], key))
    return [Group(tuple(groups[key])) for key in keys]


def point_of(entry: Entry, metric: str, reason: str = "") -> Point:
    """One metric of a record as a point. Where it has no value, the point has `reason`, else the record's reason."""
    path, result = entry
    value = result.metrics.get(metric)
    low, high = result.intervals.get(metric, (None, None)) if value is not None else (None, None)
    return Point(
        encoder=result.encoder,
        family=result.family if result.family and result.family in FAMILIES else "",
        value=value,
        low=low,
        high=high,
        record=path,
        reason="" if value is not None else plain(reason or result.reason or "not in the record", 120),
        n=n_of(result),
    )


def n_of(result: Result) -> str:
    """What the record's numbers are of, in words: "9,469 training and 300 test images"."""
    train = result.n.get("train", 0) + result.n.get("validation", 0)
    tests = [f"{result.n[name]:,} {words}" for name, words in UNITS.items() if name in result.n][:1]
    if train and tests and "test" in result.n:
        tests = [f"{train:,} training and {tests[0]}"]
    photographers = result.n.get("photographers")
    return ", ".join(tests + ([counted(photographers, "photographer")] if photographers else []))


def about(result: Result) -> str:
    """The data set, and what the numbers are of: "FlickrExif, simulated, 1,000 photos"."""
    return ", ".join(filter(None, (dataset_of(result), NOT_REAL.get(result.origin), n_of(result))))


def agreed(levels: Sequence[float | None]) -> float | None:
    """The level of the records that have one; None where they differ or have none."""
    distinct = {round(level, 6): level for level in levels if level is not None}
    return next(iter(distinct.values())) if len(distinct) == 1 else None


def chosen_of(shown: Group, group: Group) -> str:
    """A sentence that says which encoders are shown and how many are not, or "" where all are shown."""
    left = len(group.encoders) - len(shown.encoders)
    if not left:
        return ""
    names = ", ".join(map(short, shown.encoders))
    were = "was" if left == 1 else "were"
    return f" Shown is the best-known encoder of each family ({names}); {left} more {were} measured."
