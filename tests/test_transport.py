"""One attempt at a call, over real HTTP: what is sent, what comes back, and what never leaks."""

import base64
import hashlib
import hmac
import logging
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import pytest

from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials, from_environment, transport
from flickrexif.collectors.flickr.transport import (
    MAX_BODY,
    ConnectionFailed,
    PlainTransport,
    SignedTransport,
    is_loopback,
)
from flickrexif.core.errors import UsageError
from tests.scripted_server import AGENT, KEY, SECRET, ScriptedServer, Stall, break_off, closed_port, hang_up

Make = Callable[..., SignedTransport | PlainTransport]


def signed(endpoint: str, timeout: float = 30.0) -> SignedTransport:
    return SignedTransport(KEY, SECRET, endpoint, AGENT, timeout)


def plain(endpoint: str, timeout: float = 30.0) -> PlainTransport:
    return PlainTransport(KEY, endpoint, AGENT, timeout)


both = pytest.mark.parametrize("make", [signed, plain])
OK = (200, {}, b'{"stat":"ok"}')


def oauth_parameters(headers: Mapping[str, str]) -> dict[str, str]:
    scheme, _, rest = headers["Authorization"].partition(" ")
    assert scheme == "OAuth"
    return {name: unquote(value.strip('"')) for name, value in (pair.split("=", 1) for pair in rest.split(", "))}


def hmac_sha1(command: str, url: str, parameters: Iterable[tuple[str, str]], secret: str) -> str:
    """RFC 5849, section 3.4, from the text of the standard."""
    pairs = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in parameters)
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join((command, quote(url, safe="-._~"), quote(joined, safe="-._~")))
    digest = hmac.new(f"{secret}&".encode(), base.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def test_signed_calls_are_posts_signed_anew_each_time() -> None:
    arguments = {"text": "ünï & = + ~ 50%", "min_taken_date": "2024-08-01 00:00:00", "page": 2}
    with ScriptedServer(OK) as server:
        sender = signed(server.endpoint)
        for _ in range(3):
            sender.call("flickr.photos.search", arguments)
    nonces = set()
    for command, path, headers, body in server.requests:
        assert (command, path) == ("POST", "/services/rest/")
        assert headers["User-Agent"] == AGENT
        form = dict(parse_qsl(body, strict_parsing=True))
        assert form == {name: str(value) for name, value in arguments.items()} | {
            "method": "flickr.photos.search",
            "format": "json",
            "nojsoncallback": "1",
        }
        oauth = oauth_parameters(headers)
        signature = oauth.pop("oauth_signature")
        parameters = [*form.items(), *oauth.items()]
        assert oauth["oauth_consumer_key"] == KEY
        assert signature == hmac_sha1("POST", server.endpoint, parameters, SECRET)
        nonces.add(oauth["oauth_nonce"])
    assert len(nonces) == 3


def test_plain_calls_are_gets_with_the_key_in_the_query() -> None:
    with ScriptedServer(OK) as server:
        plain(server.endpoint).call("flickr.photos.getExif", {"photo_id": 7, "secret": "a b"})
    ((command, path, headers, _body),) = server.requests
    assert command == "GET"
    assert headers["User-Agent"] == AGENT
    assert "Authorization" not in headers
    assert dict(parse_qsl(path.partition("?")[2])) == {
        "method": "flickr.photos.getExif",
        "photo_id": "7",
        "secret": "a b",
        "api_key": KEY,
        "format": "json",
        "nojsoncallback": "1",
    }


@both
@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 429, 500, 503])
def test_any_status_comes_back_whole(make: Make, status: int) -> None:
    headers = {"Retry-After": "7", "X-Sandbox-Population": "simulated", "Location": "http://127.0.0.1:9/elsewhere"}
    with ScriptedServer((status, headers, b"<html>\xff&</html>")) as server:
        reply = make(server.endpoint).call("flickr.photos.search", {})
    assert (reply.status, reply.body) == (status, b"<html>\xff&</html>")
    assert (reply.headers["retry-after"], reply.headers["x-sandbox-population"]) == ("7", "simulated")
    assert len(server.requests) == 1


@both
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(make: Make, status: int) -> None:
    with ScriptedServer(OK) as elsewhere, ScriptedServer((status, {"Location": elsewhere.endpoint}, b"")) as server:
        assert make(server.endpoint).call("flickr.photos.search", {}).status == status
    assert elsewhere.requests == []


@both
def test_threads_have_sessions_of_their_own(make: Make) -> None:
    with ScriptedServer(echo) as server:
        sender, replies = make(server.endpoint), {}

        def work(number: int) -> None:
            for part in range(5):
                replies[number, part] = sender.call("flickr.photos.getExif", {"photo_id": f"{number}-{part}"}).body

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert replies == {(n, p): f"{n}-{p}".encode() for n in range(6) for p in range(5)}


