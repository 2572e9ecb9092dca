"""Where each number came from, small enough for the page: what records share is listed once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flickrexif.eval.report.identity import Entry
from flickrexif.eval.report.score.sensitivity import Board
from flickrexif.eval.report.style import plain, rounded
from flickrexif.eval.report.wording import capital, dataset_of, measurement_of, photos_of, subject_of

TEXT = 300  # characters of a text of a record
DEPTH = 200  # characters of a setting that is a list or an object


def sources_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the page shows of each record, in the order of `entries`.

    The settings, versions and files of a record are places in the lists of the same names.
    """
    settings: dict[Any, int] = {}  # a value -> its place, in the order in which they come
    versions: dict[Any, int] = {}
    files: dict[Any, int] = {}

    def place(value: Any, places: dict[Any, int]) -> int:
        return places.setdefault(value, len(places))

    records = [
        {
            "path": plain(path, TEXT),
            "encoder": plain(r.encoder, TEXT),
            "family": plain(r.family or "", 20),
            "task": plain(r.task, 40),
            "dataset": dataset_of(r),
            "subject": capital(subject_of(r)),
            "settings": place(
                _pairs({**r.settings, **({"intervals over": r.interval} if r.interval else {})}), settings
            ),
            "versions": place(_pairs(r.versions), versions),
            "files": [
                place((plain(name, TEXT), plain(value, 100)), files) for name, value in sorted(r.fingerprints.items())
            ],
            "seconds": round(r.seconds, 3),
            "reason": plain(r.reason, TEXT),
            "photos": photos_of(r.origin),
        }
        for path, r in entries
    ]
    return {"records": records, "settings": [*settings], "versions": [*versions], "files": [*files]}


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((plain(name, 60), _shown(value)) for name, value in sorted(values.items()))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else plain(value, DEPTH)


def compositions_of(board: Board, place: Callable[[str], int]) -> list[dict[str, Any]]:
    """The parts and cells of each score of the board; `place` maps a record's path to its place in the sources."""
    return [
        {
            "encoder": plain(score.encoder, TEXT),
            "value": score.value,
            "parts": [[part.name, score.parts[part.name].value] for part in board.parts],
            "cells": [[cell.part, cell.label, rounded(cell.value), place(cell.record)] for cell in score.cells],
            "lacking": [plain(text, TEXT) for text in score.lacking],
        }
        for score in board.scores
    ]


def gaps_of(entries: Sequence[Entry]) -> list[tuple[str, str, list[str]]]:
    """Why records have no number: (measurement, reason, encoders), one for each measurement and reason."""
    gaps: dict[tuple[str, str], list[str]] = {}
    for _, result in entries:
        if reason := result.reason:
            measurement = measurement_of(result, plain(result.task, 40))
            gaps.setdefault((measurement, plain(reason, TEXT)), []).append(plain(result.encoder, 100))
    return [(measurement, reason, encoders) for (measurement, reason), encoders in sorted(gaps.items())]
