"""One attempt at one API call over HTTP, signed or plain. Nothing here retries, waits or reads the answer.

The key, the secret and the signature stay out of every message. As requests puts the URL into its exceptions, and
flickrapi logs Flickr's refusals, which repeat the signed text, failures become `ConnectionFailed`, which only names
the kind, and these libraries' loggers are silenced.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import requests

MAX_BODY = 8 * 2**20  # bytes; a full search page has under 1 MB
CHUNK = 2**16
TIMEOUT = 30.0  # seconds to connect, and between two parts of an answer
LONGEST = 120.0  # seconds that an answer may take
LOGGERS = ("flickrapi", "oauthlib", "requests_oauthlib", "urllib3.connectionpool")

Arguments = Mapping[str, str | int]
Kind = Literal["timed out", "unreachable", "TLS failure", "broken connection", "answer too large"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ConnectionFailed(Exception):
    """No complete HTTP answer came."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind: Kind = kind


class Transport(Protocol):
    """Makes single attempts; called from many threads at once."""

    def call(self, method: str, arguments: Arguments) -> Reply:
        """One attempt at `method`, e.g. flickr.photos.search. Raises `ConnectionFailed` and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class SignedTransport:
    """OAuth-signed POST: flickrapi builds and signs each request, over one session a thread."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    endpoint: str
    user_agent: str
    timeout: float = TIMEOUT
    longest: float = LONGEST
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def call(self, method: str, arguments: Arguments) -> Reply:
        """See `Transport.call`."""
        api = getattr(self._local, "api", None)
        if api is None:
            api = self._local.api = self._open()
        return _attempt(lambda: api.do_flickr_call(method, **arguments))

    def _open(self) -> Any:
        from flickrapi import FlickrAPI

        api = FlickrAPI(self.key, self.secret, format="json", store_token=False, timeout=self.timeout)
        api.REST_URL = self.endpoint
        api.flickr_oauth.session = _WholeReplies(_session(self.endpoint, self.user_agent, self.longest))
        return api


@dataclass(frozen=True, slots=True)
class _WholeReplies:
    """Replaces flickrapi's session, because flickrapi drops the status and headers of all answers but a 200.

    It always says "200" and gives the whole `Reply` as content, which flickrapi hands on with format="json".
    """

    session: "requests.Session"

    def post(self, url: str, **options: Any) -> SimpleNamespace:
        answer = self.session.post(url, **options, allow_redirects=False, stream=True)
        return SimpleNamespace(status_code=200, content=_read(answer))


@dataclass(frozen=True, slots=True)
class PlainTransport:
    """Unsigned GET, for a key without its secret."""

    key: str = field(repr=False)
    endpoint: str
    user_agent: str
    timeout: float = TIMEOUT
    longest: float = LONGEST
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def call(self, method: str, arguments: Arguments) -> Reply:
        """See `Transport.call`."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _session(self.endpoint, self.user_agent, self.longest)
        fixed = {"method": method, "api_key": self.key, "format": "json", "nojsoncallback": "1"}
        parameters = {**arguments, **fixed}
        return _attempt(
            lambda: _read(
                session.get(
                    self.endpoint,
                    params=parameters,
                    timeout=self.timeout,
                    allow_redirects=False,
                    stream=True,
                )
            )
        )


def is_loopback(endpoint: str) -> bool:
    """Whether an address names this machine; one that cannot be read names none."""
    try:
        host = urlsplit(endpoint).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _session(endpoint: str, user_agent: str, longest: float) -> "requests.Session":
    from flickrexif.collectors.flickr.deadline import bounded_session

    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # no proxy between this machine and itself
    return bounded_session(user_agent, longest, connections=1, proxies=not is_loopback(endpoint))


def _attempt(send: Callable[[], Reply]) -> Reply:
    """`send()`; raises `ConnectionFailed` for every failure of the network."""
    import requests
    from urllib3.exceptions import HTTPError

    try:
        return send()
    except (requests.RequestException, HTTPError, OSError) as error:
        kind = _kind(error)
    raise ConnectionFailed(kind)  # outside `except`, so that the caught error, which has the URL, is not attached


def _kind(error: BaseException) -> Kind:
    """The kind of failure, from the errors that requests and urllib3 wrap in one another."""
    import requests
    from urllib3 import exceptions as urllib3

    inner = [error, *(arg for arg in error.args if isinstance(arg, BaseException))]
    inner += [reason for e in inner if isinstance(reason := getattr(e, "reason", None), BaseException)]
    kinds: tuple[tuple[Kind, tuple[type[BaseException], ...]], ...] = (
        ("timed out", (requests.Timeout, urllib3.ReadTimeoutError, TimeoutError)),
        ("TLS failure", (requests.exceptions.SSLError, urllib3.SSLError)),
        ("unreachable", (urllib3.NewConnectionError,)),
    )
    for kind, types in kinds:
        if any(isinstance(e, types) for e in inner):
            return kind
    return "broken connection"


def _read(answer: "requests.Response") -> Reply:
    """The whole answer; ConnectionFailed when its body is over MAX_BODY."""
    body = bytearray()
    with answer:
        for chunk in answer.iter_content(CHUNK):
            body += chunk
            if len(body) > MAX_BODY:
                raise ConnectionFailed("answer too large")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status_code, headers, bytes(body))
