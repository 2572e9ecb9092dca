"""The command line: every bad input is one sentence and an exit code, and stdout holds data alone.

docs/cli.md is the help text of every command; `python -m tests.test_cli` writes it anew.
"""

import json
import logging
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

import flickrexif
from flickrexif import cli
from flickrexif.collectors.month import FIRST_MONTH
from flickrexif.collectors.sandbox import oauth
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from tests.folders import hashes
from tests.scripted_server import KEY, SECRET, closed_port
from tests.test_images import Pictures
from tests.test_session import PERMITTED, Cameras

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "cli.md"
ENTRY = "import sys; sys.argv[0] = 'flickrexif'; from flickrexif.__main__ import main; main()"
MONTH = "2024-08"
CRAWL = ("crawl", "--month", MONTH, "--target", "20", "--minimum", "5")


class Done(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


class Usable(Pictures, Cameras):
    """Forty photos of one month, each by its own photographer and with a camera and an image."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Usable(PERMITTED)) as running:
        yield running


@pytest.fixture(autouse=True)
def plain_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key, no data folder of the user, and the handlers that `main` sets put back."""
    for name in ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS", "FLICKREXIF_DATA", "FLICKREXIF_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `flickrexif` with the arguments given. What `main` does not catch fails the test."""

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["flickrexif", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    return command


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(f"a connection was tried: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def one_sentence(done: Done, code: int, said: str) -> None:
    """Nothing on stdout, one line on stderr that says so, and this exit code."""
    assert re.search(said, done.err), done.err
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert done.err.startswith("flickrexif: ")


# --- what was typed --------------------------------------------------------------------------------------------

NOT_TYPED_RIGHT = {
    "no such month": ("crawl --month 2024-13", r"'2024-13' is no month\. Write it as YYYY-MM"),
    "no month at all": ("crawl --month x", r"'x' is no month\. Write it as YYYY-MM"),
    "a day": ("crawl --month 2024-08-01", "'2024-08-01' is no month"),
    "from after to": (
        "crawl --from 2024-09 --to 2024-08",
        r"after --to 2024-08\. Swap them: --from 2024-08 --to 2024-09",
    ),
    "a bad span": ("crawl --from 2024-00 --to 2024-08", "'2024-00' is no month"),
    "month and span": ("crawl --month 2024-08 --from 2024-01", "both given. Give one of them"),
    "month and end": ("crawl --month 2024-08 --to 2024-09", "both given. Give one of them"),
    "neither": ("crawl", r"No month was given\. Type --month 2024-08, or --from"),
    "in the future": ("crawl --month 2024-08 --month 2124-08", "2124-08 is in the future"),
    "span into the future": ("crawl --from 2024-08 --to 2124-08 --dry-run", "2124-08 is in the future"),
    "licence": ("crawl --month 2024-08 --licenses by,nonsense", r"no licence 'nonsense'\. Known are permissive, all,"),
    "licence id": ("crawl --month 2024-08 --licenses 4,17", r"no licence '17'\. Known are"),
    "target": ("crawl --month 2024-08 --sandbox --target 0", r"--target cannot be met\. Targets"),
    "minimum": ("crawl --month 2024-08 --sandbox --target 5 --minimum 6", "--minimum cannot be met"),
    "cap": ("crawl --month 2024-08 --dry-run --per-user-cap 0", "--per-user-cap cannot be met"),
    "workers": ("crawl --month 2024-08 --sandbox --workers 0", "--workers cannot be met"),
    "faults": ("crawl --month 2024-08 --sandbox --faults x", r"Cannot read the faults 'x'\. Use --faults 0\.2"),
    "share": ("crawl --month 2024-08 --sandbox --faults 2", r"2\.0 is not between 0 and 1\. Use --faults 0\.2"),
    "no number": ("crawl --month 2024-08 --sandbox --faults nan", "is not between 0 and 1"),
    "kind": ("crawl --month 2024-08 --sandbox --faults 418=0.1", "Unknown kind of fault '418'. Use one of"),
    "faults alone": ("crawl --month 2024-08 --faults 0.2", "--faults is for --sandbox alone. Leave it out"),
    "two servers": ("crawl --month 2024-08 --sandbox --endpoint http://127.0.0.1:1/", "both given. Give one of them"),
    "address": ("crawl --month 2024-08 --endpoint localhost:8600", "'localhost:8600' is not the address of an API"),
    "served faults": ("sandbox --faults x", "Cannot read the faults 'x'"),
}


@pytest.mark.parametrize(("typed", "said"), NOT_TYPED_RIGHT.values(), ids=NOT_TYPED_RIGHT)
@pytest.mark.usefixtures("no_network")
def test_bad_input(
    run: Callable[..., Done], typed: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    one_sentence(run(*typed.split()), 2, said)
    assert list(tmp_path.rglob("*.parquet")) == []


WRONG_USE = {
    "crawl --frob": "No such option: --frob",
    "frob": "No such command 'frob'",
    "crawl --month 2024-08 --images huge": "'huge' is not one of 'none', 'large', 'original'",
    "crawl --target many": "Invalid value for '--target'",
    "crawl --calls-per-hour 0": "Invalid value for '--calls-per-hour'",
    "crawl --month": "Option '--month' requires an argument",
    "status 7": "unexpected extra argument",
    "sandbox --photos /no/such/folder": "There is no readable photo in /no/such/folder",
    "build --data-dir file": "'file' is a file",
}


@pytest.mark.parametrize(("typed", "said"), WRONG_USE.items())
def test_wrong_use(run: Callable[..., Done], typed: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(*typed.split())
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(done.err.replace("│", " ").split())
    assert "Traceback" not in done.err


def test_a_port_in_use(run: Callable[..., Done], sandbox: Sandbox) -> None:
    said = rf"Port {sandbox.port} is already in use\. Use another, for example --port 8601"
    one_sentence(run("sandbox", "--port", sandbox.port), 2, said)


def test_a_folder_without_photos(run: Callable[..., Done], tmp_path: Path) -> None:
    one_sentence(run("sandbox", "--photos", tmp_path), 2, "no readable photo in .* Name a folder with JPEG files")


# --- keys ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_network")
def test_no_key_says_where_keys_come_from_and_calls_nothing(run: Callable[..., Done], tmp_path: Path) -> None:
    said = (
        r"set FLICKR_API_KEY and .* from https://www\.flickr\.com/services/apps/create/ .*--sandbox, which works with"
    )
    one_sentence(run(*CRAWL), 2, said)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key(run: Callable[..., Done], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, secret in (("wrong", ""), ("wrong", "sandbox"), ("sandbox", "wrong")):
        monkeypatch.setenv("FLICKR_API_KEY", key)
        monkeypatch.setenv("FLICKR_API_SECRET", secret)
        one_sentence(run(*CRAWL, "--endpoint", sandbox.endpoint), 1, "Check FLICKR_API_KEY and FLICKR_API_SECRET")
    one_sentence(run("build"), 1, r"holds nothing yet\. Run its command again")
    assert sandbox.calls == []


@pytest.mark.parametrize("secret", [SECRET, ""], ids=["signed", "plain"])
def test_key_and_secret_are_nowhere(
    run: Callable[..., Done],
    sandbox: Sandbox,
    secret: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in what is printed, logged or written, neither when all goes well nor when much fails."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(oauth, "KEY", KEY)  # the embedded server takes this key alone
    monkeypatch.setattr(oauth, "SECRET", SECRET)
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    monkeypatch.setenv("FLICKR_API_SECRET", secret)
    sandbox.faults = Faults(0.1)
    well = run(*CRAWL, "--endpoint", sandbox.endpoint, "--images", "large")
    assert well.code == 0
    sandbox.faults = None
    monkeypatch.setattr(oauth, "KEY", "another")
    wrong = run(*CRAWL, "--endpoint", sandbox.endpoint)
    assert wrong.code == 1
    gone = run(*CRAWL, "--endpoint", f"http://127.0.0.1:{closed_port()}/")
    assert gone.code == 1
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"journal.sqlite", "README.md", f"train-{MONTH}.parquet"}
    texts = [*well[1:], *wrong[1:], *gone[1:], caplog.text]
    held = [*(path.read_bytes() for path in files), *(text.encode() for text in texts)]
    for hidden in (KEY, SECRET):
        assert not any(hidden.encode() in content for content in held)


# --- servers, folders and journals ------------------------------------------------------------------------------


def test_a_server_that_is_gone(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run(*CRAWL, "--endpoint", f"http://127.0.0.1:{closed_port()}/services/rest/")
    one_sentence(done, 1, r"did not answer: .*unreachable\. Check the network and the address, then run the same comm")
    assert (tmp_path / "data/flickrexif/.crawl/journal.sqlite").exists()


def test_a_folder_that_cannot_be_written(run: Callable[..., Done], sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(*CRAWL, "--endpoint", sandbox.endpoint, "--data-dir", tmp_path / "file" / "data")
    one_sentence(done, 1, r"cannot be written \(Not a directory\)\. Name a folder that you may write, with --data-dir")
    assert sandbox.attempts == 0


def test_a_disk_that_takes_no_more(run: Callable[..., Done], sandbox: Sandbox, tmp_path: Path) -> None:
    """A limit on the size of files, in place of a quota: one sentence, and later the same rows as without it."""
    command = ("crawl", "--month", MONTH, "--target", "40", "--endpoint", sandbox.endpoint, "--data-dir")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, hard))
    try:
        done = run(*command, "limited")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    one_sentence(
        done, 1, r"cannot be read or written .* run the same command again: nothing that was journaled is lost"
    )
    assert run(*command, "limited").code == 0
    assert run(*command, "free").code == 0
    tables = [pq.read_table(tmp_path / f"{name}/flickrexif/labels") for name in ("limited", "free")]
    assert tables[0].num_rows == 40
    assert tables[0].equals(tables[1])


@pytest.fixture
def crawled(run: Callable[..., Done], sandbox: Sandbox) -> Path:
    """A data folder with a finished crawl of 20 photos."""
    assert run(*CRAWL, "--endpoint", sandbox.endpoint).code == 0
    return Path("data").absolute()


def test_a_journal_of_another_version(run: Callable[..., Done], sandbox: Sandbox, crawled: Path) -> None:
    db = sqlite3.connect(crawled / "flickrexif/.crawl/journal.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    before, attempts = hashes(crawled), sandbox.attempts
    for command in ((*CRAWL, "--endpoint", sandbox.endpoint), ("status",), ("build",), (*CRAWL, "--dry-run")):
        one_sentence(run(*command), 1, r"another version of flickrexif \(journal 99, not 3\)\. Type: pip install")
    assert sandbox.attempts == attempts
    assert hashes(crawled) == before


def test_a_damaged_journal(run: Callable[..., Done], sandbox: Sandbox, crawled: Path) -> None:
    (crawled / "flickrexif/.crawl/journal.sqlite").write_bytes(b"no journal" * 1_000)
    for command in ((*CRAWL, "--endpoint", sandbox.endpoint), ("status",), ("build",)):
        one_sentence(run(*command), 1, r"is damaged or no journal\. Restore it from a copy")


@pytest.mark.parametrize("other", [("--seed", "1"), ("--per-user-cap", "2"), ("--licenses", "by")])
def test_other_sampling_settings(
    run: Callable[..., Done], sandbox: Sandbox, crawled: Path, other: tuple[str, str]
) -> None:
    before = hashes(crawled / "flickrexif/data")
    done = run(*CRAWL, "--endpoint", sandbox.endpoint, *other)
    option, value = other
    asked = "4,11" if value == "by" else value
    said = rf"data was begun with ({option} \w+), and this has {option} {asked}\. Add \1 to go on with it"
    one_sentence(done, 2, said)
    assert hashes(crawled / "flickrexif/data") == before


@pytest.mark.usefixtures("crawled")
def test_another_source(run: Callable[..., Done]) -> None:
    other = Usable(PERMITTED)
    other.name = "photos"
    with Sandbox(other) as server:
        done = run(*CRAWL, "--endpoint", server.endpoint)
    said = r"data holds simulated photos, and this command asks for photos that an .* showed\. Add --data-dir"
    one_sentence(done, 2, said)


@pytest.mark.usefixtures("crawled", "no_network")
@pytest.mark.parametrize("typed", ["crawl --month 2024-08", "crawl --month 2024-08 --dry-run", "refresh"])
@pytest.mark.parametrize("key", [True, False])
def test_flickr_in_a_folder_of_simulated_photos(
    run: Callable[..., Done], typed: str, key: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a key is asked for or anything is called; with either option that it names the command goes on."""
    if key:
        monkeypatch.setenv("FLICKR_API_KEY", KEY)
    said = (
        r"data holds simulated photos, and this command asks for photos of Flickr\. "
        r"Add --data-dir and another folder's name, or add --sandbox to go on with the simulated ones\.$"
    )
    one_sentence(run(*typed.split()), 2, said)
    if "--dry-run" in typed:
        assert run(*typed.split(), "--sandbox").code == run(*typed.split(), "--data-dir", "other").code == 0


def test_a_second_crawl_in_the_same_folder(run: Callable[..., Done], sandbox: Sandbox, tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENTRY, *CRAWL, "--endpoint", sandbox.endpoint]
    held = threading.Event()
    sandbox.latency = 60.0
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as first:
        while not sandbox.attempts and first.poll() is None:
            held.wait(0.01)
        said = rf"`flickrexif crawl` \(process {first.pid}, since .*\) is using data\. Wait until it ends"
        one_sentence(run(*CRAWL, "--endpoint", sandbox.endpoint), 2, said)
        first.kill()
    sandbox._closing.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_on_request_it_goes_on_from_there(
    run: Callable[..., Done], sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    sandbox.latency = 0.05
    command = [sys.executable, "-c", ENTRY, *CRAWL, "--workers", "2", "--endpoint", sandbox.endpoint]
    pause = threading.Event()
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while sandbox.attempts < 8 and process.poll() is None:
            pause.wait(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("Interrupted; what was done is saved. Run the same command again to go on.\n")
    assert "Traceback" not in err
    sandbox.latency = 0.0
    assert run(*CRAWL, "--endpoint", sandbox.endpoint).code == 0
    answered = [arguments["photo_id"] for method, arguments in sandbox.calls if method == "flickr.photos.getExif"]
    assert len(answered) - len(set(answered)) <= 2  # at most the call that each worker had in flight


# --- what a crawl prints ----------------------------------------------------------------------------------------


def test_a_crawl_prints_its_summary_and_how_to_load(run: Callable[..., Done], sandbox: Sandbox) -> None:
    done = run(*CRAWL, "--endpoint", sandbox.endpoint)
    assert (done.code, done.err) == (0, "")
    assert re.search(rf"{MONTH} +20 +20 +20 .* done", done.out)
    assert "20 photos of 1 month(s) in data/flickrexif\nLoad them: from flickrexif import load_dataset;" in done.out
    assert sandbox.calls[0][0] == "flickr.photos.licenses.getInfo"
    again = run(*CRAWL, "--endpoint", sandbox.endpoint)
    assert again == done


def test_short_of_the_minimum_it_finishes_says_so_and_exits_3(run: Callable[..., Done], sandbox: Sandbox) -> None:
    command = ("crawl", "--from", "2024-07", "--to", MONTH, "--target", "90", "--endpoint", sandbox.endpoint)
    done = run(*command, "--minimum", "41")
    more = f"There may be more photos of 2024-07, {MONTH}: crawl again with --again to search anew.\n"
    assert (done.code, done.err) == (3, f"{more}Below the minimum of 41 photos: 2024-07, {MONTH}.\n")
    assert "40 photos of 2 month(s)" in done.out
    done = run(*command, "--minimum", "40")
    assert (done.code, done.err) == (3, f"{more}Below the minimum of 40 photos: 2024-07.\n")
    assert run(*command, "--minimum", "0").code == 0
    assert "Below the minimum of 45 photos" in run(*command).err  # half of the target


def test_a_smaller_target_says_how_the_other_photos_come_back(run: Callable[..., Done], sandbox: Sandbox) -> None:
    month = ("crawl", "--month", MONTH, "--minimum", "0", "--endpoint", sandbox.endpoint, "--target")
    large = run(*month, "20")
    said = f"An earlier --target of {MONTH} was larger; with it, photos come back without a call.\n"
    small = run(*month, "8")
    assert (small.code, small.err) == (0, said)
    assert "8 photos of 1 month(s)" in small.out
    asked = [method for method, _ in sandbox.calls].count("flickr.photos.getExif")
    assert run(*month, "20") == large
    assert [method for method, _ in sandbox.calls].count("flickr.photos.getExif") == asked


def test_months_may_be_repeated_and_need_no_order(run: Callable[..., Done], sandbox: Sandbox) -> None:
    months = ("--month", MONTH, "--month", "2024-07", "--month", MONTH)
    done = run("crawl", *months, "--target", "5", "--minimum", "0", "--endpoint", sandbox.endpoint)
    assert re.findall(r"(2024-\d\d) +(\d+) ", done.out) == [("2024-07", "0"), (MONTH, "5")]


# --- how much is said -------------------------------------------------------------------------------------------


def test_every_command_takes_both_options() -> None:
    for name in every_command():
        if name != "pairs":
            assert re.search(r"-v, --verbose .*-q, --quiet ", help_text(*name.split()), re.DOTALL), name


def test_quiet_leaves_results_and_errors(run: Callable[..., Done], sandbox: Sandbox) -> None:
    usual = run(*CRAWL, "--endpoint", sandbox.endpoint, "--minimum", "20", "--target", "50")
    quiet = run(*CRAWL, "--endpoint", sandbox.endpoint, "--minimum", "20", "--target", "50", "-q")
    assert usual.err != "" == quiet.err
    assert (usual.code, usual.out) == (quiet.code, quiet.out)
    one_sentence(run("crawl", "--month", "x", "-q"), 2, "'x' is no month")


def test_verbose_says_where_an_error_arose(run: Callable[..., Done]) -> None:
    done = run("crawl", "--month", "x", "-v")
    assert done.err.startswith("Traceback")
    assert done.err.endswith(run("crawl", "--month", "x").err)


# --- the dry run ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_network")
def test_a_dry_run_calls_nothing_and_needs_no_key(run: Callable[..., Done], tmp_path: Path) -> None:
    command = ("crawl", "--to", MONTH, "--dry-run", "--images", "large")
    done = run(*command, "--verbose")
    assert (done.code, done.err) == (0, "")
    by_year = run(*command).out
    assert by_year.startswith("About ")
    assert re.findall(r"^ +(\d{4}) +0 +([\d,]+) +[\d,]+ *$", by_year, re.MULTILINE) == [
        *((str(year), "48,000") for year in range(2000, 2024)),
        ("2024", "32,000"),
    ]
    assert by_year.partition("\n")[0] == done.out.partition("\n")[0]
    size = float(re.search(r"about ([\d.]+) GB on the disk", by_year)[1])
    assert size == pytest.approx(296 * 4_000 * 309_000 / 1e9, abs=0.1)
    months = re.findall(r"^ +(\d{4}-\d\d) +0 +4,000 +([\d,]+) *$", done.out, re.MULTILINE)
    assert (len(months), months[0][0], months[-1][0]) == (296, FIRST_MONTH, MONTH)
    calls, hours, rate = (
        float(number.replace(",", ""))
        for number in re.findall(r"About ([\d,]+) calls: ([\d,.]+) hours at ([\d,]+) calls", done.out)[0]
    )
    assert calls == sum(int(number.replace(",", "")) for _, number in months)
    assert 296 * 4_000 < calls < 296 * 4_000 * 1.5  # one getExif a photo, and some for those that are not usable
    assert hours == pytest.approx(calls / rate, abs=0.05)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_finished_month_is_nothing(run: Callable[..., Done], sandbox: Sandbox, crawled: Path) -> None:
    before, attempts = hashes(crawled), sandbox.attempts
    done = run(*CRAWL, "--dry-run", "--sandbox", "--calls-per-hour", 1_000)
    assert "About 0 calls: 0.0 hours at 1,000 calls" in done.out
    more = run("crawl", "--month", MONTH, "--target", 30, "--dry-run", "--sandbox")
    assert re.search(rf"{MONTH} +20 +30 +1\d ", more.out)  # ten to go, and about 1.2 calls each
    assert (hashes(crawled), sandbox.attempts) == (before, attempts)


# --- status and build -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["status", "build"])
def test_without_a_journal(run: Callable[..., Done], command: str, tmp_path: Path) -> None:
    said = r"There is no crawl in data/flickrexif\. Start one: flickrexif crawl --month 2024-08 --sandbox"
    one_sentence(run(command), 1, said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("crawled")
def test_status_shows_the_months(run: Callable[..., Done], sandbox: Sandbox) -> None:
    done = run("status")
    assert (done.code, done.err) == (0, "")
    assert re.search(rf"{MONTH} +20 +20 +20 .* done", done.out)
    done = run("status", "--json", "--data-dir", "data")
    assert (done.code, done.err) == (0, "")
    (month,) = json.loads(done.out)
    called = [method for method, _ in sandbox.calls if method != "flickr.photos.licenses.getInfo"]
    assert month == {
        "month": MONTH,
        "target": 20,
        "done": True,
        "kept": 20,
        "owners": 20,
        "rejected": {},
        "calls": {method: called.count(method) for method in set(called)},
        "images": {},
        "exhausted": False,
        "doubts": {},
        "beyond_target": 0,
        "searched": True,
    }


class Broken(Usable):
    """Of every third photo comes no image."""

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        return super().image(photo, size) if photo.id % 3 else b"no image"


def test_status_says_why_photos_have_no_image(run: Callable[..., Done]) -> None:
    with Sandbox(Broken(PERMITTED)) as sandbox:
        done = run(*CRAWL, "--endpoint", sandbox.endpoint, "--images", "large")
    assert done.code == 0
    stored = [int(path.stem) for path in Path("data").rglob("*.jpg")]
    assert 0 < len(stored) < 20
    assert all(photo_id % 3 for photo_id in stored)
    for said in (done.out, run("status").out):
        assert "without image" in said
        assert re.search(rf"not_an_image +{20 - len(stored)} +what came is no image", said)


def test_build_again_changes_no_byte(run: Callable[..., Done], sandbox: Sandbox, crawled: Path) -> None:
    run(*CRAWL, "--endpoint", sandbox.endpoint, "--images", "large")
    built = {name: digest for name, digest in hashes(crawled).items() if ".crawl" not in name}
    times = {name: (crawled / name).stat().st_mtime_ns for name in built}
    assert f"flickrexif/images/train-{MONTH}-00000.parquet" in built
    attempts = sandbox.attempts
    done = run("build")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("20 photos of 1 month(s) in data/flickrexif\n")
    again = {name: digest for name, digest in hashes(crawled).items() if ".crawl" not in name}
    assert (again, sandbox.attempts) == (built, attempts)
    assert {name: (crawled / name).stat().st_mtime_ns for name in again} == times
    (crawled / f"flickrexif/data/train-{MONTH}.parquet").unlink()
    run("build")
    assert {name: digest for name, digest in hashes(crawled).items() if ".crawl" not in name} == built


# --- help -------------------------------------------------------------------------------------------------------


def names() -> list[str]:
    """The commands in the order of the help, groups last."""
    groups = [group.name for group in cli.app.registered_groups]
    return [command.name for command in cli.app.registered_commands if command.name] + [name for name in groups if name]


def every_command() -> list[str]:
    """`names`, each group followed by its commands."""
    inside = {
        group.name: [
            f"{group.name} {command.name or command.callback.__name__}"
            for command in group.typer_instance.registered_commands
        ]
        for group in cli.app.registered_groups
    }
    return [word for name in names() for word in (name, *inside.get(name, []))]


def help_text(*command: str) -> str:
    """The help as a terminal of 100 columns shows it."""
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "100", "PYTHONUTF8": "1"}
    arguments = [sys.executable, "-c", ENTRY, *command, "--help"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    return done.stdout


def page() -> str:
    """docs/cli.md."""
    _, _, rules = (cli.__doc__ or "").partition("\n\n")
    sections = [
        f"## flickrexif {name}".rstrip() + f"\n\n```text\n{help_text(*name.split())}```"
        for name in ("", *every_command())
    ]
    return "\n\n".join(["# The command line", rules.strip(), *sections]) + "\n"


def test_the_command_line_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.test_cli`"


def test_help_lists_every_command(run: Callable[..., Done]) -> None:
    for option in ("--help", "-h"):
        done = run(option)
        assert (done.code, done.err) == (0, "")
        commands = done.out.partition("Commands:\n")[2]
        assert re.findall(r"^  ([a-z][a-z-]*) ", commands, re.MULTILINE) == names()
    assert names()[0] == "crawl"


def test_no_arguments_show_the_help(run: Callable[..., Done]) -> None:
    done = run()
    assert done.code == 2
    assert re.search("Usage: .*flickrexif", done.out + done.err)


def test_version(run: Callable[..., Done]) -> None:
    assert run("--version") == (0, f"{flickrexif.__version__}\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_a_module_makes_another_error_of_is_a_stop(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Modules in C do so while they are loaded."""

    def loading(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ImportError("cannot import name matlab") from None

    monkeypatch.setattr(flickrexif, "status", loading, raising=False)
    code, out, err = run("status")
    assert (code, out) == (130, "")
    assert err == "flickrexif: Interrupted; what was done is saved. Run the same command again to go on.\n"


def test_ctrl_c_while_the_commands_are_loaded_is_no_traceback() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "flickrexif", "status"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = []
        for line in process.stderr:
            if line.endswith(" flickrexif.core.errors\n"):  # more are loaded after it
                process.send_signal(signal.SIGINT)
            said.append(line)
    assert process.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in "".join(said)


if __name__ == "__main__":
    PAGE.write_text(page())
