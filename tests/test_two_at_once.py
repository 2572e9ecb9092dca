"""Two commands at once over one data folder: every pair of commands that write, in both orders.

The first is a process of its own that stops itself once it holds the folder; then all others are tried, then it goes
on to its end.
"""

import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

import flickrexif
from flickrexif import cli
from flickrexif.cards import check_card
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core import folder
from tests.hub import Hub, serving
from tests.hub_repo import User
from tests.test_crash import Painted

TOKEN = "hf_twotwotwotwo"
MEASURED = "--encoder control/colour --embeddings data/embeddings --dataset FlickrExif --device cpu"
COMMANDS = {
    "crawl": "--month 2024-08 --target 26 --minimum 0 --images large --endpoint {endpoint}",
    "build": "",
    "label": "shots --out data/mine",
    "fetch": "data/flickrexif --out data/published --limit 2",
    "splits": "--protocol proportional --attribute Make --min-photos 3",
    "process": "data/flickrexif --variant sharpen_2 --workers 1",
    "simulate": "data/labelled-{first} --train 1 --val 1",
    "pairs simulate": "data/more-{first} --pairs 1",
    "pairs plan": "shots --page sheet",
    "pairs check": "shots --page sheet",
    "pairs build": "shots",
    "embed": "--dataset flickrexif --encoder control:random --device cpu",
    "merge-shards": "",
    "eval neighbors": f"{MEASURED} --set k=3 --out elsewhere.json",
    "eval tsne": f"{MEASURED} --out data/results/tsne.json",
    "eval": "neighbors --encoder control:colour --device cpu",
    "report": "--formats svg",
    "card": "data/flickrexif",
    "browse": "data/flickrexif --photos 3",
    "publish": "data/flickrexif --repo jo/photos",
    "merge": "data other --data-dir both",
    "refresh": "--older-than 0 --endpoint {endpoint}",
    "forget": "--photo {photo} --reason asked",
}
BESIDE = {"embed", "eval neighbors", "eval tsne"}  # they take care of their own files
PRELOADED = [f"flickrexif.commands.{name}" for name in ("crawl", "evaluate", "labels", "merge", "pairs")]
PRELOADED += [f"flickrexif.commands.{name}" for name in ("process", "publish", "report", "takedown")]


class Place(NamedTuple):
    root: Path
    endpoint: str
    photo: int  # of the data set


def words(command: str, first: str, place: Place) -> list[str]:
    options = COMMANDS[command].format(endpoint=place.endpoint, photo=place.photo, first=first.replace(" ", "-"))
    return [*command.split(), *options.split()]


def run_and_stop(arguments: list[str], root: Path, log: Path) -> None:
    """Run a command; as soon as it holds the data folder it stops, until it gets SIGCONT."""
    os.chdir(root)
    hold = folder._writing

    @contextmanager
    def stopping(place: Path, *more: Any, **named: Any) -> Iterator[None]:
        with hold(place, *more, **named):
            if place.resolve() == (root / "data").resolve():
                os.kill(os.getpid(), signal.SIGSTOP)
            yield

    folder._writing = stopping
    sys.argv = ["flickrexif", *arguments]
    with log.open("w") as file, redirect_stdout(file), redirect_stderr(file):
        cli.main()


def is_stopped(process: BaseProcess) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextmanager
def holding(command: str, place: Place, log: Path) -> Iterator[BaseProcess]:
    """The command in a process that holds the folder; at the end it goes on and ends well."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *PRELOADED])
    process = context.Process(target=run_and_stop, args=(words(command, command, place), place.root, log))
    process.start()
    assert process.pid
    try:
        while not is_stopped(process):
            assert process.is_alive(), log.read_text()
            time.sleep(0.01)
        yield process
        os.kill(process.pid, signal.SIGCONT)
        process.join(60)
        assert process.exitcode in (0, 3), log.read_text()
    finally:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A data folder with something for every command, a server to crawl, and a Hub."""
    root = tmp_path_factory.mktemp("two")
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(Painted(0, 600)) as sandbox,
        serving(Hub(users={TOKEN: User("jo")})) as hub,
    ):
        for name in ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS", "FLICKREXIF_DATA"):
            patch.delenv(name, raising=False)
        patch.setenv("HF_ENDPOINT", hub.endpoint)
        patch.setenv("HF_TOKEN", TOKEN)
        patch.setattr(folder, "PATIENCE", 0.0)
        patch.chdir(root)
        flickrexif.crawl("2024-08", target=24, minimum=0, images="large", endpoint=sandbox.endpoint)
        flickrexif.crawl("2024-07", target=3, minimum=0, endpoint=sandbox.endpoint, data_dir="other")
        flickrexif.simulate_pairs("shots", pairs=2)
        flickrexif.embed("flickrexif", "control:colour", device="cpu")
        for shard in ("1/2", "2/2"):
            flickrexif.embed("flickrexif", "control:dct", device="cpu", shard=shard)
        flickrexif.evaluate("control:colour", tasks="neighbors", device="cpu")
        photos = pq.read_table("data/flickrexif/data", columns=["Flickr ID"])["Flickr ID"].to_pylist()
        yield Place(root, sandbox.endpoint, photos[0])


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and folder.STATE not in path.parts)
    return {path.relative_to(root).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def assert_whole(data: Path) -> None:
    """Every file can be read, none is unfinished, and nobody holds anything."""
    for path in data.rglob("*.parquet"):
        pq.ParquetFile(path).close()
    assert [path for path in data.rglob(".*.tmp") if path.is_file()] == []
    assert list((data / folder.STATE).rglob("*.json")) == []


@pytest.mark.parametrize("first", COMMANDS)
def test_the_second_is_right_or_refused(
    place: Place, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.chdir(place.root)
    with holding(first, place, tmp_path / "log") as process:
        before = snapshot(place.root)
        for second in COMMANDS:
            code, out, err = run(*words(second, first, place))
            if {first, second} <= BESIDE:
                assert code == 0, err
                before = snapshot(place.root)
                continue
            command = "eval" if first.startswith("eval ") else first
            said = f"flickrexif: `flickrexif {command}` (process {process.pid}, since "
            assert (code, out, err.count("\n")) == (2, "", 1), f"{second}: {err}"
            assert err.startswith(said), second
            assert re.search(r"\) is using .*(data|both)\. Wait until it ends, then try again\.\n$", err), second
            assert snapshot(place.root) == before, second
    assert_whole(place.root / "data")


def test_afterwards_every_card_is_that_of_its_data(place: Place) -> None:
    cards = sorted(place.root.glob("data/*/README.md"))
    assert len(cards) == 5  # the last is that of `fetch`
    assert {card.parent.name: check_card(card.parent) for card in cards} == {card.parent.name: [] for card in cards}


def test_every_command_that_writes_is_tried() -> None:
    """Those that are not read alone, or make nothing."""
    inner = {group.name: group.typer_instance for group in cli.app.registered_groups}
    names = [
        f"{prefix} {c.name or c.callback.__name__}" for prefix, app in inner.items() for c in app.registered_commands
    ]
    names += [command.name for command in cli.app.registered_commands]
    reading = {"status", "audit-splits", "encoders", "sandbox", "submit"}
    tried = {name if not name.startswith("eval ") else "eval" for name in COMMANDS}
    assert {"eval" if name.startswith("eval ") else name for name in names} - reading == tried
