"""Servers that mean harm: answers that lead elsewhere, never end, are nested without end, or have the wrong types."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants
from typer.testing import CliRunner

from flickrexif.cards.publish import PublishSettings, plan, publish
from flickrexif.cli import app
from flickrexif.collectors.flickr.client import ANSWERS, SEARCH, Failure, read
from flickrexif.collectors.flickr.credentials import SANDBOX
from flickrexif.collectors.flickr.deadline import bounded_session
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT, parse_photo, parse_search, server_of
from flickrexif.collectors.flickr.transport import ConnectionFailed, PlainTransport, Reply, SignedTransport
from flickrexif.collectors.images import REDIRECTS, Unfetched
from flickrexif.collectors.journal import ImageRecord
from flickrexif.collectors.session import Service
from flickrexif.core.addresses import check_hub
from flickrexif.core.errors import FlickrExifError
from tests.pushing import TOKEN, make
from tests.scripted_server import AGENT, KEY, SECRET, ScriptedServer
from tests.test_images import GOOD, Bench, image_answer, scripted

PRIVATE = (
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/1.jpg",
    "http://192.168.1.1/1.jpg",
    "http://[::1]:80/1.jpg",
    "http://0.0.0.0/1.jpg",
    "file:///etc/passwd",
    "ftp://live.staticflickr.com/1.jpg",
)
DECEIVING = (  # not Flickr's, though they look so to one program or another
    "https://live.staticflickr.com.example.org/1.jpg",
    "https://live.staticflickr.com@example.org/1.jpg",
    "https://example.org\\@live.staticflickr.com/1.jpg",
    "https://example.org/\t@live.staticflickr.com/1.jpg",
    "https://evilstaticflickr.com/1.jpg",
    "//live.staticflickr.com/1.jpg",
    "https://live.staticflickr.com\uff0f.example.org/1.jpg",
)


def bench_of(folder: Path, *servers: ScriptedServer) -> Bench:
    """A fetcher that takes these servers for image servers."""
    bench = Bench(folder)
    ours = {server_of(server.endpoint) for server in servers}
    bench.fetcher = replace(bench.fetcher, is_image_server=lambda address: server_of(address) in ours)
    return bench


# --- where an answer leads


@pytest.mark.parametrize("address", [*PRIVATE, *DECEIVING])
def test_flickrs_images_are_at_flickrs_servers(address: str) -> None:
    flickr = Service(credentials=SANDBOX, calls_per_hour=None)
    other = Service(endpoint="https://api.example.com/services/rest/", credentials=SANDBOX, calls_per_hour=None)
    assert not flickr.has_images_at(address)
    assert not other.has_images_at(address)
    assert flickr.has_images_at("https://live.staticflickr.com/65535/1_a_b.jpg")
    assert other.has_images_at("https://api.example.com/65535/1_a_b.jpg")
    assert flickr.endpoint == FLICKR_ENDPOINT


@pytest.mark.parametrize("address", [*PRIVATE, *DECEIVING[:-1]])  # headers are in ASCII
def test_no_redirect_leaves_the_image_servers(tmp_path: Path, address: str) -> None:
    with ScriptedServer((302, {"Location": address}, b"")) as server:
        bench = bench_of(tmp_path, server)
        assert bench.fetch(scripted(server)) == ImageRecord(1, "refused", "l")
        assert len(server.requests) == 1
    assert bench.files() == {}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_server_here_is_not_reached_through_a_redirect(tmp_path: Path, status: int) -> None:
    with ScriptedServer(image_answer(GOOD)) as inner:
        with ScriptedServer((status, {"Location": inner.endpoint}, b"")) as server:
            assert bench_of(tmp_path, server).fetch(scripted(server)).reason == "refused"
        assert inner.requests == []
        with ScriptedServer((status, {"Location": inner.endpoint}, b"")) as server:
            assert bench_of(tmp_path, server, inner).fetch(scripted(server)).reason is None


def test_an_address_of_the_api_is_not_asked_when_it_is_no_image_server(tmp_path: Path) -> None:
    with ScriptedServer(image_answer(GOOD)) as inner:
        assert bench_of(tmp_path).fetch(scripted(inner)).reason == "refused"
        assert inner.requests == []


def test_redirects_in_a_circle_end(tmp_path: Path) -> None:
    with ScriptedServer((302, {"Location": "/again"}, b"")) as server:
        assert bench_of(tmp_path, server).fetch(scripted(server)).reason == "refused"
        assert len(server.requests) == REDIRECTS + 1


# --- answers that drip


def drip(*parts: bytes, each: int = 40) -> Callable[[Any, str], None]:
    """Sends `parts` with `each` bytes between them, one at a time: whole in the end, if anybody waits."""

    def answer(handler: Any, body: str) -> None:
        head, filler, tail = parts
        with suppress(OSError):
            handler.wfile.write(head)
            for _ in range(each):
                handler.wfile.write(filler)
                handler.wfile.flush()
                time.sleep(0.05)
            handler.wfile.write(tail)

    return answer


START = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
DRIPS = {
    "status": drip(b"HTTP/1.1 200 ", b"O", b"\r\nContent-Length: 0\r\n\r\n"),
    "header": drip(START + b"X-Long: ", b"x", b"\r\nContent-Length: 0\r\n\r\n"),
    "headers": drip(START, b"X: y\r\n", b"Content-Length: 0\r\n\r\n"),
    "body": drip(START + b"Content-Length: 40\r\n\r\n", b" ", b""),
    "chunks": drip(START + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", b"0\r\n\r\n"),
    "until the end": drip(START + b"Connection: close\r\n\r\n", b" ", b""),
}


@pytest.mark.parametrize("answer", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_is_cut_off(answer: object) -> None:
    with ScriptedServer(answer) as server:
        for sender in (
            PlainTransport(KEY, server.endpoint, AGENT, longest=0.3),
            SignedTransport(KEY, SECRET, server.endpoint, AGENT, longest=0.3),
        ):
            with pytest.raises(ConnectionFailed, match="timed out"):
                sender.call(SEARCH, {})


@pytest.mark.parametrize("kind", ["headers", "body"])
def test_an_image_that_drips_is_cut_off(tmp_path: Path, kind: str) -> None:
    with ScriptedServer(DRIPS[kind]) as server:
        bench = bench_of(tmp_path, server)
        retry = replace(bench.fetcher.retry, attempts=2)
        with bounded_session(AGENT, 0.3, 4, proxies=False) as session:
            bench.fetcher = replace(bench.fetcher, session=session, retry=retry)
            with pytest.raises(Unfetched):
                bench.fetch(scripted(server))
    assert bench.files() == {}


def test_what_comes_in_time_is_whole(tmp_path: Path) -> None:
    """Over connections that stay open, with lengths and in chunks."""
    chunked = START + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)

    def in_chunks(handler: Any, body: str) -> None:
        handler.wfile.write(chunked)

    with ScriptedServer(image_answer(GOOD), in_chunks, image_answer(GOOD)) as server:
        bench = bench_of(tmp_path, server)
        with bounded_session(AGENT, 60.0, 4, proxies=False) as session:
            bench.fetcher = replace(bench.fetcher, session=session)
            assert [bench.fetch(scripted(server)).reason for _ in range(3)] == [None] * 3
    assert len(server.requests) == 3


# --- answers that are nested, or of wrong types

PARTS = [b"[", b'{"a":', b'{"_content":']


def nested(opening: bytes, levels: int) -> bytes:
    closing = b"]" if opening == b"[" else b"}"
    return opening * levels + b"1" + closing * levels


@pytest.mark.parametrize("levels", [30, 900, 1_023, 5_000, 1_000_000])
@pytest.mark.parametrize("opening", PARTS)
@pytest.mark.parametrize("bad", [b"", b"\xff"], ids=["whole", "not UTF-8"])
def test_nesting_is_bounded(opening: bytes, levels: int, bad: bytes) -> None:
    """Also where Flickr's texts stand: in messages, names of licences, titles, Exif."""
    deep = nested(opening, levels)
    for method, part in ANSWERS.items():
        for body in (
            b'{"stat":"ok","%b":{"photo":[],"a":%b},"t":"%b"}' % (part.encode(), deep, bad),
            b'{"stat":"fail","code":%b,"message":%b,"t":"%b"}' % (deep, deep, bad),
            deep,
        ):
            answer = read(method, Reply(200, {}, body))
            assert isinstance(answer, Failure)
            assert answer.text == "an answer that is no JSON object"