def echo(handler: Any, body: str) -> None:
    fields = dict(parse_qsl(handler.path.partition("?")[2] + "&" + body))
    content = fields["photo_id"].encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def babble(handler: Any, body: str) -> None:
    handler.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")


def lie_about_gzip(handler: Any, body: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(b"not gzip at all")


def flood(handler: Any, body: str) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(MAX_BODY // 2**20 + 1):
        handler.wfile.write(bytes(2**20))


@both
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (hang_up, "broken connection"),
        (break_off, "broken connection"),
        (babble, "broken connection"),
        (lie_about_gzip, "broken connection"),
        (flood, "answer too large"),
    ],
)
def test_broken_answers_are_connection_failures(make: Make, answer: Any, kind: str) -> None:
    with ScriptedServer(answer) as server, pytest.raises(ConnectionFailed) as caught:
        make(server.endpoint).call("flickr.photos.search", {})
    assert caught.value.kind == kind
    assert len(server.requests) == 1  # nothing below retries by itself


@both
@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_silence_is_timed_out(make: Make, beginning: bytes) -> None:
    stall = Stall(beginning)
    with ScriptedServer(stall.answer) as server:
        with pytest.raises(ConnectionFailed) as caught:
            make(server.endpoint, timeout=0.2).call("flickr.photos.search", {})
        stall.released.set()
    assert caught.value.kind == "timed out"


@both
@pytest.mark.parametrize(("scheme", "kind"), [("http", "unreachable"), ("https", "unreachable")])
def test_nobody_there(make: Make, scheme: str, kind: str) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        make(f"{scheme}://127.0.0.1:{closed_port()}/").call("flickr.photos.search", {})
    assert caught.value.kind == kind


@both
def test_no_tls_where_it_was_expected(make: Make) -> None:
    with ScriptedServer(OK) as server, pytest.raises(ConnectionFailed) as caught:
        make(server.endpoint.replace("http:", "https:")).call("flickr.photos.search", {})
    assert caught.value.kind == "TLS failure"


@both
def test_the_next_call_works_after_a_failed_one(make: Make) -> None:
    with ScriptedServer(hang_up, break_off, OK) as server:
        sender = make(server.endpoint)
        for _ in range(2):
            with pytest.raises(ConnectionFailed):
                sender.call("flickr.photos.search", {})
        assert sender.call("flickr.photos.search", {}).body == OK[2]


@both
def test_this_machine_is_reached_without_the_proxy(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with ScriptedServer(OK) as server:
        assert make(server.endpoint).call("flickr.photos.search", {}).status == 200


@both
def test_nothing_secret_reaches_logs_messages_or_reprs(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = f"oauth_problem=signature_invalid&debug_sbs=POST%26oauth_consumer_key%3D{KEY}".encode()
    seen = []
    with ScriptedServer(OK, (401, {}, refusal), (500, {}, refusal), hang_up, break_off, lie_about_gzip) as server:
        sender = make(server.endpoint)
        for _ in range(6):
            try:
                sender.call("flickr.photos.search", {"page": 1})
            except ConnectionFailed as error:
                seen += [repr(error), "".join(traceback.format_exception(error)), *contexts(error)]
    sender = make(f"http://127.0.0.1:{closed_port()}/")
    with pytest.raises(ConnectionFailed) as caught:
        sender.call("flickr.photos.search", {"page": 1})
    seen += ["".join(traceback.format_exception(caught.value)), *contexts(caught.value), repr(sender), str(sender)]
    seen += [f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records]
    secrets = {KEY, SECRET}
    for _, _, headers, _ in server.requests:
        if "Authorization" in headers:
            signature = oauth_parameters(headers)["oauth_signature"]
            secrets |= {signature, quote(signature, safe="")}
    assert len(server.requests) == 6
    assert [(text, secret) for text in seen for secret in secrets if secret in text] == []


def contexts(error: BaseException) -> Iterator[str]:
    """What a logger that follows the chain would print."""
    while error := error.__cause__ or error.__context__:
        yield f"{error!r} {getattr(error, 'request', None)}"


@pytest.mark.parametrize(
    ("endpoint", "loopback"),
    [
        ("http://127.0.0.1:8600/services/rest/", True),
        ("http://localhost/", True),
        ("http://[::1]:80/", True),
        ("http://127.9.9.9/", True),
        ("https://api.flickr.com/services/rest/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost.example.org/", False),
        ("http://127.0.0.1@example.org/", False),
        ("http://192.168.0.1/", False),
        ("nonsense", False),
    ],
)
def test_is_loopback(endpoint: str, loopback: bool) -> None:
    assert is_loopback(endpoint) is loopback


# -- credentials --------------------------------------------------------------------------------------------------

FLICKR, LOCAL = "https://api.flickr.com/services/rest/", "http://127.0.0.1:8600/services/rest/"


def key_file(folder: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    path = folder / "flickr keys"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return {"FLICKR_CREDENTIALS": str(path)}


def pair(credentials: Credentials) -> tuple[str, str | None]:
    return credentials.key, credentials.secret


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FLICKR_API_KEY": KEY, "FLICKR_API_SECRET": SECRET}, (KEY, SECRET)),
        ({"FLICKR_API_KEY": f" {KEY}\n"}, (KEY, None)),
        ({"FLICKR_API_KEY": KEY, "FLICKR_API_SECRET": ""}, (KEY, None)),
        ({"FLICKR_API_KEY": KEY, "FLICKR_CREDENTIALS": "/nowhere"}, (KEY, None)),
    ],
)
def test_keys_of_the_environment(environ: dict[str, str], expected: tuple[str, str | None]) -> None:
    for endpoint in (FLICKR, LOCAL):
        assert pair(from_environment(environ, endpoint)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key={KEY}\nsecret={SECRET}\n", (KEY, SECRET)),
        (f"# mine\n\n key = {KEY}\r\n", (KEY, None)),
        (f"export FLICKR_API_KEY='{KEY}'\nexport FLICKR_API_SECRET=\"{SECRET}\"  # a comment", (KEY, SECRET)),
    ],
)
def test_keys_of_a_file(tmp_path: Path, text: str, expected: tuple[str, str | None]) -> None:
    assert pair(from_environment(key_file(tmp_path, text), FLICKR)) == expected


