"""The images of a month: what keeps failing is passed over, what is lost or too small is fetched again."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from benchmarks.pictures import samples
from flickrexif import cli
from flickrexif.collectors import downloads
from flickrexif.collectors.journal import read_journal
from flickrexif.collectors.sandbox.responses import Response, html_response
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.collectors.session import journal_path
from tests.drawn import png_header

MONTH, TARGET = "2024-08", 6


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
    codes: list[int] = field(default_factory=list)

    def crawl(self, images: str) -> int:
        options = ["--target", str(TARGET), "--images", images, "--endpoint", self.server.endpoint]
        self.patch.setattr(
            "sys.argv", ["flickrexif", "crawl", "--month", MONTH, "--data-dir", str(self.data), *options]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    def sizes(self) -> dict[int, str | None]:
        with read_journal(journal_path(self.data)) as journal:
            return {record.photo_id: record.size for record in journal.images(MONTH)}

    def rows(self) -> list[dict[str, Any]]:
        files = sorted((self.data / "flickrexif/images").glob("*.parquet"))
        return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    with Moody(SimulatedPopulation(0, 600)) as server:
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
