"""One HTTP response, as the embedded server sends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body and headers, and how much of the body is sent.

    `sent`: "whole" keeps the connection open; "half" announces the full length, sends half and closes the connection;
    "nothing" closes it without sending a byte.
    """

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    sent: Literal["whole", "half", "nothing"] = "whole"


def json_response(answer: Mapping[str, Any] | bytes, *, callback: bool = False) -> Response:
    """An API answer (a mapping, or its JSON already encoded); HTTP 200 also for failures of the API.

    `callback` wraps it in jsonFlickrApi(...), as Flickr does without nojsoncallback=1.
    """
    body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    if callback:
        return Response(200, b"jsonFlickrApi(" + body + b")", "text/javascript; charset=utf-8")
    return Response(200, body, "application/json")


def fail(code: int, message: str) -> dict[str, object]:
    """A failure of the API, which comes with HTTP 200."""
    return {"stat": "fail", "code": code, "message": message}


def html_response(status: int, title: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """An error page, as a load balancer in front of the API sends it."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(status, page.encode(), "text/html; charset=utf-8", headers)
