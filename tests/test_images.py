"""Downloads from the image CDN: the embedded server's with every fault it knows, and scripted answers."""

import hashlib
import io
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from PIL import Image as Pillow

from flickrexif.collectors import images
from flickrexif.collectors.flickr.client import CallRefused, KeyRefused, PhotoSkipped, Retry, Unanswered
from flickrexif.collectors.flickr.clock import SystemClock
from flickrexif.collectors.flickr.limiter import Limiter, Window
from flickrexif.collectors.flickr.models import EXTRAS, Image, SearchPhoto, parse_photo
from flickrexif.collectors.flickr.transport import is_loopback
from flickrexif.collectors.images import REASONS, ImageFetcher, Unfetched
from flickrexif.collectors.journal import ImageRecord
from flickrexif.collectors.sandbox.faults import IMAGE_KINDS, Faults
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import FlickrExifError, Interrupted
from tests.clock import START, FakeClock
from tests.drawn import png_header
from tests.populations import ListPopulation, make_photo
from tests.scripted_server import ScriptedServer, break_off, hang_up
from tests.test_sandbox import WINDOW, search

MONTH = "2024-08"
PHOTOS = [make_photo(n, safe=True, media="photo", width=300 + n, height=200) for n in range(24)]


def jpeg(width: int, height: int, seed: int = 0) -> bytes:
    image = Pillow.linear_gradient("L").rotate(seed % 360).resize((width, height)).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


class Pictures(ListPopulation):
    """Photos in a list, with an image file for each."""

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        longer = {"l": 1024, "c": 800, "z": 640, "m": 500}.get(size, 10_000)
        scale = min(1.0, longer / max(photo.width, photo.height))
        return jpeg(round(photo.width * scale), round(photo.height * scale), photo.id + ord(size))


class Bench:
    """A fetcher into `folder`, with a clock that only sleeping moves."""

    def __init__(self, folder: Path, preferred_size: Literal["large", "original"] = "large") -> None:
        self.folder, self.clock, self.session = folder / "images", FakeClock(), requests.Session()
        self.times: list[float] = []
        self.asked: list[int] = []  # photos that getInfo was called for
        self.info: dict[str, Any] | FlickrExifError = {"photo": {"originalsecret": "a"}}  # its answer
        self.limiter = Limiter([Window(2, 1.0)], self.clock)
        self.fetcher = ImageFetcher(
            self.folder,
            preferred_size,
            self.session,
            self.limiter,
            self.clock,
            Retry(),
            random.Random(0),
            self.times.append,
            is_image_server=is_loopback,
        )

    def fetch(self, photo: SearchPhoto, held: ImageRecord | None = None) -> ImageRecord:
        return self.fetcher.fetch(photo, MONTH, self.get_info, held)

    def get_info(self, photo_id: int) -> dict[str, Any]:
        self.asked.append(photo_id)
        if isinstance(self.info, FlickrExifError):
            raise self.info
        return self.info

    def files(self) -> dict[str, bytes]:
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in self.folder.rglob("*.*")}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    with bench.session:
        yield bench


@pytest.fixture
def originals(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, "original")
    with bench.session:
        yield bench


def searched_photos(sandbox: Sandbox) -> list[SearchPhoto]:
    """What a search of the server tells of its photos."""
    entries = search(sandbox, **WINDOW, extras=EXTRAS, per_page=500)["photos"]["photo"]
    return [photo for entry in entries if (photo := parse_photo(entry))]


def scripted(server: ScriptedServer, width: int | None = 40, height: int | None = 30) -> SearchPhoto:
    """A photo whose image the scripted server has."""
    url = server.endpoint.replace("/services/rest/", "/65535/1_a_b.jpg")
    with Sandbox(Pictures([PHOTOS[0]])) as sandbox:
        (photo,) = searched_photos(sandbox)
    return replace(photo, id=1, image=Image("l", url, width, height))


