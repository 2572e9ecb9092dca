"""Settings of this machine that keep every call from Flickr: one sentence before the first, over a real proxy."""

import os
import socket
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.certs import where

from flickrexif.collectors.flickr.connection import check_connection, proxy_variable
from flickrexif.collectors.flickr.credentials import SANDBOX, transport
from flickrexif.collectors.journal import read_journal
from flickrexif.collectors.session import journal_path
from flickrexif.core.errors import UsageError
from tests.scripted_server import AGENT, ScriptedServer, closed_port

# Names that nobody resolves: whatever goes there goes through the proxy.
HTTPS, HTTP = "https://api.flickr.invalid/services/rest/", "http://api.flickr.invalid/services/rest/"
PASSWORD = "hunter2hunter2"
WANTS_PASSWORD = (407, {"Proxy-Authenticate": "Basic"}, b"")
SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Proxy(ScriptedServer):
    """A proxy that answers every request, also to open a tunnel, as scripted."""

    def __enter__(self) -> "Proxy":
        super().__enter__()
        handler = self.server.RequestHandlerClass
        handler.do_CONNECT = handler.do_HEAD = handler.do_GET
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        return self


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(WANTS_PASSWORD) as running:
        yield running


def refusal(url: str) -> str:
    """The sentence that a transport to `url` is refused with."""
    with pytest.raises(UsageError) as caught:
        transport(SANDBOX, url, AGENT)
    assert caught.value.exit_code == 2
    seen = [*traceback.format_exception(caught.value), repr(caught.value.__context__)]
    assert [text for text in seen if PASSWORD in text] == []
    return str(caught.value)


@pytest.mark.parametrize("url", [HTTPS, HTTP])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS5H"])
def test_a_socks_proxy_without_its_package(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str, scheme: str
) -> None:
    monkeypatch.setenv(variable, f"{scheme}://user:{PASSWORD}@127.0.0.1:{closed_port()}")
    text = refusal(url)
    assert text.startswith(f"{variable} names a SOCKS proxy")
    assert 'pip install "requests[socks]"' in text


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http://[::1",
        f"http://user:{PASSWORD}@proxy:port",
        f"http://user:{PASSWORD}@proxy:99999",
        f"htp://user:{PASSWORD}@proxy:3128",
        "proxy host:3128",
        ":3128",
        "http://proxy..example:3128",
        "/usr/bin",
    ],
)
@pytest.mark.parametrize(("url", "variable"), [(HTTPS, "HTTPS_PROXY"), (HTTP, "http_proxy"), (HTTPS, "ALL_PROXY")])
def test_an_address_that_is_no_proxys(monkeypatch: pytest.MonkeyPatch, url: str, variable: str, address: str) -> None:
    monkeypatch.setenv(variable, address)
    assert refusal(url).startswith(f"{variable} is not the address of a proxy. Correct it")


@pytest.mark.parametrize(("url", "command"), [(HTTPS, "CONNECT"), (HTTP, "HEAD")])
def test_a_proxy_that_wants_a_password(monkeypatch: pytest.MonkeyPatch, proxy: Proxy, url: str, command: str) -> None:
    monkeypatch.setenv("all_proxy", proxy.address.replace("//", f"//user:{PASSWORD}@"))
    assert refusal(url).startswith("The proxy that all_proxy names asks for a user and a password. Put them")
    ((sent, path, headers, _),) = proxy.requests
    assert sent == command
    assert path in ("api.flickr.invalid:443", "http://api.flickr.invalid/")  # no key, no method
    assert "Authorization" not in headers


def test_a_proxy_that_lets_through_or_fails_for_now_is_left_to_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for status in (200, 403, 502, 503):
        with Proxy((status, {}, b"")) as proxy:
            monkeypatch.setenv("http_proxy", proxy.address)
            transport(SANDBOX, HTTP, AGENT)
            assert [headers["User-Agent"] for _, _, headers, _ in proxy.requests] == [AGENT]
            monkeypatch.setenv("https_proxy", proxy.address)
            if status != 200:
                transport(SANDBOX, HTTPS, AGENT)
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    transport(SANDBOX, HTTP, AGENT)
    transport(SANDBOX, HTTPS, AGENT)


