"""Which records of a folder a report uses: of several of one measurement and encoder that with the last path."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.measure import read_result
from flickrexif.eval.report.datasets import names_of
from flickrexif.eval.report.identity import REFERENCE, Entry, key_of
from flickrexif.eval.report.style import family_order
from flickrexif.eval.report.wording import dataset_of, photos_of

MEASURE = "Measure first: flickrexif eval all --encoder lite0."
SIMULATED = "SIMULATED DATA ({}): no camera took these photos; the numbers say nothing about cameras."
NOT_FLICKR = "NOT FROM FLICKR ({}): these photos came from a folder that was served in its place."
BANNERS = {"sandbox:simulated": SIMULATED, "simulated": SIMULATED, "sandbox:photos": NOT_FLICKR}


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a folder, and the (path, problem) of its other files; paths are relative to the folder."""

    entries: list[Entry]
    unreadable: list[tuple[str, str]]


def read_records(folder: Path) -> Records:
    """The records (*.json) of a folder and its subfolders, sorted by path; data sets are called as `datasets` says.

    Raises UsageError where there is no folder, no file, or a data folder around the records, FlickrExifError where no
    file can be shown.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", MEASURE)
    if (folder / "results").is_dir():
        raise UsageError(
            f"{folder} is a data folder, not one of records.", f"Name the one in it: {folder / 'results'}."
        )
    paths = sorted(path for path in folder.rglob("*.json") if path.is_file())
    if not paths:
        raise UsageError(f"{folder} holds no result record.", MEASURE)
    entries: list[Entry] = []
    unreadable: list[tuple[str, str]] = []
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            entries.append((name, read_result(path)))
        except FlickrExifError as error:
            unreadable.append((name, error.message.replace(f"{folder}/", "")))
    if not entries:
        hint = f"Name a folder of records, such as data/results. {unreadable[0][1]}"
        raise FlickrExifError(f"None of the files in {folder} can be shown.", hint)
    names = names_of(result for _, result in entries)
    return Records([(path, replace(result, dataset=names[result.dataset])) for path, result in entries], unreadable)


def used_entries(entries: Iterable[Entry]) -> list[Entry]:
    """One record a measurement and encoder, the last by path, one's own before those that ship with the package; sorted
    by family, name of the encoder and path."""
    in_turn = sorted(entries, key=lambda entry: (not entry[0].startswith(REFERENCE), entry[0]))
    last = {key_of(result): (path, result) for path, result in in_turn}
    return sorted(last.values(), key=lambda e: (*family_order(e[1].family or "", e[1].encoder), e[0]))


def replaced_entries(entries: Iterable[Entry], used: Iterable[Entry]) -> list[tuple[str, str]]:
    """The paths of records that are not `used`, each with the path of the record that is used in its place."""
    last = {key_of(result): path for path, result in used}
    return sorted((path, last[key_of(r)]) for path, r in entries if last[key_of(r)] != path)


def banners(entries: Iterable[Entry]) -> list[str]:
    """The warnings about photos that are simulated or not from Flickr, with the names of their data sets."""
    datasets = _datasets(entries, BANNERS.get)
    return [text.format(datasets[text]) for text in dict.fromkeys(BANNERS.values()) if text in datasets]


def origins(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """(whose photos, the data sets that are of them), for each origin that records tell or do not tell, sorted."""
    return sorted(_datasets(entries, photos_of).items())


def _datasets(entries: Iterable[Entry], text_of: Callable[[str], str | None]) -> dict[str, str]:
    """What `text_of` says of the records' origins -> the names of their data sets."""
    datasets: dict[str, set[str]] = {}
    for _, result in entries:
        if text := text_of(result.origin):
            datasets.setdefault(text, set()).add(dataset_of(result))
    return {text: ", ".join(sorted(names)) for text, names in datasets.items()}
