"""Whether commands survive what a machine can do to them, and end as if nothing had happened.

    python -m benchmarks.torture [--kills 500] [--seed 0] [--commands crawl,embed]

Each command is run once undisturbed. Then again and again in a fresh copy of what it had: ended by SIGKILL, SIGTERM or
SIGINT at random instants, several times in a row, with a clock that jumps and servers that fail; on a disk that is full
or cannot be written (a small tmpfs, where mounting is allowed); twice at once. At the end it is let through, and must
leave the same files; what it says on the way are sentences.
"""

import argparse
import hashlib
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.draws import rng
from flickrexif.core.folder import STATE
from tests.hub import Hub, serving
from tests.hub_repo import User
from tests.samples import DATA
from tests.test_crash import Painted

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PRELOADED = [f"flickrexif.commands.{name}" for name in ("crawl", "evaluate", "fetch", "labels", "merge", "process")]
PRELOADED += ["flickrexif.commands.publish", "flickrexif.commands.takedown", "flickrexif.cli", "datasets", "torch"]
TOKEN = "hf_torturetorture"
DONE = (0, 3)
REFUSED = (1, 2)
INTERRUPTED = 130
IN_A_ROW = 12  # kills at most, before a command is let through
JUMP = 1_200.0  # seconds that the clock is off, at most
PATIENCE = 300.0  # seconds
SPACE = "256m"
CRAWL = "crawl --minimum 0 --images large --endpoint {endpoint}"
COMMANDS = {
    "crawl": f"{CRAWL} --month 2024-08 --target 20 --data-dir fresh",
    "label": "label photos --out data/mine --images copy",
    "fetch": "fetch data/flickrexif --out data/published",
    "process": "process data/flickrexif --variant sharpen_2 --variant jpeg75_420 --workers 1",
    "embed": "embed --dataset flickrexif --encoder control:colour --encoder control:dct --device cpu",
    "eval": "eval neighbors --encoder control:colour --device cpu",
    "publish": "publish data/flickrexif --repo jo/photos",
    "merge": "merge data other --data-dir both",
    "refresh": "refresh --older-than 0 --endpoint {endpoint}",
    "forget": "forget --photo {first} --photo {second} --reason asked",
}
UNSET = ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS", "FLICKREXIF_DATA")
ENVIRON = (*UNSET, "XDG_STATE_HOME", "HF_HOME", "HF_TOKEN", "HF_HUB_DISABLE_XET", "HF_ENDPOINT", "FLICKREXIF_CONTACT")
OF_FLICKR = ("crawl", "fetch", "refresh")
GONE = {"image-deleted": 0.2}  # photos that `refresh` learns of
HUB_FAILS = ("preupload", "commit", "refs", "tree", "objects/batch")
JOURNAL = (
    "SELECT photo_id, verdict, passed_over FROM candidates ORDER BY photo_id",
    "SELECT photo_id FROM exif ORDER BY photo_id",
    "SELECT photo_id, reason, sha256 FROM images ORDER BY photo_id",
)

Outcome = dict[str, str]  # file -> digest of what it holds


@dataclass
class Bench:
    """The servers, the folder `work` that commands run in, and the `template` it is copied from."""

    sandbox: Sandbox
    hub: Hub
    scratch: Path
    context: ForkServerContext
    names: Mapping[str, object] = field(default_factory=dict)  # in the commands
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def work(self) -> Path:
        """The folder of the command that runs."""
        return self.scratch / "work"

    @property
    def log(self) -> Path:
        """What the command that runs has printed."""
        return self.scratch / "log"

    def start(self, command: str, shift: float = 0.0) -> BaseProcess:
        """Start a command in `work`; its clock is off by `shift` seconds. Returns when its program begins."""
        ours, theirs = self.context.Pipe(duplex=False)
        words = command.format(endpoint=self.sandbox.endpoint, **self.names).split()
        environ = {name: os.environ.get(name) for name in ENVIRON}
        process = self.context.Process(target=_live, args=(words, self.work, self.log, environ, shift, theirs))
        process.start()
        theirs.close()
        ours.recv()
        return process

    def end(self, process: BaseProcess, allowed: Sequence[int]) -> int:
        """Wait for a command; its exit code, which is one of `allowed`. What it printed has no traceback."""
        process.join(PATIENCE)
        said = self.log.read_text(errors="replace")
        code = process.exitcode
        assert code in allowed, f"exit code {code}, not one of {allowed}: {said[-3_000:]}"
        assert "Traceback" not in said, said[-3_000:]
        self.log.write_text("")
        return int(code or 0)

    def let_through(self, command: str) -> float:
        """Run a command to its end; seconds that it took."""
        begun = time.monotonic()
        self.end(self.start(command), DONE)
        return time.monotonic() - begun

    @contextmanager
    def fresh(self, space: str = "") -> Iterator[None]:
        """A copy of the template in `work`, on a disk of its own where `space` is given."""
        self.hub.repos.clear()
        self.sandbox.faults = Faults(GONE)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        try:
            if space:
                _mount(self.work, "none", "-t", "tmpfs", "-o", f"size={space}")
            shutil.copytree(self.scratch / "template", self.work, dirs_exist_ok=True)
            yield
        finally:
            if space:
                subprocess.run(["umount", "-l", self.work], check=True)

    def outcome(self) -> Outcome:
        """What is there: all files but locks, a journal by its rows, a list of takedowns by its length, the Hub's."""
        files = {path.relative_to(self.work).as_posix(): path for path in self.work.rglob("*") if path.is_file()}
        of_disk = {name: _digest(path) for name, path in files.items() if not _is_passing(path)}
        of_hub = self.hub.files("jo/photos") if self.hub.repos else {}
        return of_disk | {f"hub/{name}": hashlib.sha256(content).hexdigest() for name, content in of_hub.items()}