def test_only_the_proxy_that_applies_is_asked(monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", proxy.address)
    assert proxy_variable(HTTP) == "http_proxy"
    assert proxy_variable(HTTPS) == "HTTPS_PROXY"
    assert proxy_variable("https://127.0.0.1/") == "HTTPS_PROXY"
    monkeypatch.setenv("no_proxy", "flickr.invalid,localhost")
    assert proxy_variable(HTTP) is None
    check_connection(HTTP, AGENT)
    check_connection(HTTPS, AGENT)
    for url in ("https://127.0.0.1:8600/services/rest/", "http://localhost/", "http://[::1]:8600/"):
        check_connection(url, AGENT)  # this machine is reached without a proxy
    assert proxy.requests == []


def test_the_spelling_that_wins_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_variable(HTTPS) is None
    for name in ("HTTPS_PROXY", "Https_Proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{name.lower()}.example.org:3128")
    assert proxy_variable(HTTPS) == "https_proxy"
    assert requests.utils.get_environ_proxies(HTTPS)["https"] == os.environ["https_proxy"]


# -- certificates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    empty, text = tmp_path / "empty.pem", tmp_path / "text.pem"
    empty.touch()
    text.write_text("-----BEGIN CERTIFICATE-----\nnot base64\n")
    for path, words in ((tmp_path / "none.pem", "does not exist"), (empty, "no cert"), (text, "no cert")):
        monkeypatch.setenv(variable, str(path))
        sentence = refusal(HTTPS)
        assert sentence.startswith(f"{variable} names {path}, which ")
        assert words in sentence
        assert sentence.endswith(f"Correct the path, or unset {variable}.")
        transport(SANDBOX, HTTP, AGENT)  # no certificate is asked for
        transport(SANDBOX, "https://127.0.0.1:8600/", AGENT)


def test_certificates_as_requests_reads_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in (where(), tmp_path):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
        monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere")
        transport(SANDBOX, HTTPS, AGENT)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    assert refusal(HTTPS).startswith("CURL_CA_BUNDLE names /nowhere, which does not exist.")


# -- the command --------------------------------------------------------------------------------------------------

KEY = "0123456789abcdef"


@pytest.mark.parametrize("images", ["none", "large"])
@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ALL_PROXY", "socks5h://127.0.0.1:1", "names a SOCKS proxy"),
        ("HTTPS_PROXY", "", "asks for a user and a password"),
        ("https_proxy", "http://[::1", "is not the address of a proxy"),
        ("CURL_CA_BUNDLE", "/nowhere", "does not exist"),
    ],
)
def test_a_crawl_ends_before_a_call_is_booked(
    run: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    proxy: Proxy,
    variable: str,
    value: str,
    words: str,
    images: str,
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    monkeypatch.setenv("FLICKR_API_SECRET", PASSWORD)
    monkeypatch.setenv("FLICKREXIF_CONTACT", "a@example.org")
    monkeypatch.setenv(variable, value or proxy.address)
    options = ("--data-dir", tmp_path, "--endpoint", HTTPS, "--images", images)
    code, out, err = run("crawl", "--month", "2024-08", *options)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert variable in line
    assert words in line
    assert KEY not in line
    assert PASSWORD not in line
    if images == "none":
        with read_journal(journal_path(tmp_path)) as journal:
            assert journal.calls() == {}
    else:
        assert not journal_path(tmp_path).exists()
    assert [command for command, *_ in proxy.requests] == ([] if value else ["CONNECT"])


@pytest.mark.parametrize(
    "endpoint", ["http://[::1", "http://[::1]]/", "https://a..b/", "http://h:x/", "api.flickr.com"]
)
@pytest.mark.parametrize("key", ["", KEY])
def test_an_endpoint_that_is_no_address_is_one_sentence(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, endpoint: str, key: str
) -> None:
    for name in ("FLICKR_API_KEY", "FLICKR_API_SECRET"):
        monkeypatch.setenv(name, key)
    monkeypatch.delenv("FLICKR_CREDENTIALS", raising=False)
    code, out, err = run("crawl", "--month", "2024-08", "--data-dir", tmp_path, "--endpoint", endpoint)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"flickrexif: {endpoint!r} is not the address of an API. Give one such as")


def test_the_host_of_these_tests_has_no_address() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("api.flickr.invalid", 443)