def image_answer(content: bytes, type_: str = "image/jpeg") -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": type_}, content


# --- the embedded server ---------------------------------------------------------------------------------------


def check_fetched(bench: Bench, photo: SearchPhoto, record: ImageRecord, image: Image, whole: bytes) -> None:
    """The record tells the truth about the file, and the file is the server's."""
    assert record.path is not None
    path = bench.folder.parent / record.path
    assert record == ImageRecord(
        photo.id,
        None,
        image.size,
        f"images/{MONTH}/{'original/' * (image.size == 'o')}{photo.id}.jpg",
        hashlib.sha256(whole).hexdigest(),
        image.width,
        image.height,
    )
    assert path.read_bytes() == whole
    with Pillow.open(path) as opened:
        assert opened.size == (image.width, image.height)


def test_bytes_are_the_servers(bench: Bench) -> None:
    population = Pictures([make_photo(1, width=2_000, height=1_500), make_photo(2, width=90, height=700)])
    with Sandbox(population) as sandbox:
        sizes = []
        for photo in searched_photos(sandbox):
            assert photo.image is not None
            whole = requests.get(photo.image.url, timeout=30).content
            check_fetched(bench, photo, bench.fetch(photo), photo.image, whole)
            sizes.append((photo.image.size, photo.image.width, photo.image.height))
    assert sorted(sizes) == [("l", 1024, 768), ("z", 82, 640)]
    assert len(bench.files()) == 2


def test_originals_where_the_owner_allows_them(originals: Bench) -> None:
    allowed, kept_back = make_photo(1, width=1_500, height=1_000), make_photo(2, width=700, original_allowed=False)
    with Sandbox(Pictures([allowed, kept_back])) as sandbox:
        for photo in searched_photos(sandbox):
            image = photo.original if photo.id == allowed.id else photo.image
            assert image is not None
            whole = requests.get(image.url, timeout=30).content
            record = originals.fetch(photo)
            check_fetched(originals, photo, record, image, whole)
            assert (record.size == "o") == (photo.id == allowed.id)


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_a_fault_that_passes_is_tried_again_until_the_bytes_are_whole(bench: Bench, kind: str) -> None:
    with Sandbox(Pictures(PHOTOS), faults=Faults({kind: 0.5})) as sandbox:
        population = sandbox.population
        for photo in searched_photos(sandbox):
            assert photo.image is not None
            whole = population.image(population.photo(photo.id), "m")  # type: ignore[arg-type]
            check_fetched(bench, photo, bench.fetch(photo), photo.image, whole)
        assert sandbox.image_requests == len(bench.times) > len(PHOTOS)
    assert set(bench.files()) == {f"{MONTH}/{photo.id}.jpg" for photo in PHOTOS}


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_a_fault_that_stays_ends_the_run_and_is_never_gone(bench: Bench, kind: str) -> None:
    with Sandbox(Pictures(PHOTOS[:1]), faults=Faults({kind: 1.0})) as sandbox:
        (photo,) = searched_photos(sandbox)
        with pytest.raises(FlickrExifError, match=r"127\.0\.0\.1:\d+ keeps refusing downloads\. Run the same command"):
            bench.fetch(photo)
        assert sandbox.image_requests == Retry().attempts
    assert bench.files() == {}


def test_what_is_removed_is_gone_at_once(bench: Bench) -> None:
    """A 404 with an empty body, and the old redirect to photo_unavailable.gif."""
    photos = [make_photo(1), make_photo(2)]
    with Sandbox(Pictures(photos)) as sandbox:
        deleted, photo = sorted(searched_photos(sandbox), key=lambda photo: photo.id)
        sandbox.population.photos[0] = replace(photos[0], exif_access="deleted")  # type: ignore[attr-defined]
        assert bench.fetch(deleted) == ImageRecord(deleted.id, "gone", "l")
        sandbox.faults = Faults({"image-unavailable": 1.0})
        assert bench.fetch(photo) == ImageRecord(photo.id, "gone", "l")
        assert sandbox.image_requests == 2  # the redirect is not followed
    assert bench.files() == {}