def test_the_embedded_servers_key_is_for_this_machine_only() -> None:
    assert from_environment({}, LOCAL) == SANDBOX
    with pytest.raises(UsageError) as caught:
        from_environment({}, FLICKR)
    assert "https://www.flickr.com/services/apps/create/" in str(caught.value)
    assert "--sandbox" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_mend(tmp_path: Path, mode: int) -> None:
    environ = key_file(tmp_path, f"key={KEY}\n", mode)
    with pytest.raises(UsageError) as caught:
        from_environment(environ, FLICKR)
    command = caught.value.hint.removeprefix("Type: ")
    assert os.system(command) == 0
    assert from_environment(environ, FLICKR).key == KEY


@pytest.mark.parametrize(
    "text", [f"{KEY}\n", f"key={KEY} {SECRET}\n", f"key={KEY}é", f"secret={SECRET}", "", "\x00\xff"]
)
def test_a_key_file_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    for endpoint in (FLICKR, LOCAL):
        with pytest.raises(UsageError) as caught:
            from_environment(key_file(tmp_path, text), endpoint)
        assert KEY not in str(caught.value)
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"FLICKR_CREDENTIALS": "/nowhere/at/all"},
        {"FLICKR_CREDENTIALS": "/"},
        {"FLICKR_API_SECRET": SECRET},
        {"FLICKR_API_KEY": f"'{KEY}'"},
        {"FLICKR_API_KEY": "\udcff"},
        {"FLICKR_API_KEY": KEY, "FLICKR_API_SECRET": f"{SECRET}\nX-Header: 1"},
    ],
)
def test_an_environment_that_cannot_be_used(environ: dict[str, str]) -> None:
    for endpoint in (FLICKR, LOCAL):
        with pytest.raises(UsageError) as caught:
            from_environment(environ, endpoint)
        assert KEY not in str(caught.value)
        assert SECRET not in str(caught.value)


def test_credentials_print_neither_key_nor_secret() -> None:
    text = f"{Credentials(KEY, SECRET)!r} {Credentials(KEY, SECRET)}"
    assert KEY not in text
    assert SECRET not in text


def test_a_secret_means_signed_calls() -> None:
    assert isinstance(transport(Credentials(KEY, SECRET), FLICKR, AGENT), SignedTransport)
    assert isinstance(transport(Credentials(KEY), FLICKR, AGENT), PlainTransport)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "api.flickr.com",
        "ftp://x/",
        "http://",
        "http://h:port/",
        "http://h:99999/",
        "http://[::1",
        "http://a b/",
        "http://ä/",
    ],
)
def test_an_endpoint_that_is_no_address(endpoint: str) -> None:
    with pytest.raises(UsageError, match="is not the address of an API"):
        transport(SANDBOX, endpoint, AGENT)