WRONG: list[Any] = [
    None,
    True,
    -1,
    1e308,
    2**80,
    "",
    "x" * 100_000,
    "\ud800",
    [],
    [1],
    {},
    {"_content": {"_content": 1}},
]


@pytest.mark.parametrize("value", WRONG, ids=[str(value)[:20] for value in WRONG])
def test_wrong_types_are_no_answer_or_none(value: Any) -> None:
    keys = ("id", "owner", "secret", "title", "license", "media", "url_l", "width_l", "datetaken", "dateupload")
    whole = {"id": "1", "owner": "1@N00", "url_l": "https://live.staticflickr.com/1.jpg"}
    for key in keys:
        photo = parse_photo(whole | {key: value})
        assert photo is None or isinstance(photo.id, int)
    for fields in ({"photo": value}, {"photo": [value], "total": value}):
        search = parse_search({"photos": fields})
        assert isinstance(search.total, int)
    for method, part in ANSWERS.items():
        for answer in ({"stat": value, part: {}}, {"stat": "ok", part: [value]}, {"stat": "fail", "code": value}):
            assert isinstance(read(method, Reply(200, {}, json.dumps(answer).encode())), Failure)


HOSTILE_BODIES = {
    "deep message": b'{"stat":"fail","code":1,"message":%b}' % nested(b"[", 1_000),
    "wrong": b'{"stat":"ok","licenses":{"license":[{"id":{},"name":[1]},7,null]},"photos":{"photo":[7]}}',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_a_crawl_ends_in_a_sentence(tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with ScriptedServer((200, {}, body)) as server:
        options = ["crawl", "--month", "2024-08", "--endpoint", server.endpoint, "--data-dir", str(tmp_path / "data")]
        result = CliRunner().invoke(app, options)
    assert result.exit_code in (1, 3), result.output
    assert "Traceback" not in result.output


# --- a Hub that is none


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub") / "flickrexif"
    make(root, root.parent / "images", {"2024-08": [1]})
    return root


HUBS: dict[str, Any] = {
    "deep": nested(b"[", 100_000),
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "no json": b"<html>",
    "wrong": b'{"branches":[{"name":7}],"tags":{},"converts":null,"sha":[],"siblings":3,"private":"x"}',
}


@pytest.mark.parametrize("body", HUBS.values(), ids=HUBS)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_that_is_not_the_hubs_is_a_sentence(
    data_set: Path, body: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer((status, {"Content-Type": "application/json"}, body)) as server:
        address = server.endpoint.removesuffix("/services/rest/")
        api = HfApi(address, TOKEN)
        with pytest.raises(FlickrExifError) as caught:
            publish(plan(data_set, PublishSettings(repo="jo/d"), api), api)
        assert len(str(caught.value)) < 600
        monkeypatch.setattr(constants, "ENDPOINT", address)
        with suppress(FlickrExifError):
            check_hub("jo/d")
