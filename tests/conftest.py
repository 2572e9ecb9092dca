"""Fixtures of several test files, and the limit of a quick check."""

import gc
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from flickrexif import cli
from tests.samples import samples_and, write_image_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# There is a worker for each core, and threads that wait for each other's cores spin: half of the time went there.
os.environ["OMP_NUM_THREADS"] = "1"
gc.disable()  # until all is loaded, which is then never looked through for garbage
settings.register_profile("flickrexif", deadline=None)  # no test asks a clock: the machine may be busy
settings.load_profile("flickrexif")
ROOT = Path(__file__).parents[1]
STARTED = pytest.StashKey[float]()
LONGEST = ("readme", "demo", "encoder_backends", "report_page", "suite", "takedown_cases", "commands", "publish", "ray")
LONGEST += ("terminal", "paths", "downloads", "crash", "fetch", "purge", "merge", "report_plots", "faults", "faulty")
LATE = "the time of this check is over"


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "Begin no test later than this after all are collected, and say how many were left."
    parser.addoption("--seconds", type=float, help=help_text)


def pytest_configure() -> None:
    """A shell without job control makes what it runs in the background, and all that this starts, ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests wait for servers, browsers and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that none is alone at the end."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()
    session.config.stash[STARTED] = time.monotonic()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    seconds = item.config.getoption("seconds")
    if seconds is not None and time.monotonic() - item.config.stash[STARTED] > seconds:
        pytest.skip(LATE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    late = sum(LATE in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if late:
        terminalreporter.write_line(f"{late} tests were left when the time was over; `make test` runs all.")


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that makes the folder of all tests a data folder fails, as the data of the others would be within it."""
    yield
    shared = tmp_path_factory.getbasetemp() / ".flickrexif"
    if shared.exists():
        shutil.rmtree(shared)
        pytest.fail("Keep the data set in a folder within tmp_path: the folder around it becomes a data folder.")


@pytest.fixture(scope="session", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of whole modules count their calls beside those of the user, and have a `data/` of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.chdir(tmp_path_factory.mktemp("directory"))
        yield


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of this test alone, and its working directory: it shares no key's budget and no `data/`."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    monkeypatch.chdir(tmp_path_factory.mktemp("directory"))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: `run("splits", …)` returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["flickrexif", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache for `datasets`, no data folder of the user, and no network."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("FLICKREXIF_DATA", raising=False)
    datasets.disable_progress_bars()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """A folder laid out like a checkout, as the working directory; its data folder is `data/`."""
    package = tmp_path / "checkout/flickrexif"
    package.mkdir(parents=True)
    (package / "README.md").write_bytes((ROOT / "flickrexif/README.md").read_bytes())
    (package / ".huggingface.yaml").symlink_to((ROOT / "flickrexif/.huggingface.yaml").readlink())
    monkeypatch.chdir(package.parent)
    return package.parent


@pytest.fixture(scope="session", params=samples_and("imagenette-224"))
def image_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ and val/ of ten classes of photos of 224 x 224 pixels, JPEG of quality 75: made ones, or Imagenette."""
    return request.param or write_image_folder(tmp_path_factory.mktemp("samples"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The machine's chromium, for the tests of a module."""
    from tests.browser import chromium

    with chromium() as opened:
        yield opened
