"""One budget a key: its calls count together, whichever process makes them, for whichever data folder."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import pytest

from flickrexif.collectors.flickr.budget import CallsOfKey, key_file
from flickrexif.collectors.flickr.limiter import Limiter, Window
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import FlickrExifError, Interrupted, UsageError
from tests.clock import START, FakeClock
from tests.scripted_server import ScriptedServer
from tests.taking_turns import Killed, Process, World
from tests.test_limiter import most_in_any_interval
from tests.test_limiter import run as together
from tests.test_session import PERMITTED, Cameras
from tests.test_session import run as crawl_here

KEY = "0123456789abcdef0123456789abcdef"
YEAR = 365 * 86_400.0  # seconds
HOURLY, PACE = Window(20, 3_600.0), Window(3, 10.0)


def ignore(time: float) -> None:
    pass


# --- whose budget it is ----------------------------------------------------------------------------------------


def test_all_hosts_of_flickr_are_one_budget_and_every_other_server_has_its_own(state: Path) -> None:
    flickr = {key_file(KEY, f"{scheme}://{host}/services/rest/") for scheme in ("http", "https") for host in FLICKR}
    assert flickr == {key_file(KEY, FLICKR_ENDPOINT)}
    others = ["http://127.0.0.1:8600/", "http://127.0.0.1:8601/", "http://notflickr.com/", "http://flickr.com.example/"]
    files = {key_file(KEY, endpoint) for endpoint in others}
    assert len(files | flickr) == 5
    assert key_file(KEY, "http://127.0.0.1:8600/rest") in files
    assert key_file(KEY, "https://a.example/") == key_file(KEY, "https://A.example:443/x")
    assert key_file(KEY[::-1], FLICKR_ENDPOINT) not in files | flickr
    assert all(path.is_relative_to(state) for path in files | flickr)


FLICKR = ("api.flickr.com", "www.flickr.com", "flickr.com", "API.Flickr.com", "api.flickr.com.", "api.flickr.com:443")


def test_the_key_is_nowhere_in_the_state_folder_and_others_cannot_read_it(state: Path) -> None:
    before = os.umask(0)
    try:
        CallsOfKey(key_file(KEY, FLICKR_ENDPOINT)).book([HOURLY], 0.0, time.time)
    finally:
        os.umask(before)
    (path,) = (path for path in state.rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KEY not in str(path)
    assert KEY.encode() not in path.read_bytes()


def test_without_a_limit_no_file_is_written(state: Path, tmp_path: Path) -> None:
    with Sandbox(Cameras(PERMITTED)) as sandbox:
        assert crawl_here(tmp_path, sandbox) == [5]
    assert list(state.iterdir()) == []


# --- a simulated year ------------------------------------------------------------------------------------------


class Crawls:
    """The life of a process: crawls around the times of `bursts`, each with a limiter of its own; many are killed.

    It notes the times of its calls, and the pauses that the server asked for (from, until).
    """

    def __init__(self, path: Path, bursts: list[float], seed: int) -> None:
        self.path, self.bursts, self.draw = path, bursts, random.Random(seed)
        self.called, self.pauses = list[float](), list[tuple[float, float]]()

    def live(self, process: Process) -> None:
        for burst in self.bursts:
            process.dies = float("inf")
            process.sleep(max(burst + self.draw.uniform(0, 1_800) - process.now(), 1.0))
            if self.draw.random() < 0.4:
                process.dies = process.now() + self.draw.uniform(0, 5_400)
            with suppress(Killed):
                self.crawl(process, Limiter([HOURLY, PACE], process, CallsOfKey(self.path)))

    def crawl(self, process: Process, limiter: Limiter) -> None:
        for _ in range(self.draw.randint(1, 16)):
            limiter.acquire(self.call)
            process.sleep(self.draw.uniform(0.05, 2))  # until the answer
            chance = self.draw.random()
            if chance < 0.02:
                seconds = self.draw.choice([30.0, 600.0, 3_600.0])
                self.pauses.append((process.now(), process.now() + seconds))
                limiter.pause_key(seconds)
            elif chance < 0.1:
                limiter.pause(self.draw.uniform(0, 60))

    def call(self, time: float) -> None:
        if self.draw.random() < 0.02:  # booked, and killed before it left
            raise Killed
        self.called.append(time)


def a_year(seed: int, files: int) -> tuple[list[float], list[tuple[float, float]]]:
    """The calls and pauses of three data folders with two processes each, which count in so many files."""
    world = World(seed)
    bursts = sorted(START + world.random.uniform(0, YEAR) for _ in range(40))
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the disk would take most of the time
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        processes = [Crawls(Path(folder, f"{n % files}.sqlite"), bursts, 6 * seed + n) for n in range(6)]
        world.run(*(process.live for process in processes))
    return sorted(time for p in processes for time in p.called), [pause for p in processes for pause in p.pauses]


def inside(called: list[float], pauses: list[tuple[float, float]]) -> list[float]:
    """The calls within a pause."""
    return [time for time in called if any(asked < time < until for asked, until in pauses)]


@pytest.mark.parametrize("seed", range(3))
def test_in_a_year_no_hour_is_over_the_limit_and_no_call_is_inside_a_pause(seed: int) -> None:
    called, pauses = a_year(seed, files=1)
    assert called[-1] - called[0] > YEAR / 2
    assert len(called) > 1_000
    assert len(pauses) > 10
    for window in (HOURLY, PACE):
        assert most(called, window.seconds) == window.calls  # so many, and never more
    assert inside(called, pauses) == []


def test_with_a_budget_a_folder_the_same_year_breaks_both() -> None:
    called, pauses = a_year(0, files=3)
    assert most(called, HOURLY.seconds) > 2 * HOURLY.calls
    assert inside(called, pauses)


def most(called: list[float], seconds: float) -> int:
    """As `most_in_any_interval`, for many: by exact times, each with those that follow it closely."""
    exact = sorted(map(Fraction, called))
    return max(bisect_left(exact, start + Fraction(seconds)) - index for index, start in enumerate(exact))


def test_both_ways_to_count_agree() -> None:
    times = [random.Random(0).uniform(0, 100) for _ in range(60)]
    assert [most(times, n) for n in (1, 7, 50)] == [most_in_any_interval(times, n) for n in (1, 7, 50)]


# --- threads and memory ----------------------------------------------------------------------------------------


def test_threads_of_two_crawls_share_the_budget(tmp_path: Path) -> None:
    clock, calls, recorded = FakeClock(), CallsOfKey(tmp_path / "key.sqlite"), []
    limiters = [Limiter([Window(7, 100.0)], clock, calls) for _ in range(2)]

    def work(limiter: Limiter) -> None:
        for _ in range(5):
            limiter.acquire(recorded.append)

    together([lambda limiter=limiter: work(limiter) for limiter in limiters * 4])
    assert len(recorded) == 40
    assert most_in_any_interval(recorded, 100.0) == 7


def test_calls_older_than_an_hour_leave_the_file(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "key.sqlite"
    limiter = Limiter([Window(40, 3_600.0)], clock, CallsOfKey(path))
    for _ in range(150):
        limiter.acquire(ignore)
        clock.time += 60
    ((count, oldest),) = look(path, "SELECT COUNT(*), MIN(at) FROM calls")
    assert count == 40
    assert oldest >= clock.time - 60 - 3_600


def look(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def test_a_higher_limit_beside_a_lower_one_sees_all_calls(tmp_path: Path) -> None:
    clock, calls, times = FakeClock(), CallsOfKey(tmp_path / "key.sqlite"), []
    low, high = (Limiter([Window(n, 3_600.0)], clock, calls) for n in (2, 5))
    for limiter in (low, high, low, high, high):  # the low one waits for its hour
        limiter.acquire(times.append)
    assert [time - START for time in times] == pytest.approx([0, 0, 3600, 3600, 3600], rel=0, abs=1e-4)


# --- what is wrong with the file or its folder -----------------------------------------------------------------


def spoil(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def cut(path: Path) -> None:
    CallsOfKey(path).book([HOURLY], 0.0, time.time)
    path.write_bytes(path.read_bytes()[:5_000])


def of_others(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE calls (something TEXT)")
        db.execute("CREATE TABLE pause (something TEXT)")


@pytest.mark.parametrize("damage", [lambda path: spoil(path, b"no database at all" * 99), cut, of_others])
def test_a_damaged_file_is_named_with_what_to_type(state: Path, damage: Callable[[Path], None]) -> None:
    path = key_file(KEY, FLICKR_ENDPOINT)
    damage(path)
    limiter = Limiter([HOURLY], FakeClock(), CallsOfKey(path))
    for act in (lambda: limiter.acquire(ignore), lambda: limiter.pause_key(9)):
        with pytest.raises(
            FlickrExifError, match=r"counts the calls of the API key, is damaged\. .* type: rm "
        ) as error:
            act()
        assert error.value.hint.endswith(f"rm {path}")
    path.unlink()
    limiter.acquire(ignore)


@pytest.mark.parametrize("where", ["a file", "no folder"])
def test_a_state_folder_that_cannot_be_written_is_one_sentence_before_any_call(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    place = tmp_path / "state"
    place.write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(place if where == "a file" else "/proc/none"))
    with Sandbox(Cameras(PERMITTED)) as sandbox:
        options = ("--endpoint", sandbox.endpoint, "--data-dir", tmp_path / "data", "--calls-per-hour", 9)
        code, _, errors = run("crawl", "--month", "2024-08", *options)
        assert sandbox.attempts == 0
    assert code == 2
    (line,) = errors.splitlines()
    assert "The calls of the API key cannot be counted" in line
    assert "flickrexif/keys" in line
    assert "set XDG_STATE_HOME" in line


def test_a_user_without_a_home_folder_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(UsageError, match=r"cannot be counted, as this user has no home folder\. Set XDG_STATE_HOME"):
        key_file(KEY, FLICKR_ENDPOINT)


# --- real processes --------------------------------------------------------------------------------------------

WAITS = r"Waiting (0:59:\d\d|1:00:00): "


@contextmanager
def crawls_of(endpoint: str, *folders: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """A `flickrexif crawl` into each folder, all at once; those that still run are killed at the end."""
    processes = []
    with ExitStack() as stack:
        for folder in folders:
            command = [sys.executable, "-m", "flickrexif", "crawl", "--month", "2024-08", "--target", "30"]
            command += ["--endpoint", endpoint, "--data-dir", str(folder), "--calls-per-hour", "12"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.callback(end, process)
            processes.append(process)
        yield processes


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_three_crawls_at_once_make_no_more_calls_than_one_may(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    with Sandbox(Cameras(PERMITTED)) as sandbox:
        with crawls_of(sandbox.endpoint, *folders) as (first, second, third):
            for process in (first, second, third):
                said = WAITS + "the key has made its calls of this hour, here or in other crawls"
                assert re.match(said, process.stderr.readline())
            first.send_signal(signal.SIGINT)
            assert first.wait(60) == 130
            third.kill()
            assert second.poll() is None
        for folder in (*folders, tmp_path / "d"):  # a set `stop` ends a crawl where it would wait
            with pytest.raises(Interrupted):
                crawl_here(folder, sandbox, calls_per_hour=12, stop=True)
        assert sandbox.attempts == 12


def test_a_pause_that_the_server_asks_for_outlives_the_process(tmp_path: Path) -> None:
    with ScriptedServer((429, {"Retry-After": "3600"}, b"")) as server:
        for folders in ("a", "ab"):
            with crawls_of(server.endpoint, *(tmp_path / name for name in folders)) as processes:
                for process in processes:  # killed while they wait
                    assert re.match(WAITS + "the server asked for a pause", process.stderr.readline())
        assert len(server.requests) == 1
