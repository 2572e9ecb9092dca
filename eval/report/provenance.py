"""Where each number came from, small enough for the page: what records share is told once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flickrexif.eval.report.choice import Entry
from flickrexif.eval.report.sensitivity import Board
from flickrexif.eval.report.style import plain
from flickrexif.eval.report.wording import capital, subject_of
from flickrexif.eval.results import Result

TEXT = 300  # characters of a text of a record
DEPTH = 200  # characters of a setting that is a list or an object


class _Table:
    """Values, each once, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self.places: dict[Any, int] = {}

    def place(self, value: Any) -> int:
        return self.places.setdefault(value, len(self.places))


def sources_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the page shows of each record, in the order of `entries`.

    `records[i]` is [path, encoder, family, task, data set, subject, settings, versions, files, seconds, reason];
    settings, versions and files are places in the lists of the same names.
    """
    settings, versions, files = _Table(), _Table(), _Table()
    records = [
        [
            plain(path, TEXT),
            plain(r.encoder, TEXT),
            plain(r.family or "", 20),
            plain(r.task, 40),
            plain(r.dataset, 60),
            capital(subject_of(r)),
            settings.place(_pairs(r.settings)),
            versions.place(_pairs(r.versions)),
            [files.place((plain(name, TEXT), plain(value, 100))) for name, value in sorted(r.fingerprints.items())],
            round(r.seconds, 3),
            plain(r.detail.get("reason") or "", TEXT),
        ]
        for path, r in entries
    ]
    return {"records": records, "settings": [*settings.places], "versions": [*versions.places],
            "files": [*files.places]}  # fmt: skip


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((plain(name, 60), _shown(value)) for name, value in sorted(values.items()))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else plain(value, DEPTH)


def compositions_of(board: Board, place: Callable[[str], int]) -> list[dict[str, Any]]:
    """What each score of the board is made of; `place` gives the place of a record's path."""
    return [
        {
            "encoder": plain(score.encoder, TEXT),
            "value": score.value,
            "parts": [[name, score.parts[name]] for name in board.parts],
            "cells": [[cell.part, cell.label, cell.value, place(cell.record)] for cell in score.cells],
            "lacking": [plain(text, TEXT) for text in score.lacking],
        }
        for score in board.scores
    ]


def gaps_of(entries: Sequence[Entry]) -> list[tuple[str, str, list[str]]]:
    """Why records have no number: (what was to be measured, the reason, the encoders), for each two that differ."""
    found: dict[tuple[str, str], list[str]] = {}
    for _, result in entries:
        if reason := result.detail.get("reason"):
            found.setdefault((_what(result), plain(reason, TEXT)), []).append(plain(result.encoder, 100))
    return [(what, reason, encoders) for (what, reason), encoders in sorted(found.items())]


def _what(result: Result) -> str:
    subject = subject_of(result)
    return f"{plain(result.task, 40)}{f', {subject}' if subject else ''}, {plain(result.dataset, 60)}"
