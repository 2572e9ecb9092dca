"""A crawl that is killed, interrupted and started again ends as one that nobody touched."""

import hashlib
import io
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from flickrexif.collectors.sandbox.images import pixels
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.core.draws import rng
from tests.crashes import (
    LATENCY,
    MONTH,
    PHOTOS_PER_MONTH,
    WORKERS,
    crawl_killed,
    crawl_process,
    crawled,
    finish,
    journaled,
    look,
    output_files,
    photo_calls,
    repeated,
)

KILLS = 9  # `python -m benchmarks.torture` has some hundred
SENTENCE = "flickrexif: Interrupted; what was done is saved. Run the same command again to go on."
VERDICTS = "SELECT photo_id, verdict FROM candidates ORDER BY photo_id"


class Painted(SimulatedPopulation):
    """Simulated photos, their images of one colour each and `padding` bytes longer than need be."""

    padding = 0

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        file = io.BytesIO()
        dimensions = pixels(photo, size)
        assert dimensions is not None
        Image.new("RGB", dimensions, f"#{photo.id % 0xFFFFFF:06x}").save(file, "JPEG")
        return file.getvalue() + bytes(self.padding)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SimulatedPopulation(0, PHOTOS_PER_MONTH), latency=LATENCY) as running:
        yield running


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a crawl that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert crawled(sandbox.endpoint, folder) == (0, "")
    files = output_files(folder)
    assert {f"data/train-{MONTH}.parquet", f"labels/train-{MONTH}.parquet", "README.md"} <= files.keys()
    return folder


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def test_killed_again_and_again_it_ends_with_the_same_files(sandbox: Sandbox, whole: Path, tmp_path: Path) -> None:
    sandbox.calls.clear()
    kills = crawl_killed(sandbox, tmp_path, KILLS, rng(0, "kills", "0"))
    assert len(kills) == KILLS
    assert {"exif", "build"} <= {kill.phase for kill in kills}
    assert output_files(tmp_path) == output_files(whole)
    assert look(tmp_path, VERDICTS) == look(whole, VERDICTS)
    assert repeated(kills, sandbox.calls) == []
    answered = Counter(photo_calls(sandbox.calls))
    assert answered.keys() == journaled(tmp_path) == journaled(whole)
    assert answered.total() - len(answered) <= len(kills) * WORKERS  # what was in flight
    assert sum(kill.phase == "build" for kill in kills) < KILLS / 2


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, 1), (signal.SIGINT, 60), (signal.SIGTERM, 30)])
def test_interrupted_it_says_so_and_goes_on(
    sandbox: Sandbox, whole: Path, tmp_path: Path, number: int, after: int
) -> None:
    sandbox.calls.clear()
    process = crawl_process(sandbox.endpoint, tmp_path)
    wait_until(process, lambda: len(sandbox.calls) >= after)
    process.send_signal(number)
    code, errors = finish(process)
    assert code == 130
    assert errors.splitlines() == [SENTENCE]
    stopped = journaled(tmp_path)
    calls_before = photo_calls(sandbox.calls)
    # What the workers have in flight is waited for; only the first search has none of them.
    lost = 1 if after == 1 else 0
    assert len(set(calls_before) - stopped) <= lost
    assert crawled(sandbox.endpoint, tmp_path) == (0, "")
    assert output_files(tmp_path) == output_files(whole)
    assert len(photo_calls(sandbox.calls)) <= len(journaled(whole)) + lost


def test_killed_between_and_within_downloads_no_partial_file_is_an_image(tmp_path: Path) -> None:
    population = Painted(0, 600)
    population.padding = 2**23  # bytes: long enough to be killed within
    folder, draw = tmp_path / "flickrexif" / ".crawl", rng(0, "kills", "images")
    within = 0
    with Sandbox(population) as sandbox:
        for life in range(8):
            process = crawl_process(sandbox.endpoint, tmp_path, 5, "--images", "large")
            enough = sandbox.image_requests + 1 + draw.randrange(2)
            while process.poll() is None and not (
                any(folder.glob("images/*/.*.tmp")) if life % 2 else sandbox.image_requests >= enough
            ):
                time.sleep(0.0005)
            time.sleep(0 if life % 2 else draw.uniform(0, 0.05))
            process.kill()
            finish(process)
            within += any(folder.glob("images/*/.*.tmp"))
            check_images(folder, population)
        assert within >= 2
        assert crawled(sandbox.endpoint, tmp_path, 5, "--images", "large") == (0, "")
    assert check_images(folder, population) == 5
    assert not list(folder.glob("images/*/.*.tmp"))
    assert look(tmp_path, "SELECT COUNT(*) FROM images WHERE reason IS NULL") == [(5,)]


def check_images(folder: Path, population: Painted) -> int:
    """Every file that has an image's name is the whole image, and every one in the journal is there; how many."""
    rows = look(folder.parents[1], "SELECT photo_id, path, sha256 FROM images")
    for photo_id, path, sha256 in rows:
        assert hashlib.sha256((folder / str(path)).read_bytes()).hexdigest() == sha256, photo_id
    files = list(folder.glob("images/*/*.jpg"))
    for path in files:
        photo = population.photo(int(path.stem))
        assert photo is not None
        largest = next(size for size in "lczm" if pixels(photo, size))
        assert path.read_bytes() == population.image(photo, largest)
    return len(files)
