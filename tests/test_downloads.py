"""The images of a month: what keeps failing is passed over, what is lost or too small is fetched again."""

import hashlib
import io
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

import flickrexif
from benchmarks.pictures import samples
from flickrexif import cli
from flickrexif.collectors import downloads
from flickrexif.collectors.images import REASONS
from flickrexif.collectors.journal import ImageRecord, read_journal
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.responses import Response, html_response
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.session import journal_path
from tests.drawn import png_header
from tests.samples import LARGE
from tests.test_crash import Painted

MONTH, TARGET = "2024-08", 6
# Pictures at which a reader chokes; tests/data has none, a larger set beside the repository has.
BROKEN_FILES = sorted((LARGE.parent / "cases/photos/broken").glob("*"))


class Moody(Sandbox):
    """An image server that refuses the paths that `refuses` names, and gives what `answer` says where it says so."""

    refuses: Callable[[str], bool] = staticmethod(lambda path: False)
    answer: Callable[[str], Response | None] = staticmethod(lambda path: None)

    def image(self, path: str) -> Response:
        return html_response(403, "403 Forbidden") if self.refuses(path) else self.answer(path) or super().image(path)


@dataclass
class Run:
    """Crawls one data folder from one server through the command line."""

    server: Moody
    data: Path
    patch: pytest.MonkeyPatch
    target: int = TARGET

    def arguments(self, images: str) -> list[str]:
        options = ["--target", str(self.target), "--images", images, "--endpoint", self.server.endpoint]
        return ["crawl", "--month", MONTH, "--data-dir", str(self.data), *options]

    def crawl(self, images: str) -> int:
        self.patch.setattr("sys.argv", ["flickrexif", *self.arguments(images)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    def original(self, answer: Response) -> None:
        """Let the server give this for every original."""
        self.server.answer = lambda path: answer if "_o.jpg" in path else None

    def records(self) -> dict[int, ImageRecord]:
        with read_journal(journal_path(self.data)) as journal:
            return {record.photo_id: record for record in journal.images(MONTH)}

    def files(self) -> set[str]:
        folder = journal_path(self.data).parent
        return {path.relative_to(folder).as_posix() for path in (folder / "images").rglob("*") if path.is_file()}

    def asked(self) -> list[int]:
        """The photos that getInfo was called for."""
        return [int(a["photo_id"]) for method, a in self.server.calls if method == "flickr.photos.getInfo"]

    def sizes(self) -> dict[int, str | None]:
        with read_journal(journal_path(self.data)) as journal:
            return {record.photo_id: record.size for record in journal.images(MONTH)}

    def rows(self) -> list[dict[str, Any]]:
        files = sorted((self.data / "flickrexif/images").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    with Moody(Painted(0, 600)) as server:
        yield Run(server, tmp_path, monkeypatch)


def test_one_image_that_keeps_failing_is_passed_over_and_tried_again(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    first: list[str] = []

    def refuses(path: str) -> bool:
        first.append(path) if not first else None
        return path == first[0]

    run.server.refuses = refuses
    assert run.crawl("large") == 3
    assert "1 image could not be fetched" in capsys.readouterr().err
    assert len(run.sizes()) == TARGET - 1
    run.server.refuses = lambda path: False
    assert run.crawl("large") == 0
    assert len(run.rows()) == TARGET


def test_a_server_without_any_image_ends_the_run(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run.server.refuses = lambda path: True
    assert run.crawl("large") == 3
    assert run.sizes() == {}
    assert f"{TARGET} images could not be fetched" in capsys.readouterr().err
    monkeypatch.setattr(downloads, "MAX_FAILURES", TARGET - 1)  # failures in a row: it is the server, not the photos
    assert run.crawl("large") == 1
    assert "Run the same command again later" in capsys.readouterr().err


def test_originals_take_the_place_of_smaller_images(run: Run) -> None:
    assert run.crawl("large") == 0
    assert set(run.sizes().values()) == {"l"}
    assert run.crawl("original") == 0
    population = run.server.population
    allowed = {photo_id: population.photo(photo_id).original_allowed for photo_id in run.sizes()}  # type: ignore[union-attr]
    assert run.sizes() == {photo_id: "o" if free else "l" for photo_id, free in allowed.items()}
    assert any(allowed.values())


def test_a_lost_file_is_fetched_again(run: Run) -> None:
    assert run.crawl("large") == 0
    before = json.dumps([row["sha256"] for row in run.rows()])
    lost = sorted((run.data / "flickrexif/.crawl/images").rglob("*.jpg"))[0]
    lost.unlink()
    assert run.crawl("large") == 0
    assert lost.exists()
    assert json.dumps([row["sha256"] for row in run.rows()]) == before


BROKEN: dict[str, tuple[bytes, type[Exception], str]] = {
    "AVIF": (samples()["AVIF"].replace(b"av01", b"none"), RuntimeError, "damaged"),
    "DDS": (samples()["DDS"][:80] + b"\1\1\0\0" + samples()["DDS"][84:], NotImplementedError, "not_an_image"),
    "180 megapixels": (png_header(15_000, 12_000), Image.DecompressionBombError, "too_large"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_a_decoder_chokes_on_is_one_photo_without_an_image(run: Run, kind: str) -> None:
    """The first two ended the crawl with a traceback, and every run after it."""
    data, error, reason = BROKEN[kind]
    with pytest.raises(error), Image.open(io.BytesIO(data)) as image:
        image.load()
    first: list[str] = []

    def answer(path: str) -> Response | None:
        first.append(path) if not first else None
        return Response(200, data, "image/jpeg") if path == first[0] else None

    run.server.answer = answer
    assert [run.crawl("large"), run.crawl("large")] == [0, 0]
    assert len(run.rows()) == TARGET - 1
    with read_journal(journal_path(run.data)) as journal:
        assert [record.reason for record in journal.images(MONTH) if record.reason] == [reason]


def test_a_file_that_is_no_image_in_any_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample, whole, cut and with noise in it: all are fetched in one crawl, each a row or a reason."""
    draw = random.Random(0)
    wholes = [*samples().values(), *(path.read_bytes() for path in BROKEN_FILES)]
    noisy = [data[:40] + draw.randbytes(40) + data[80:] for data in wholes]
    files = [*wholes, *(data[: len(data) // 2] for data in wholes), *noisy, b"", b"GIF89a", b"RIFF", b"\0" * 999]
    served: dict[str, bytes] = {}

    def answer(path: str) -> Response:
        return Response(200, served.setdefault(path, files[len(served) % len(files)]), "image/jpeg")

    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    with Moody(Painted(0, 6_000)) as server:
        run = Run(server, tmp_path, monkeypatch, target=len(files))
        server.answer = answer
        assert [run.crawl("original"), run.crawl("original")] == [0, 0]
        reasons = {record.reason for record in run.records().values()}
        assert len(run.records()) == len(files)
    assert {"not_an_image", "damaged", "wrong_size"} <= reasons <= {None, *REASONS}


# --- what the CDN keeps back --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "reason"), [("image-private", "private"), ("image-deleted", "gone")])
def test_images_that_stay_forbidden_are_settled_by_one_call_each(run: Run, kind: str, reason: str) -> None:
    run.server.faults = Faults({kind: 0.5})
    assert run.crawl("large") == 0
    kept_back = [photo_id for photo_id, record in run.records().items() if record.reason == reason]
    assert 0 < len(kept_back) < TARGET == len(run.records())
    assert sorted(run.asked()) == kept_back
    requests = run.server.image_requests
    assert requests <= TARGET + 2 * len(kept_back)
    assert [run.crawl("large"), run.server.image_requests] == [0, requests]
    (month,) = flickrexif.status(data_dir=run.data)
    assert month.images == {"fetched": TARGET - len(kept_back), reason: len(kept_back)}
    assert month.calls["flickr.photos.getInfo"] == len(kept_back)


# --- originals ----------------------------------------------------------------------------------------------------

WORSE = {
    "gone": Response(404),
    "refused": Response(400),
    "not_an_image": Response(200, b"<html>" * 9, "image/jpeg"),
    "wrong_size": Response(200, samples()["PNG"], "image/png"),
    "too_large": Response(200, png_header(15_000, 12_000), "image/png"),
}


@pytest.mark.parametrize("reason", WORSE)
def test_the_better_of_two_images_is_kept(run: Run, tmp_path: Path, reason: str) -> None:
    assert run.crawl("large") == 0
    large = run.records()
    run.original(WORSE[reason])
    assert run.crawl("original") == 0
    allowed = {n for n in large if run.server.population.photo(n).original_allowed}  # type: ignore[union-attr]
    assert allowed
    expected = {n: replace(r, original_reason=reason if n in allowed else None) for n, r in large.items()}
    assert run.records() == expected
    requests = run.server.image_requests
    assert [run.crawl("original"), run.crawl("large"), run.server.image_requests] == [0, 0, requests]
    assert len(run.rows()) == TARGET
    fresh = replace(run, data=tmp_path / "fresh")  # the same photos, without a crawl of smaller images before
    assert fresh.crawl("original") == 0
    assert fresh.records() == expected
    assert [row["sha256"] for row in fresh.rows()] == [row["sha256"] for row in run.rows()]


def test_large_after_original_keeps_the_originals(run: Run) -> None:
    assert run.crawl("original") == 0
    records, requests = run.records(), run.server.image_requests
    assert any(record.size == "o" for record in records.values())
    assert [run.crawl("large"), run.server.image_requests] == [0, requests]
    assert run.records() == records


def test_an_original_is_forgotten_too(run: Run) -> None:
    assert run.crawl("original") == 0
    photo_id = next(photo_id for photo_id, size in run.sizes().items() if size == "o")
    files = {name for name in run.files() if name.endswith(f"/{photo_id}.jpg")}
    assert files == {f"images/{MONTH}/original/{photo_id}.jpg"}
    flickrexif.forget(run.data, photos=photo_id, reason="asked for")
    assert not files & run.files()
    assert photo_id not in run.records()


def test_an_original_that_may_come_later_is_waited_for(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.crawl("large") == 0
    run.server.refuses = lambda path: "_o.jpg" in path  # and getInfo says that it is shared
    assert run.crawl("original") == 3
    assert "could not be fetched" in capsys.readouterr().err
    assert set(run.sizes().values()) == {"l"}
    run.server.refuses = Moody.refuses
    assert run.crawl("original") == 0
    assert "o" in run.sizes().values()


# --- files and records --------------------------------------------------------------------------------------------


def test_files_that_no_record_names_are_removed(run: Run) -> None:
    assert run.crawl("large") == 0
    files, folder = run.files(), journal_path(run.data).parent
    for name in ("1.jpg", "original/1.jpg", ".1.jpg.999999999-00.tmp"):
        (folder / "images" / MONTH / name).parent.mkdir(exist_ok=True)
        (folder / "images" / MONTH / name).write_bytes(b"of a run that was killed")
    assert len(run.files()) == len(files) + 3
    assert run.crawl("large") == 0
    assert run.files() == files


KILLED = """
import os, signal, sys
from flickrexif import cli
from flickrexif.collectors import downloads

when = sys.argv.pop(1)
def kill(*_): os.kill(os.getpid(), signal.SIGKILL)

add_image, left = downloads.Journal.add_image, [2]
def add(journal, month, record):
    left[0] -= 1
    if when == "before" and not left[0]:
        kill()
    add_image(journal, month, record)
if when == "after":
    downloads.remove = lambda paths: kill() if list(paths) else None
downloads.Journal.add_image = add
cli.main()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_file_and_record_leaves_both_right(run: Run, when: str) -> None:
    """Just before the record of a new file, and just before the file that it replaced is removed."""
    assert run.crawl("large") == 0
    command = [sys.executable, "-c", KILLED, when, *run.arguments("original")]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    folder = journal_path(run.data).parent
    records = [record for record in run.records().values() if record.path]
    assert len(run.files()) > len(records)  # one that no record names
    for record in records:
        assert hashlib.sha256((folder / str(record.path)).read_bytes()).hexdigest() == record.sha256
    flickrexif.build(data_dir=run.data)
    assert run.crawl("original") == 0
    assert run.files() == {record.path for record in run.records().values()}
    assert len(run.rows()) == TARGET