def test_a_photo_without_any_image_is_gone_without_a_request(bench: Bench) -> None:
    with Sandbox(Pictures(PHOTOS[:1])) as sandbox:
        (photo,) = searched_photos(sandbox)
        assert bench.fetch(replace(photo, image=None)) == ImageRecord(photo.id, "gone")
        assert sandbox.image_requests == 0


# --- scripted answers ------------------------------------------------------------------------------------------

GOOD = jpeg(40, 30)
TRIED_AGAIN = {
    "429": (429, {}, b"<html>"),
    "403": (403, {"Content-Type": "image/gif"}, b"GIF89a"),
    "408": (408, {}, b""),
    "500": (500, {}, b"<html>"),
    "502": (502, {}, b""),
    "503": (503, {}, b""),
    "504": (504, {}, b""),
    "an error page": image_answer(b"<html>massage</html>", "text/html"),
    "no type": (200, {}, GOOD),
    "hung up": hang_up,
    "broken off": break_off,
    "cut": (200, {"Content-Type": "image/jpeg", "Content-Length": str(len(GOOD))}, GOOD[:200]),
}


@pytest.mark.parametrize("answer", TRIED_AGAIN.values(), ids=TRIED_AGAIN)
def test_answers_that_settle_nothing(bench: Bench, answer: object) -> None:
    with ScriptedServer(answer, answer, image_answer(GOOD)) as server:
        record = bench.fetch(scripted(server))
    assert (record.reason, record.sha256) == (None, hashlib.sha256(GOOD).hexdigest())
    assert len(server.requests) == len(bench.times) == 3
    assert bench.files() == {f"{MONTH}/1.jpg": GOOD}


SETTLED = {
    "404": ((404, {}, b""), "gone"),
    "410": ((410, {}, b""), "gone"),
    "400": ((400, {}, b""), "refused"),
    "418": ((418, {"Content-Type": "image/jpeg"}, GOOD), "refused"),
    "a page called an image": (image_answer(b"<html>" * 50), "not_an_image"),
    "nothing": (image_answer(b""), "not_an_image"),
    "half an image, whole as told": (image_answer(jpeg(40, 30)[:-200]), "damaged"),
    "other pixels": (image_answer(jpeg(41, 30)), "wrong_size"),
    "too many bytes": (image_answer(GOOD + bytes(5_000)), "too_large"),
}


@pytest.mark.parametrize(("answer", "reason"), SETTLED.values(), ids=SETTLED)
def test_answers_that_settle_the_photo(
    bench: Bench, answer: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 5_000)
    with ScriptedServer(answer) as server:
        assert bench.fetch(scripted(server)) == ImageRecord(1, reason, "l")
    assert len(server.requests) == 1
    assert bench.files() == {}
    assert reason in REASONS


def test_a_bomb_of_pixels_is_not_decoded(bench: Bench) -> None:
    with ScriptedServer(image_answer(png_header(15_000, 12_000))) as server:
        assert bench.fetch(scripted(server)).reason == "too_large"


@pytest.mark.parametrize(("width", "height"), [(40, 30), (30, 40), (None, None)])
def test_sizes_that_agree(bench: Bench, width: int | None, height: int | None) -> None:
    """A search may tell the size before the turn that Exif asks for, or none."""
    with ScriptedServer(image_answer(GOOD)) as server:
        record = bench.fetch(scripted(server, width, height))
    assert (record.reason, record.width, record.height) == (None, 40, 30)


def test_a_png_is_an_image_too(bench: Bench) -> None:
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 30), "red").save(buffer, "PNG")
    with ScriptedServer(image_answer(buffer.getvalue(), "image/png")) as server:
        assert bench.fetch(scripted(server)).sha256 == hashlib.sha256(buffer.getvalue()).hexdigest()


