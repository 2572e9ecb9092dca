"""An HTTP server on loopback that answers as Flickr's API and image CDN do, over a population of photos.

    with Sandbox(SimulatedPopulation()) as sandbox:
        requests.get(sandbox.endpoint, params={"method": "flickr.test.echo", "api_key": "sandbox", ...})

The key is "sandbox", its secret "sandbox". Requests are plain GETs with `api_key`, or signed with OAuth 1.0a.
"""

import errno
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

from flickrexif.collectors.sandbox import images, oauth
from flickrexif.collectors.sandbox.answers import METHODS
from flickrexif.collectors.sandbox.faults import MISTAKEN, STALL_SECONDS, WITHHELD, Faults, failed, mistaken
from flickrexif.collectors.sandbox.population import Population
from flickrexif.collectors.sandbox.responses import Response, fail, json_response
from flickrexif.collectors.sandbox.search import Failure, Searcher
from flickrexif.core.errors import UsageError
from flickrexif.core.pictures import BadPicture

HOST = "127.0.0.1"
REST_PATH = "/services/rest"
MAX_BODY = 1_000_000  # bytes of a form
IMAGES_KEPT = 32
REASONS = {
    200: "OK",
    302: "Found",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
}


class Sandbox:
    """The embedded server, as a context manager: it listens between enter and exit.

    `calls`: (method, arguments) of the API calls that were answered without a fault; `attempts`: how many API calls
    came in all; `image_requests`: how many images were requested. `latency`: seconds before each answer. Raises
    UsageError when the port is not available.
    """

    def __init__(
        self, population: Population, *, faults: Faults | None = None, latency: float = 0.0, port: int = 0
    ) -> None:
        self.population, self.faults, self.latency, self.port = population, faults, latency, port
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.attempts = self.image_requests = 0
        self._verifier = oauth.Verifier()
        self._closing, self._counting = Event(), Lock()

    @property
    def base(self) -> str:
        """ "http://127.0.0.1:PORT", which the addresses of images begin with."""
        return f"http://{HOST}:{self.port}"

    @property
    def endpoint(self) -> str:
        """The address of the REST API."""
        return f"{self.base}{REST_PATH}/"

    def __enter__(self) -> Self:
        self._server = _listen(self.port, self)
        self.port = self._server.server_address[1]
        self._search = Searcher(self.population, self.base)
        self._image = lru_cache(IMAGES_KEPT)(self.population.image)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def call(self, http_method: str, url: str, body: str, authorization: str) -> Response:
        """The response to an API call; `url` is absolute, `body` a form ("" for a GET)."""
        with self._counting:
            number, self.attempts = self.attempts, self.attempts + 1
        self._closing.wait(self.latency)
        arguments = dict(parse_qsl(url.partition("?")[2], True) + parse_qsl(body, True))
        if refused := self._refuse(http_method, url, body, authorization, arguments):
            return refused
        arguments = {name: value for name, value in arguments.items() if not name.startswith("oauth_")}
        method = arguments.get("method", "")
        kind = self.faults.of_call(method, number) if self.faults else None
        response, answered = self._answer(method, mistaken(kind, arguments) if kind in MISTAKEN else arguments)
        if kind:
            return self._failed(kind, response)
        if answered:
            self.calls.append((method, arguments))
        return response

    def image(self, path: str) -> Response:
        """The response to a GET of an image's path; 404 with an empty body when there is no such image."""
        with self._counting:
            number, self.image_requests = self.image_requests, self.image_requests + 1
        self._closing.wait(self.latency)
        if path == images.UNAVAILABLE_PATH:
            return Response(200, images.UNAVAILABLE_GIF, "image/gif")
        kind = self.faults.of_image(path, number) if self.faults else None
        response = self._image_file(path)
        return self._failed(kind, response) if kind else response

    def _refuse(
        self, http_method: str, url: str, body: str, authorization: str, arguments: Mapping[str, str]
    ) -> Response | None:
        """The refusal of a request whose key or signature is wrong, else None."""
        if authorization.startswith("OAuth") or "oauth_signature" in arguments:
            problem = self._verifier.problem(http_method, url, body, authorization)
            return Response(401, problem.encode()) if problem else None
        if arguments.get("api_key") != oauth.KEY:
            return _json(fail(100, "Invalid API Key (Key has invalid format)"), arguments)
        return None

    def _answer(self, method: str, arguments: Mapping[str, str]) -> tuple[Response, bool]:
        """The response, and whether a method of the API made it."""
        if arguments.get("format") != "json":
            return _no_format(arguments.get("format", "rest")), False
        try:
            if method == "flickr.photos.search":
                return _json(self._search.answer(arguments), arguments), True
            if method not in METHODS:
                return _json(fail(112, f'Method "{method}" not found'), arguments), False
            answer = METHODS[method](self.population, arguments, self.base)
            if method == "flickr.photos.getInfo":
                self._withhold(arguments)
            return _json({**answer, "stat": "ok"}, arguments), True
        except Failure as failure:
            return _json(fail(failure.code, failure.message), arguments), True

    def _withhold(self, arguments: Mapping[str, str]) -> None:
        """Raise Failure for a photo that is private or deleted since the search."""
        if kind := self.faults and self.faults.of_photo(int(arguments["photo_id"])):
            raise Failure(*WITHHELD[kind])

    def _image_file(self, path: str) -> Response:
        named = images.parse_path(path)
        photo = self.population.photo(named[0]) if named else None
        if named is None or photo is None or photo.exif_access == "deleted":
            return Response(404)
        file = images.image_file(photo, named[1], self.base)
        if file is None or file.url != self.base + path:
            return Response(404)
        try:
            data = self._image(photo, file.size)
        except (OSError, BadPicture):  # the file behind it is gone or broken
            return Response(404)
        return Response(200, data, images.content_type(data))

    def _failed(self, kind: str, response: Response) -> Response:
        if kind == "stall":
            self._closing.wait(STALL_SECONDS)
        return failed(kind, response, time.time())


