"""A crawl that is killed at random points, again and again, until it ends.

The kills are spread over a crawl's life: the start of the program, the reading of windows, the Exif, the build.
"""

import io
import math
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGKILL
from typing import Any

import pytest

from flickrexif import cli
from flickrexif.collectors.sandbox.server import Sandbox

MONTH = "2024-08"
PHOTOS_PER_MONTH = 20_000  # over 3,000 of them under the licences asked for, so that windows are split
TARGET = 150
LATENCY = 0.02  # seconds
WORKERS = 16  # of the crawl, by default
STARTING = 0.8  # seconds from the start of the program to its first call, about
PATIENCE = 120.0  # seconds

Call = tuple[str, str]  # method, and what it asks for


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill: where in its life the crawl was, what its journal held, and how many calls the server had answered."""

    phase: str
    journaled: frozenset[Call]
    answered: int


def crawl_process(endpoint: str, data_dir: Path, target: int = TARGET, *options: str) -> subprocess.Popen[str]:
    """The command line's crawl, as a program of its own."""
    command = [sys.executable, "-m", "flickrexif", *_words(endpoint, data_dir, target, *options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _words(endpoint: str, data_dir: Path, target: int, *options: str) -> list[str]:
    places = ["--endpoint", endpoint, "--data-dir", str(data_dir)]
    return ["crawl", "--month", MONTH, *places, "--target", str(target), "--calls-per-hour", "1000000", *options]


def crawled(endpoint: str, data_dir: Path, target: int = TARGET, *options: str) -> tuple[int, str]:
    """The same crawl in this process, which need not load its libraries again; its exit code and stderr."""
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()), redirect_stderr(errors):
        patch.setattr("sys.argv", ["flickrexif", *_words(endpoint, data_dir, target, *options)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0), errors.getvalue()


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the program to end; its exit code and what it wrote to stderr. Raises TimeoutExpired."""
    with process:
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, errors


def output_files(data_dir: Path) -> dict[str, bytes]:
    """The bytes of every file of the data set by name, without the crawl's own state."""
    root = data_dir / "flickrexif"
    files = (path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root): path for path in files}
    return {str(name): path.read_bytes() for name, path in names.items() if name.parts[0] != ".crawl"}


def photo_calls(calls: Sequence[tuple[str, Mapping[str, str]]]) -> list[Call]:
    """The calls for photos: all but the one with which each start asks which server this is."""
    return [_call(method, arguments) for method, arguments in calls if not method.endswith("licenses.getInfo")]


def _call(method: str, arguments: Mapping[str, str]) -> Call:
    if method == "flickr.photos.getExif":
        return method, arguments["photo_id"]
    window = [arguments[name] for name in ("min_taken_date", "max_taken_date", "license", "page")]
    return method, "/".join(window)


def look(data_dir: Path, sql: str) -> list[Any]:
    """Rows of a copy of the journal: opening the journal itself would mend what the kill left."""
    crawl = data_dir / "flickrexif" / ".crawl"
    with tempfile.TemporaryDirectory() as folder:
        for path in crawl.glob("journal.sqlite*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / "journal.sqlite")) as copy:
            has_tables = copy.execute("SELECT 1 FROM sqlite_master").fetchone()
            return copy.execute(sql).fetchall() if has_tables else []


def journaled(data_dir: Path) -> frozenset[Call]:
    """The calls whose answers the journal holds."""
    searches = look(data_dir, "SELECT query, page FROM searches")
    exif = look(data_dir, "SELECT photo_id FROM exif")
    windows = {("flickr.photos.search", f"{str(query).rpartition('/')[0]}/{page}") for query, page in searches}
    return frozenset(windows | {("flickr.photos.getExif", str(photo_id)) for (photo_id,) in exif})


def _phase(data_dir: Path) -> str:
    match look(data_dir, "SELECT rounds, done FROM months"):
        case []:
            return "start"
        case [(0, _)]:
            return "windows"
        case [(_, 0)]:
            return "exif"
        case _:
            return "build"


def _trigger(share: float, draw: Random, sandbox: Sandbox, data_dir: Path) -> Callable[[], bool]:
    """When to kill a life, `share` of the kills being done: after a moment or some calls, in the end in the build."""
    if share >= 3 / 4:
        return lambda: _writes(data_dir)
    if draw.random() < 0.2:
        moment = time.monotonic() + draw.uniform(0, STARTING)
        return lambda: time.monotonic() >= moment
    # Few calls as often as many: both the first steps and the later ones are met.
    enough = len(sandbox.calls) + round(math.exp(draw.uniform(0, math.log(80))))
    return lambda: len(sandbox.calls) >= enough or _writes(data_dir)


def _writes(data_dir: Path) -> bool:
    return any((data_dir / "flickrexif").glob("**/.*.tmp"))


def crawl_killed(sandbox: Sandbox, data_dir: Path, kills: int, draw: Random) -> list[Kill]:
    """Crawl into `data_dir`, killed `kills` times, then to its end."""
    survived: list[Kill] = []
    while len(survived) < kills:
        process = crawl_process(sandbox.endpoint, data_dir)
        trigger = _trigger(len(survived) / kills, draw, sandbox, data_dir)
        while process.poll() is None and not trigger():
            time.sleep(0.001)
        time.sleep(draw.uniform(0, LATENCY))
        process.kill()
        code, errors = finish(process)
        assert code in (0, -SIGKILL), errors
        if code:  # otherwise it was faster
            survived.append(Kill(_phase(data_dir), journaled(data_dir), len(sandbox.calls)))
    code, errors = crawled(sandbox.endpoint, data_dir)
    assert code == 0, errors
    return survived


def repeated(kills: Sequence[Kill], calls: Sequence[tuple[str, Mapping[str, str]]]) -> list[Call]:
    """The calls made again after a kill although the journal held their answer: there must be none."""
    return [call for kill in kills for call in photo_calls(calls[kill.answered :]) if call in kill.journaled]
