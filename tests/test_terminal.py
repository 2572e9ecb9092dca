"""Long commands on a real terminal: a bar that moves, lines about waiting, Ctrl-C, and the same command again.

Of each command the state is saved, the sentence says what to type, and the second run ends with what a run that nobody
touched ends with.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

import flickrexif
from flickrexif.collectors.sandbox.server import Sandbox
from tests.crashes import output_files
from tests.folders import hashes
from tests.hub import Hub, serving
from tests.pushing import REPO, TOKEN, USERS, local, make, remote
from tests.samples import DATA, write_image_folder
from tests.suite_data import records
from tests.test_crash import Painted

ROOT = Path(__file__).parents[1]
SENTENCE = r"flickrexif: Interrupted; what was (done is saved|uploaded is kept)\. Run the same command again to go on\."
MONTH = "2024-08"
WAIT = 300  # seconds for what is expected to come, on a machine that is busy


def terminal(folder: Path, *arguments: object, **environ: str) -> Any:
    """The command on a terminal of its own, 120 columns wide, in `folder`."""
    given = {name: os.environ[name] for name in ("PATH", "XDG_STATE_HOME", "OMP_NUM_THREADS") if name in os.environ}
    return pexpect.spawn(
        sys.executable,
        ["-m", "flickrexif", *map(str, arguments)],
        cwd=folder,
        env={**given, "HOME": str(folder), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **environ},
        dimensions=(40, 120),
        encoding="utf-8",
        timeout=WAIT,
    )


def ended(command: Any) -> tuple[int, str]:
    """The exit code, and what came to the screen after what was expected last."""
    command.expect(pexpect.EOF)
    command.close()
    return command.exitstatus, command.before


def interrupted(command: Any, sign: str) -> None:
    """Ctrl-C when `sign` is on the screen: the sentence comes last, and nothing of Python."""
    command.expect(sign)
    command.sendintr()
    code, screen = ended(command)
    assert code == 130, screen
    assert re.search(f"{SENTENCE}$", screen.rstrip()), screen
    assert "Traceback" not in screen


@dataclass(frozen=True)
class Long:
    """A long command: what is typed, what the screen shows when it is half done and when it is done, what it makes."""

    typed: str
    half: str
    done: str
    made: Callable[[Path], Any]


def images(folder: Path) -> Any:
    return {name: content for name, content in hashes(folder / "out").items() if not name.startswith(".flickrexif")}


def embeddings(folder: Path) -> Any:
    return {name: content for name, content in hashes(folder / "data/embeddings").items() if ".lock" not in name}


SOME = r"[1-9]\d*/\d+ "
EMBED = "embed --dataset images --encoder control:dct --on-the-fly resizing --batch-size 4"
EVAL = "eval knn --dataset images --encoder control:dct --encoder control:colour --set parameter=resizing"
COMMANDS = {
    "label": Long("label photos --out data/mine --images copy", SOME, "400/400 ", lambda f: hashes(f / "data/mine")),
    "simulate": Long("simulate out --train 8 --val 4", SOME, "228/228 ", images),
    "pairs simulate": Long("pairs simulate out --pairs 8", SOME, "8/8 ", images),
    "process": Long("process images --parameter resizing --out out --workers 1", SOME, "100%", images),
    "embed": Long(EMBED, SOME, "100%", embeddings),
    "eval": Long(EVAL, r" [1-9]\d?%", "100%", lambda f: records(f / "data")),
}
AGAIN = ("label", "process")  # tried again on a terminal too; the others in this process, which costs less


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_image_folder(folder / "images", classes=3, train=12, val=6)
    (folder / "photos").mkdir()
    photo = min((DATA / "photos").glob("*.jpg"), key=lambda path: path.stat().st_size).read_bytes()
    for number in range(400):
        (folder / f"photos/{number:03}.jpg").write_bytes(photo)
    return folder


def in_folder(folder: Path, inputs: Path) -> Path:
    folder.mkdir()
    for path in inputs.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_stopped_by_ctrl_c_it_goes_on(
    name: str, inputs: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = COMMANDS[name]
    folder, whole = in_folder(tmp_path / "stopped", inputs), in_folder(tmp_path / "whole", inputs)
    monkeypatch.chdir(whole)
    assert run(*command.typed.split())[0] == 0
    interrupted(terminal(folder, *command.typed.split()), command.half)
    monkeypatch.chdir(folder)
    if name in AGAIN:
        again = terminal(folder, *command.typed.split())
        again.expect(command.done)
        assert ended(again)[0] == 0
    else:
        assert run(*command.typed.split())[0] == 0
    assert command.made(folder) == command.made(whole)


# --- commands that call a server


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(Painted(0, 2_000), latency=0.02) as running:
        yield running


def crawl(server: Sandbox, *more: str) -> list[str]:
    options = f"--month {MONTH} --endpoint {server.endpoint} --target 40 --minimum 20 --images large"
    return ["crawl", *options.split(), *more]


def test_a_crawl_and_a_refresh_go_on(
    server: Sandbox, tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    assert run(*crawl(server))[0] == 0
    interrupted(terminal(tmp_path / "stopped", *crawl(server)), r"[1-9]\d?/40 ")
    again = terminal(tmp_path / "stopped", *crawl(server))
    again.expect("40/40 ")
    assert ended(again)[0] == 0
    assert output_files(tmp_path / "stopped/data") == output_files(tmp_path / "whole/data")
    refresh = ["refresh", "--month", MONTH, "--endpoint", server.endpoint, "--older-than", "0"]
    interrupted(terminal(tmp_path / "stopped", *refresh), r"[1-9]\d?/40 ")
    for folder in ("stopped", "whole"):
        monkeypatch.chdir(tmp_path / folder)
        assert run(*refresh)[0] == 0
    assert output_files(tmp_path / "stopped/data") == output_files(tmp_path / "whole/data")


def test_a_wait_says_what_for_and_how_long_and_ends_at_once(server: Sandbox, tmp_path: Path) -> None:
    interrupted(terminal(tmp_path, *crawl(server, "--calls-per-hour", "2")), r"Waiting .*\d")


def test_publishing_sends_what_is_missing(tmp_path: Path) -> None:
    make(tmp_path / "flickrexif", tmp_path / "store", {"2024-07": [1, 2], "2024-08": [3, 4]})
    with serving(Hub(USERS, stall=1)) as hub:
        environ = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0"}
        publish = ("publish", "flickrexif", "--repo", REPO)
        first = terminal(tmp_path, *publish, **environ)
        assert hub.stalled.wait(WAIT)
        interrupted(first, "files to send")
        hub.stall = None
        assert ended(terminal(tmp_path, *publish, **environ))[0] == 0
        assert remote(hub) == local(tmp_path / "flickrexif")


def test_quiet_shows_no_bar(inputs: Path, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "quiet", inputs)
    code, screen = ended(terminal(folder, "label", "photos", "--out", "data/mine", "-q"))
    assert (code, "%" in screen) == (0, False)
    assert "400 photos labelled" in screen
    assert flickrexif.load_dataset("mine", "labels", data_dir=folder / "data").num_rows == {"train": 400}