def test_a_throttle_pauses_the_host_for_everybody(bench: Bench) -> None:
    throttle = (429, {"Retry-After": "77"}, b"")
    with ScriptedServer(throttle, image_answer(GOOD)) as server:
        photo = scripted(server)
        bench.fetch(photo)
        bench.fetch(photo)
    first, second, third = bench.times
    assert first == START
    assert second - first >= 77
    assert third >= second


def test_no_more_downloads_a_second_than_the_limiter_grants(bench: Bench) -> None:
    with ScriptedServer(image_answer(GOOD)) as server:
        photo = scripted(server)
        for _ in range(7):
            bench.fetch(photo)
    assert all(later - earlier > 1.0 for earlier, later in zip(bench.times, bench.times[2:], strict=False))


def test_a_stop_ends_a_wait_and_leaves_no_partial_file(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    clock = SystemClock(stop)
    with requests.Session() as session, ScriptedServer((503, {"Retry-After": "60"}, b"")) as server:
        limiter = Limiter([], clock)
        fetcher = ImageFetcher(
            tmp_path / "images",
            "large",
            session,
            limiter,
            clock,
            Retry(),
            random.Random(0),
            is_image_server=is_loopback,
        )
        with pytest.raises(Interrupted):
            fetcher.fetch(scripted(server), MONTH, lambda _: {})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_second_fetch_replaces_the_file_in_one_step(bench: Bench) -> None:
    other = jpeg(40, 30, 90)
    with ScriptedServer(image_answer(GOOD), image_answer(GOOD[:-200]), image_answer(other)) as server:
        photo = scripted(server)
        bench.fetch(photo)
        assert bench.fetch(photo).reason == "damaged"
        assert bench.files() == {f"{MONTH}/1.jpg": GOOD}
        bench.fetch(photo)
    assert bench.files() == {f"{MONTH}/1.jpg": other}


# --- an image that stays 403 -----------------------------------------------------------------------------------

FORBIDDEN = (403, {}, b"")
PRIVATE, DELETED = PhotoSkipped(2, "Permission denied"), PhotoSkipped(1, "Photo not found")
SILENT = Unanswered("The server did not answer.", "Wait.", reached=False)


@pytest.mark.parametrize(("info", "reason"), [(PRIVATE, "private"), (DELETED, "gone")])
def test_an_image_that_stays_forbidden_is_settled_by_one_question(
    bench: Bench, info: FlickrExifError, reason: str
) -> None:
    bench.info = info
    with ScriptedServer(FORBIDDEN) as server:
        assert bench.fetch(scripted(server)) == ImageRecord(1, reason, "l")
    assert (len(server.requests), bench.asked) == (3, [1])


@pytest.mark.parametrize(
    "info", [{"photo": {}}, PhotoSkipped(116, "Bad URL"), CallRefused(3, "no"), SILENT], ids=["shared", "116", "3", "-"]
)
def test_a_photo_that_flickr_still_shares_is_tried_again_and_left_for_the_next_run(bench: Bench, info: Any) -> None:
    bench.info = info
    with ScriptedServer(FORBIDDEN) as server, pytest.raises(Unfetched, match="keeps refusing"):
        bench.fetch(scripted(server))
    assert (len(server.requests), bench.asked) == (Retry().attempts, [1])


def test_a_key_that_flickr_refuses_ends_the_run_there_too(bench: Bench) -> None:
    bench.info = KeyRefused("The server refused the API key.", "Check it.")
    with ScriptedServer(FORBIDDEN) as server, pytest.raises(KeyRefused):
        bench.fetch(scripted(server))


def test_a_forbidden_image_pauses_the_others_only_while_none_comes(bench: Bench) -> None:
    """Others come between its attempts, as another thread fetches them."""

    def forbidden(handler: Any, body: str) -> None:
        bench.fetcher.arrivals.add()
        handler.send_response(403)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with ScriptedServer(forbidden) as server, pytest.raises(Unfetched):
        bench.fetch(scripted(server))
    free = bench.clock.now()
    assert free > bench.times[-1]  # the last wait too was its own ...
    bench.limiter.acquire(bench.times.append)
    assert bench.times[-1] == free  # ... and holds nobody else
    assert len(server.requests) == Retry().attempts


# --- originals -------------------------------------------------------------------------------------------------


def with_original(server: ScriptedServer) -> SearchPhoto:
    """A photo of 40 x 30 pixels whose original of 80 x 60 is on the same server."""
    photo = scripted(server)
    assert photo.image is not None
    return replace(photo, original=Image("o", photo.image.url.replace("_b.jpg", "_o.jpg"), 80, 60))


def by_size(large: object, original: object) -> Any:
    """Answers by the address that is asked for."""

    def answer(handler: Any, body: str) -> None:
        status, headers, content = original if "_o.jpg" in handler.path else large  # type: ignore[misc]
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


WORSE: dict[str, tuple[object, str]] = {
    **{name: SETTLED[name] for name in ("404", "400", "a page called an image", "half an image, whole as told")},
    "other pixels": (image_answer(jpeg(81, 60)), "wrong_size"),
    "too many pixels": (image_answer(png_header(15_000, 12_000)), "too_large"),
    "forbidden": (FORBIDDEN, "refused"),  # and getInfo names no original
}


@pytest.mark.parametrize("before", ["large first", "original at once"])
@pytest.mark.parametrize(("answer", "reason"), WORSE.values(), ids=WORSE)
def test_the_smaller_image_stays_where_the_original_cannot_be_had(
    bench: Bench, originals: Bench, answer: object, reason: str, before: str
) -> None:
    originals.info = {"photo": {}}
    with ScriptedServer(by_size(image_answer(GOOD), answer)) as server:
        photo = with_original(server)
        held = bench.fetch(photo) if before == "large first" else None
        record = originals.fetch(photo, held)
    path = f"images/{MONTH}/1.jpg"
    assert record == ImageRecord(1, None, "l", path, hashlib.sha256(GOOD).hexdigest(), 40, 30, reason)
    assert originals.files() == {f"{MONTH}/1.jpg": GOOD}


def test_an_original_has_a_file_of_its_own(bench: Bench, originals: Bench) -> None:
    """The record of the smaller one is right until that of the original is written."""
    original = jpeg(80, 60)
    with ScriptedServer(by_size(image_answer(GOOD), image_answer(original))) as server:
        photo = with_original(server)
        record = originals.fetch(photo, bench.fetch(photo))
    assert (record.size, record.path) == ("o", f"images/{MONTH}/original/1.jpg")
    assert originals.files() == {f"{MONTH}/1.jpg": GOOD, f"{MONTH}/original/1.jpg": original}


def test_a_private_photo_is_not_asked_for_in_every_size(originals: Bench) -> None:
    originals.info = PRIVATE
    with ScriptedServer(FORBIDDEN) as server:
        record = originals.fetch(with_original(server))
    assert record == ImageRecord(1, "private", "o", original_reason="private")
    assert (len(server.requests), originals.asked) == (3, [1])


def test_neither_size(originals: Bench) -> None:
    with ScriptedServer(by_size(image_answer(b"no"), (404, {}, b""))) as server:
        record = originals.fetch(with_original(server))
    assert record == ImageRecord(1, "not_an_image", "l", original_reason="gone")
    assert originals.files() == {}


# --- what no reader takes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["http://[::1/1.jpg", "http:///1.jpg", f"http://{'a' * 70}.example/1.jpg", "http://x:y/"]
)
def test_an_address_that_is_none_is_one_photo_without_an_image(bench: Bench, url: str) -> None:
    with Sandbox(Pictures(PHOTOS[:1])) as sandbox:
        (photo,) = searched_photos(sandbox)
    assert bench.fetch(replace(photo, image=Image("l", url, 40, 30))).reason == "refused"