def serve(population: Population, port: int, faults: Faults | None, latency: float, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `say` gets a line with the address. Raises UsageError when the port is not available."""
    with Sandbox(population, faults=faults, latency=latency, port=port) as sandbox, suppress(KeyboardInterrupt):
        say(f"Serving {population.name} photos at {sandbox.endpoint} (key and secret: sandbox); Ctrl-C stops.")
        Event().wait()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, port: int, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._connections: dict[Any, Thread] = {}
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._connections.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Close the connections that clients keep open, and wait for their threads."""
        for connection, thread in list(self._connections.items()):
            _shut(connection)
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.rstrip("/") == REST_PATH:
            self._send(self._call(""))
        else:
            self._send(self.server.sandbox.image(path))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._send(Response(413 if length.isdigit() else 411))
            return
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        rest = self.path.partition("?")[0].rstrip("/") == REST_PATH
        self._send(self._call(body) if rest else Response(404))

    def _call(self, body: str) -> Response:
        url = f"http://{self.headers.get('Host', HOST)}{self.path}"
        return self.server.sandbox.call(self.command, url, body, self.headers.get("Authorization", ""))

    def _send(self, response: Response) -> None:
        if response.sent != "whole":
            self.close_connection = True
        if response.sent == "nothing":
            return
        body = response.body if response.sent == "whole" else response.body[: len(response.body) // 2]
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Error')}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            f"X-Sandbox-Population: {self.server.sandbox.population.name}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """No line per request: a crawl makes thousands."""


def _listen(port: int, sandbox: Sandbox) -> _Server:
    try:
        return _Server(port, sandbox)
    except (OSError, OverflowError) as error:
        used = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        what = "already in use" if used else "not to be had"
        raise UsageError(f"Port {port} is {what}.", "Use another, for example --port 8601.") from None


def _shut(connection: socket) -> None:
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:  # it has ended by itself
        return


def _json(answer: Mapping[str, Any] | bytes, arguments: Mapping[str, str]) -> Response:
    return json_response(answer, callback=arguments.get("nojsoncallback") != "1")


def _no_format(name: str) -> Response:
    message = quoteattr(f'Format "{name}" not found')
    error = f'<rsp stat="fail">\n\t<err code="111" msg={message} />\n</rsp>\n'
    xml = f'<?xml version="1.0" encoding="utf-8" ?>\n{error}'
    return Response(200, xml.encode(), "text/xml; charset=utf-8")
