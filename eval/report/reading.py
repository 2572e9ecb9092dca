"""Reads the result records of a folder, and sorts out those that a report cannot show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.measure import read_result
from flickrexif.eval.report.entries import Entry, group_of, used_entries
from flickrexif.eval.report.figures import figures
from flickrexif.eval.report.wording import dataset_of, photos_of
from flickrexif.eval.results import Result, plain_values

MEASURE = "Measure first: flickrexif eval all --encoder lite0."
SIMULATED = "SIMULATED DATA ({}): no camera took these photos; the numbers say nothing about cameras."
NOT_FLICKR = "NOT FROM FLICKR ({}): these photos came from a folder that was served in its place."
BANNERS = {"sandbox:simulated": SIMULATED, "simulated": SIMULATED, "sandbox:photos": NOT_FLICKR}


@dataclass(frozen=True, slots=True)
class Records:
    """The records that can be shown, and the (path, problem) of the other files; paths are relative to the folder."""

    entries: list[Entry]
    unreadable: list[tuple[str, str]]


def read_records(folder: Path) -> Records:
    """The records (*.json) of a folder and its subfolders, sorted by path.

    Raises UsageError where there is no folder or no file, FlickrExifError where no file can be shown.
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
            entries.append((name, _as_before(read_result(path))))
        except FlickrExifError as error:
            unreadable.append((name, str(error).replace(f"{folder}/", "")))
    drawable, wrong = _drawable(entries)
    if not drawable:
        raise FlickrExifError(f"None of the files in {folder} can be shown.", (unreadable + wrong)[0][1])
    return Records(drawable, sorted(unreadable + wrong))


def _as_before(result: Result) -> Result:
    """The record with a detail as JSON, with reason and state."""
    told = {"reason": result.reason or None} | ({} if result.state == "measured" else {"state": result.state})
    return replace(result, detail=(plain_values(result.detail) or {}) | told)


def banners(entries: Iterable[Entry]) -> list[str]:
    """The warnings about photos that are simulated or not from Flickr, with the names of their data sets."""
    datasets: dict[str, set[str]] = {}
    for _, result in entries:
        if text := BANNERS.get(result.origin):
            datasets.setdefault(text, set()).add(dataset_of(result))
    texts = dict.fromkeys(BANNERS.values())
    return [text.format(", ".join(sorted(datasets[text]))) for text in texts if text in datasets]


def origins(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """(whose photos, the data sets that are of them), for each origin that records tell or do not tell, sorted."""
    datasets: dict[str, set[str]] = {}
    for _, result in entries:
        datasets.setdefault(photos_of(result.origin), set()).add(dataset_of(result))
    return [(photos, ", ".join(sorted(names))) for photos, names in sorted(datasets.items())]


def _drawable(entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The records that figures can be made of, and the (path, problem) of the others."""
    if _problem(entries) is None:
        return list(entries), []
    problems: dict[str, str] = {}
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in used_entries(entries):
        groups.setdefault(group_of(entry[1]), []).append(entry)
    for group in groups.values():
        if _problem(group) is not None:
            problems |= _problems_of_group(group)
    return [entry for entry in entries if entry[0] not in problems], list(problems.items())


def _problems_of_group(group: Sequence[Entry]) -> dict[str, str]:
    """Path -> problem, of the records that are wrong by themselves, and of those that do not fit the ones before."""
    problems = {entry[0]: problem for entry in group if (problem := _problem([entry])) is not None}
    fine = [entry for entry in group if entry[0] not in problems]
    if _problem(fine) is None:
        return problems
    kept: list[Entry] = []
    for entry in fine:
        if (problem := _problem([*kept, entry])) is None:
            kept.append(entry)
        else:
            problems[entry[0]] = problem
    return problems


def _problem(entries: Sequence[Entry]) -> str | None:
    try:
        figures(entries)
    except FlickrExifError as error:
        return str(error)
    return None