def _live(
    words: list[str], work: Path, log: Path, environ: Mapping[str, str | None], shift: float, begun: object
) -> None:
    """A command, in a process of its own."""
    from flickrexif import cli

    os.chdir(work)
    for name, value in environ.items():  # the server that forks may be an older one
        os.environ.pop(name, None)
        os.environ |= {name: value} if value is not None else {}
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    now = time.time
    time.time = lambda: now() + shift
    sys.argv = ["flickrexif", *words]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as while a program starts
    begun.send(None)  # type: ignore[attr-defined]
    try:
        cli.main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what follows is multiprocessing's


def _mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", *options, folder], check=True, capture_output=True)


def _is_passing(path: Path) -> bool:
    return STATE in path.parts or path.name.endswith(("-wal", "-shm")) or "__pycache__" in path.parts


def _digest(path: Path) -> str:
    if path.name == "takedowns.csv":
        return str(len(path.read_text().splitlines()))
    if path.suffix != ".sqlite":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    with closing(sqlite3.connect(path)) as db:
        return hashlib.sha256(repr([db.execute(rows).fetchall() for rows in JOURNAL]).encode()).hexdigest()


# --- what is done to a command


def undisturbed(bench: Bench, command: str) -> tuple[Outcome, float]:
    """What two runs that nobody disturbs agree on (a file that differs, by its name alone), and how long one takes."""
    outcomes, seconds = [], PATIENCE
    for _ in range(2):
        with bench.fresh():
            seconds = min(seconds, bench.let_through(command))
            outcomes.append(bench.outcome())
    first, second = outcomes
    assert first.keys() == second.keys()
    return {name: digest if second[name] == digest else "" for name, digest in first.items()}, seconds


def assert_same(bench: Bench, expected: Outcome) -> None:
    """The files are those of an undisturbed run."""
    outcome = bench.outcome()
    assert outcome.keys() == expected.keys(), outcome.keys() ^ expected.keys()
    assert [name for name, digest in expected.items() if digest and digest != outcome[name]] == []


def killed(bench: Bench, name: str, expected: Outcome, seconds: float, most: int, draw: Random) -> tuple[int, float]:
    """End a command up to `most` times, then let it through; how often it was ended before it was done.

    And how long it takes now, where it was done: a busy machine may have become quiet.
    """
    command, kills = COMMANDS[name], 0
    with bench.fresh():
        if name in OF_FLICKR and draw.random() < 0.5:
            bench.sandbox.faults = Faults({"429": 0.02, "500": 0.02, "drop": 0.02, "image-429": 0.05, **GONE})
            bench.counts["with a server that fails"] += 1
        for _ in range(draw.randint(1, min(IN_A_ROW, most))):
            bench.hub.out_of_order = draw.choice(HUB_FAILS) if name == "publish" and draw.random() < 0.5 else ""
            number, shift = draw.choice(SIGNALS), draw.choice((0.0, draw.uniform(-JUMP, JUMP)))
            process, begun = bench.start(command, shift), time.monotonic()
            process.join(seconds * draw.random() ** 2)  # what is nearly done is soon done
            if process.pid and process.is_alive():
                os.kill(process.pid, number)
            fails = REFUSED if name == "publish" else ()
            code = bench.end(process, (*DONE, *fails, INTERRUPTED, -number))
            bench.counts["jumps of the clock"] += shift != 0
            if code in DONE:
                seconds = min(seconds, time.monotonic() - begun)
                break
            if code in (INTERRUPTED, -number):
                kills += 1
                bench.counts[number.name] += 1
        bench.hub.out_of_order = ""
        bench.let_through(command)
        assert_same(bench, expected)
    return kills, seconds


