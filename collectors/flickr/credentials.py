"""The API key, read from the environment or a file it names; never from arguments, never in logs or the journal."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flickrexif.collectors.flickr.connection import check_connection
from flickrexif.collectors.flickr.transport import PlainTransport, SignedTransport, Transport, is_loopback
from flickrexif.core.addresses import expanded
from flickrexif.core.errors import UsageError

KEY_PAGE = "https://www.flickr.com/services/apps/create/"
LINE = re.compile(r"(?:export\s+)?(?:FLICKR_API_)?(KEY|SECRET)\s*=\s*(['\"]?)(\w*)\2", re.ASCII | re.IGNORECASE)
MAX_FILE = 10_000  # bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key, and its secret when the calls are to be signed; neither is ever printed."""

    key: str = field(repr=False)
    secret: str | None = field(repr=False, default=None)


SANDBOX = Credentials("sandbox", "sandbox")  # what the embedded server accepts


def from_environment(environ: Mapping[str, str], endpoint: str) -> Credentials:
    """The credentials for calls to `endpoint`; `UsageError` when there are none, they cannot be read, or `endpoint` is
    not a web address.

    FLICKR_API_KEY and FLICKR_API_SECRET come first, then the file named by FLICKR_CREDENTIALS, then, when the
    endpoint is on this machine, what the embedded server accepts.
    """
    _check(endpoint)
    values = {name: environ.get(f"FLICKR_API_{name}", "").strip() for name in ("KEY", "SECRET")}
    file = environ.get("FLICKR_CREDENTIALS", "").strip()
    if values["KEY"]:
        return _credentials(values, "The environment")
    if file:
        return _credentials(_read(expanded(file)), f"The file {file}")
    if values["SECRET"]:
        raise UsageError("FLICKR_API_SECRET is set, but FLICKR_API_KEY is not.", "Set both.")
    if is_loopback(endpoint):
        return SANDBOX
    raise UsageError(
        f"No Flickr API key: set FLICKR_API_KEY and FLICKR_API_SECRET to a key from {KEY_PAGE}",
        "(or add --sandbox, which works without a key).",
    )


def transport(credentials: Credentials, endpoint: str, user_agent: str) -> Transport:
    """Signed calls when there is a secret, else plain ones.

    `UsageError` when `endpoint` is not a web address, or when this machine's settings do not let it be reached.
    """
    _check(endpoint)
    check_connection(endpoint, user_agent)
    if credentials.secret is None:
        return PlainTransport(credentials.key, endpoint, user_agent)
    return SignedTransport(credentials.key, credentials.secret, endpoint, user_agent)


def _check(endpoint: str) -> None:
    from urllib3.util import parse_url  # requests parses addresses with it

    try:
        parts = parse_url(endpoint)
        host = (parts.host or "").encode("idna")
        valid = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:  # a port that is not a number, half an IPv6 address, two dots in a row
        valid = False
    if not valid or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise UsageError(
            f"{endpoint[:100]!r} is not the address of an API.",
            "Give one such as https://api.flickr.com/services/rest/ or http://127.0.0.1:8600/services/rest/.",
        )


def _credentials(values: Mapping[str, str], origin: str) -> Credentials:
    """Check that key and secret are letters and digits; anything else is a typing error, such as a stray quote."""
    for name, value in values.items():
        if value and not re.fullmatch(r"[0-9A-Za-z_]+", value):
            raise UsageError(f"{origin} has a {name.lower()} that is not letters and digits.", "Correct it.")
    if not values.get("KEY"):
        raise UsageError(f"{origin} names no key.", "It needs the lines key=... and secret=...")
    return Credentials(values["KEY"], values.get("SECRET") or None)


def _read(path: Path) -> dict[str, str]:
    """The `key=` and `secret=` lines of a file; UsageError when other users can read it."""
    try:
        with path.open("rb") as file:
            private = os.name != "posix" or not os.fstat(file.fileno()).st_mode & 0o077
            lines = file.read(MAX_FILE).decode("utf-8", "replace").splitlines() if private else []
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", "Correct FLICKR_CREDENTIALS.") from None
    if not private:
        raise UsageError(f"Others can read {path}.", f"Type: chmod 600 {shlex.quote(str(path))}")
    values = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text and not (match := LINE.fullmatch(text)):
            raise UsageError(f"Line {number} of {path} is neither key=... nor secret=...", "Correct the line.")
        if text and match:
            values[match[1].upper()] = match[3]
    return values
