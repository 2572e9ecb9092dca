"""Result records for a report: those of a folder that can be shown, and what is wrong with the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.report.choice import Entry, group_of, used
from flickrexif.eval.report.figures import figures
from flickrexif.eval.report.wording import dataset_of
from flickrexif.eval.results import read_result

MEASURE = "Measure first: flickrexif eval all --encoder lite0."
SIMULATED = "SIMULATED DATA ({}): no camera took these photos; the numbers say nothing about cameras."
NOT_FLICKR = "NOT FROM FLICKR ({}): these photos came from a folder that was served in its place."
BANNERS = {"sandbox:simulated": SIMULATED, "simulated": SIMULATED, "sandbox:photos": NOT_FLICKR}


@dataclass(frozen=True, slots=True)
class Records:
    """The records that can be shown, by path relative to their folder, and (path, problem) of the other files."""

    entries: list[Entry]
    unreadable: list[tuple[str, str]]


def read_records(folder: Path) -> Records:
    """All records (*.json) of a folder and the folders in it, in the order of their paths.

    Raises UsageError where there is no folder or no file, FlickrExifError where no file is a record.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", MEASURE)
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
            unreadable.append((name, str(error).replace(f"{folder}/", "")))
    drawable, wrong = _drawable(entries)
    if not drawable:
        raise FlickrExifError(f"None of the files in {folder} can be shown.", (unreadable + wrong)[0][1])
    return Records(drawable, sorted(unreadable + wrong))


def banners(entries: Iterable[Entry]) -> list[str]:
    """What must be said of the photos that the numbers are of, with the names of their data sets."""
    found: dict[str, set[str]] = {}
    for _, result in entries:
        if text := BANNERS.get(str(result.settings.get("source"))):
            found.setdefault(text, set()).add(dataset_of(result))
    return [text.format(", ".join(sorted(found[text]))) for text in dict.fromkeys(BANNERS.values()) if text in found]


def _drawable(entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The records that figures can be made of, and why not of the others."""
    if _problem(entries) is None:
        return list(entries), []
    wrong: dict[str, str] = {}
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in used(entries):
        groups.setdefault(group_of(entry[1]), []).append(entry)
    for group in groups.values():
        if _problem(group) is not None:
            wrong |= _wrong(group)
    return [entry for entry in entries if entry[0] not in wrong], list(wrong.items())


def _wrong(group: Sequence[Entry]) -> dict[str, str]:
    """The records of a measurement that are wrong by themselves, then those that do not fit the ones before."""
    wrong = {entry[0]: problem for entry in group if (problem := _problem([entry])) is not None}
    fine = [entry for entry in group if entry[0] not in wrong]
    if _problem(fine) is None:
        return wrong
    kept: list[Entry] = []
    for entry in fine:
        if (problem := _problem([*kept, entry])) is None:
            kept.append(entry)
        else:
            wrong[entry[0]] = problem
    return wrong


def _problem(entries: Sequence[Entry]) -> str | None:
    try:
        figures(entries)
    except FlickrExifError as error:
        return str(error)
    return None