def full(bench: Bench, name: str, expected: Outcome, draw: Random) -> None:
    """A disk with too little space, and one that cannot be written; then enough."""
    before = sum(path.stat().st_size for path in (bench.scratch / "template").rglob("*") if path.is_file())
    with bench.fresh(SPACE):
        bench.let_through(COMMANDS[name])
        after = sum(path.stat().st_size for path in bench.work.rglob("*") if path.is_file())
    for kind in ("full", "read-only"):
        with bench.fresh(SPACE):
            used = sum(path.stat().st_blocks for path in bench.work.rglob("*")) * 512
            size = used + round(draw.uniform(0, max(after - before, 50_000)))
            _mount(bench.work, "-o", f"remount,size={size}" if kind == "full" else "remount,ro")
            code = bench.end(bench.start(COMMANDS[name]), (*DONE, *REFUSED))
            bench.counts[f"{kind}: {'refused' if code in REFUSED else 'done'}"] += 1
            _mount(bench.work, "-o", f"remount,rw,size={SPACE}")
            bench.let_through(COMMANDS[name])
            assert_same(bench, expected)


def twice(bench: Bench, name: str, expected: Outcome, seconds: float, draw: Random) -> None:
    """Two at once: right, or refused."""
    with bench.fresh():
        first = bench.start(COMMANDS[name])
        time.sleep(draw.uniform(0, seconds))
        second = bench.start(COMMANDS[name])
        codes = [bench.end(process, (*DONE, *REFUSED)) for process in (first, second)]
        assert any(code in DONE for code in codes)
        bench.counts["twice at once"] += 1
        bench.let_through(COMMANDS[name])
        assert_same(bench, expected)


# --- the run


@contextmanager
def prepared(scratch: Path) -> Iterator[Bench]:
    """A bench with two crawls and a folder of photos."""
    (scratch / "template").mkdir()
    (scratch / "log").touch()
    settings = {
        "XDG_STATE_HOME": scratch / "state",
        "HF_HOME": scratch / "hf",
        "HF_TOKEN": TOKEN,
        "HF_HUB_DISABLE_XET": 1,
        "FLICKREXIF_CONTACT": "me@example.org",
    }
    os.environ |= {name: str(value) for name, value in settings.items()}
    for name in UNSET:
        os.environ.pop(name, None)
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(Painted(0, 600)))
        hub = stack.enter_context(serving(Hub(users={TOKEN: User("jo")})))
        os.environ["HF_ENDPOINT"] = hub.endpoint
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, *PRELOADED])
        bench = Bench(sandbox, hub, scratch, context)
        with bench.fresh():
            shutil.copytree(DATA / "photos", bench.work / "photos")
            sandbox.faults = None
            bench.let_through(f"{CRAWL} --month 2024-08 --target 24")
            bench.let_through(f"{CRAWL} --month 2024-07 --target 10 --data-dir other")
            shutil.rmtree(scratch / "template")
            bench.work.rename(scratch / "template")
        ids = sorted(path.stem for path in (scratch / "template/data").rglob("*.jpg"))
        bench.names = {"first": ids[0], "second": ids[-1]}
        yield bench


def can_mount(scratch: Path) -> bool:
    """Whether this user may mount a small disk."""
    (scratch / "mount").mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", scratch / "mount"], capture_output=True)
    if done.returncode == 0:
        subprocess.run(["umount", scratch / "mount"], check=True)
    return done.returncode == 0


def torture(bench: Bench, name: str, kills: int, draw: Random, *, disks: bool) -> str:
    """Do all of it to one command; what came of it."""
    expected, seconds = undisturbed(bench, COMMANDS[name])
    done = runs = 0
    while done < kills:
        more, seconds = killed(bench, name, expected, seconds, kills - done, draw)
        done, runs = done + more, runs + 1
        print(f"{name}: {done} of {kills} kills", file=sys.stderr, flush=True)
    if disks:
        full(bench, name, expected, draw)
    twice(bench, name, expected, seconds, draw)
    compared = sum(map(bool, expected.values()))
    return f"{name}: {done} kills in {runs} runs of {seconds:.1f} s, {compared} of {len(expected)} files by their bytes"


def main() -> None:
    """Torture all commands, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    options = parser.parse_args()
    names = options.commands.split(",")
    with tempfile.TemporaryDirectory() as folder, prepared(Path(folder)) as bench:
        disks = can_mount(Path(folder))
        for name in names:
            kills = -(-options.kills // len(names))
            print(torture(bench, name, kills, rng(options.seed, "torture", name), disks=disks), flush=True)
        print(", ".join(f"{what} {count}" for what, count in sorted(bench.counts.items())))


if __name__ == "__main__":
    main()
